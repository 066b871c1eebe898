//! Bans and grants.

use super::{counted, table};
use crate::keeper::{Banned, BannedSource, GrantInForce, Granted, shown_source};
use crate::span;

/// What a ban or its end did.
pub(crate) fn banned(done: &Banned, what: &str) -> String {
    let now = if done.enforced { "" } else { "; none is refused until the firewall is enforced" };
    let longer = match done.longer {
        0 => String::new(),
        1 => "; 1 was banned for longer already and stays so (--replace shortens it)".to_owned(),
        more => format!("; {more} were banned for longer already and stay so (--replace shortens it)"),
    };
    let denied = match (done.denied, done.sources) {
        (0, _) => String::new(),
        (1, 1) => ", but on a deny list, so it stays refused".to_owned(),
        (number, _) => format!(", but {number} of them on a deny list, which stays refused"),
    };
    format!(
        "{} {what}{denied}, {} in all{longer}{now}\n",
        counted(done.sources, "source"),
        counted(done.total, "ban")
    )
}

/// The bans.
pub(crate) fn bans(list: &[BannedSource], now: u64) -> String {
    if list.is_empty() {
        return "nobody is banned\n".to_owned();
    }
    let header = ["source", "ends in", "why"].map(str::to_owned);
    table(
        &header,
        list.iter().map(|ban| {
            let left =
                ban.until.map_or_else(|| "never".to_owned(), |until| span::text(until.saturating_sub(now)));
            [shown_source(&ban.source), left, ban.note.clone().unwrap_or_default()]
        }),
    )
}

/// The grants.
pub(crate) fn grants(list: &[GrantInForce], now: u64) -> String {
    if list.is_empty() {
        return "nothing is granted\n".to_owned();
    }
    let header = ["port", "for", "ends in", "granted by"].map(str::to_owned);
    table(
        &header,
        list.iter().map(|grant| {
            let left = span::text(grant.until.saturating_sub(now));
            [port(&grant.granted), grant.granted.address.to_string(), left, grant.who.to_string()]
        }),
    )
}

/// What is granted: `22/tcp for 192.0.2.7`.
pub(crate) fn granted(granted: &Granted) -> String {
    format!("{} for {}", port(granted), granted.address)
}

fn port(granted: &Granted) -> String {
    let protocol = if granted.protocol == 17 { "udp" } else { "tcp" };
    format!("{}/{protocol}", granted.port)
}
