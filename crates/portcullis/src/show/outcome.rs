//! What an apply, a confirmation, the end of a trial, a restore did.

use super::plan::{bounded, cut, listeners};
use super::{counted, standing};
use crate::keeper::{Applied, Confirmed, Ended, Openings, Packets, Restored};
use crate::span;

/// What an apply did, and what to do next: the command that confirms here, where no connection has to be new.
pub(crate) fn applied(applied: &Applied, here: Option<&str>) -> String {
    let routes = if applied.routes { "sites and services are installed; " } else { "" };
    let number = applied.snapshot;
    match applied.packets {
        Packets::Unchanged => format!("snapshot {number}: {routes}packets stay as they are\n"),
        Packets::InForce => {
            format!("snapshot {number}: {routes}its packets are in force\n{}", cut(&applied.cut, "cut"))
        }
        Packets::Trial { seconds, first } => {
            let back = if first {
                "nothing is filtered again, as before"
            } else {
                "what was in force before is in force again"
            };
            let confirm = match here {
                Some(command) => format!("run `{command}` here"),
                None => "open a NEW connection to this machine and run `portcullis confirm` there".to_owned(),
            };
            let routes_back = if applied.routes {
                ";\na gate that runs serves the sites and services from before again"
            } else {
                ""
            };
            format!(
                "snapshot {number}: {routes}its packets are on trial for {span}\n\
                 {confirm} within {span};\n\
                 otherwise {back}, even if nothing of Portcullis runs any more{routes_back}\n",
                span = span::text(seconds)
            )
        }
    }
}

/// What a confirmation did.
pub(crate) fn confirmed(confirmed: &Confirmed) -> String {
    format!("snapshot {} is confirmed and stays in force\n{}", confirmed.snapshot, cut(&confirmed.cut, "cut"))
}

/// What the end of a trial led to.
pub(crate) fn ended(ended: &Ended) -> String {
    let routes =
        if ended.routes_back { "the sites and services from before it are served again\n" } else { "" };
    format!("snapshot {} is off trial; in force is {}\n{routes}", ended.snapshot, standing(ended.back_to))
}

/// What a restore did.
pub(crate) fn restored(restored: &Restored) -> String {
    match restored {
        Restored::Snapshot(number) => format!("snapshot {number} is in force\n"),
        Restored::Already(number) => format!("snapshot {number} was in force already\n"),
        Restored::Minimum { reason } => {
            format!("{reason}, so nothing but ssh is reachable; `portcullis apply` changes that\n")
        }
        Restored::Left { reason } => {
            format!(
                "{reason}, and packets of ours are in force, which stay; `portcullis apply` replaces them\n"
            )
        }
        Restored::Off => {
            "the firewall was switched off, so it stays off; `portcullis apply` switches it on\n".to_owned()
        }
    }
}

/// What is open when the firewall is switched off.
pub(crate) fn openings(openings: &Openings) -> String {
    if !openings.enforced {
        return "the firewall is not enforced\n".to_owned();
    }
    let mut text = "without the firewall every packet passes that no other firewall refuses".to_owned();
    text += match openings.listeners.len() {
        0 => "; nothing listens that is closed now\n",
        _ => ":\n",
    };
    text += &bounded("reachable from anywhere afterwards", &openings.listeners, listeners);
    if openings.bans > 0 {
        let verb = if openings.bans == 1 { "is" } else { "are" };
        text += &format!("{} {verb} not enforced until it is on again\n", counted(openings.bans, "ban"));
    }
    text
}
