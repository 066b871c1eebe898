//! Putting a configuration in force: prepared, checked, installed, and its routes with it.

use super::answer::{Applied, Cuts, Packets, Planned, Weight};
use super::caller::{Caller, Session};
use super::install::Installation;
use super::plan::{Prepared, Served};
use super::policy::{self, Compiled};
use super::request::{Apply, Refused, Trial};
use super::state::{ChangedRules, Entry, Fate, Number, Snapshot};
use super::tables::{self, slot};
use super::{Keeper, Serving, addresses};
use crate::configuration::Origin;
use firewall::connections::Opener;
use firewall::draft::Draft;
use model::plan::Plan;
use std::net::SocketAddr;

/// How a trial ends.
pub(crate) const END_TRIAL: &str = "`portcullis confirm` keeps it, `portcullis rollback` ends it";

/// Why nothing is applied while a snapshot is on trial.
pub(crate) fn during_trial(number: Number) -> String {
    format!("snapshot {number} is on trial: confirm or rollback first")
}

impl Keeper {
    /// Puts a configuration in force.
    pub(super) fn apply(
        &mut self,
        asked: &Apply,
        caller: &Caller,
        serving: Serving<'_>,
    ) -> Result<Applied, Refused> {
        self.refuse_during_trial()?;
        let mut prepared = self.prepare(&asked.wanted, caller, serving)?;
        if asked.shown.as_ref().is_some_and(|shown| *shown != prepared.planned.name) {
            return Err(Refused::no(
                "the plan is another one than the one that was shown, so nothing is changed",
            )
            .with_hint("somebody changed the file, or an address or a listener changed; look at it again"));
        }
        let Some(draft) = prepared.draft.take() else {
            return self.apply_without_packets(&prepared, serving);
        };
        let installation = self.decide(asked, &prepared, draft, caller)?;
        self.install(&installation)?;
        let routes = self.serve(&prepared, &installation, serving)?;
        let at_once = installation.trial_seconds.is_none();
        if let Err(error) = addresses::keep(&mut self.state, &prepared.proved) {
            self.notices.push(crate::failure::with_causes(&error));
        }
        self.keep_ssh_ports(&prepared.observed);
        let cut = at_once && drain(&prepared.read.plan) == 0;
        let cut = if cut { self.cut(&prepared.forbidden, caller)? } else { Cuts::default() };
        Ok(applied(&installation, &prepared, routes, cut))
    }

    /// What is installed, if anything may be.
    fn decide(
        &mut self,
        asked: &Apply,
        prepared: &Prepared,
        draft: Draft,
        caller: &Caller,
    ) -> Result<Installation, Refused> {
        self.kernel()?;
        if let Some(place) = self.machine.container() {
            return Err(Refused::no(format!(
                "[firewall] is for machines, and this is a container ({place})"
            ))
            .with_hint("run it on the host, whose packets come first"));
        }
        refuse_errors(&prepared.planned)?;
        let before = prepared.before.as_ref().map(|before| &before.compiled);
        policy::refuse_to_open_ssh(before, draft.compiled(), asked.wanted.risks)?;
        let carriers = |session: &Session| {
            let route = self.machine.route(session.local.ip(), session.peer.ip());
            policy::carriers(&prepared.observed.interfaces, session, route)
        };
        let sessions: Vec<_> = caller.sessions.iter().map(|session| (*session, carriers(session))).collect();
        let compiled = policy::check(draft, caller, &sessions, asked.wanted.risks)?;
        let trial_seconds = match asked.trial {
            _ if !prepared.planned.packets_change => None,
            Trial::AsConfigured => Some(prepared.planned.confirm_seconds),
            Trial::Seconds(seconds) => Some(seconds),
            Trial::None => None,
        };
        Ok(self.installation(prepared, compiled, caller, trial_seconds))
    }

    /// What an apply would install, for tests that stop between its steps.
    #[cfg(test)]
    pub(super) fn prepared_installation(&mut self, asked: &Apply, caller: &Caller) -> Installation {
        let mut prepared = self.prepare(&asked.wanted, caller, None).expect("a plan");
        let draft = prepared.draft.take().expect("packets");
        self.decide(asked, &prepared, draft, caller).expect("an installation")
    }

    /// A second policy on trial would have nothing certain to go back to.
    fn refuse_during_trial(&mut self) -> Result<(), Refused> {
        match self.state.last() {
            Some(&Entry { number, fate: Fate::Trial { .. }, .. }) => {
                // Without the kernel it is not known whether it still is.
                self.kernel()?;
                Err(Refused::no(during_trial(number)).with_hint(END_TRIAL))
            }
            _ => Ok(()),
        }
    }

    /// A file without `[firewall]` never opens a machine that was closed.
    fn apply_without_packets(
        &mut self,
        prepared: &Prepared,
        serving: Serving<'_>,
    ) -> Result<Applied, Refused> {
        if prepared.before.is_some() {
            return Err(Refused::no(format!(
                "{} has no [firewall], and packets are in force",
                prepared.read.origin
            ))
            .with_hint("`portcullis firewall off` switches the firewall off; then this can be applied"));
        }
        let Some(routes) = serving else {
            return Err(Refused::no(
                "there is nothing to apply: no [firewall], and no gate runs that serves the routes",
            )
            .with_hint("`portcullis up` runs the gate"));
        };
        refuse_errors(&prepared.planned)?;
        routes.install(served(prepared))?;
        let snapshot = self.state.confirmed().unwrap_or(Number(0));
        Ok(Applied { snapshot, packets: Packets::Unchanged, routes: true, cut: Cuts::default() })
    }

    fn installation(
        &self,
        prepared: &Prepared,
        compiled: Compiled,
        caller: &Caller,
        trial_seconds: Option<u64>,
    ) -> Installation {
        let number = self.state.next_number();
        let before = prepared.before.clone();
        let unchanged =
            before.as_ref().filter(|_| !prepared.planned.packets_change).map(|before| before.slot);
        let other = before.as_ref().map(|before| slot(before.slot).other().letter());
        let slot = unchanged.or(other).unwrap_or('b');
        let entry = Entry {
            number,
            applied_at: self.machine.now(),
            who: caller.who.clone(),
            sessions: sessions(caller, prepared, &compiled),
            origin: prepared.read.origin.clone(),
            rules: compiled.rules.len(),
            changed: ChangedRules::of(&prepared.planned.rules),
            fate: Fate::Begun,
        };
        let new = Snapshot {
            number,
            file: prepared.read.file.clone(),
            texts: prepared.read.texts.clone(),
            host: prepared.host.clone(),
            compiled,
            slot,
        };
        let drained = match drain(&prepared.read.plan) {
            0 => Vec::new(),
            seconds => tables::drain(&prepared.forbidden, seconds + trial_seconds.unwrap_or(0)),
        };
        Installation { before, new, entry, trial_seconds, drained }
    }

    /// Has the gate serve the routes; when it cannot, the packets go back as well.
    fn serve(
        &mut self,
        prepared: &Prepared,
        installation: &Installation,
        serving: Serving<'_>,
    ) -> Result<bool, Refused> {
        let Some(routes) = serving else { return Ok(false) };
        let before = routes.served();
        if let Err(failure) = routes.install(served(prepared)) {
            let refused = Refused::from(failure);
            self.withdraw(installation, &refused)?;
            return Err(refused);
        }
        self.routes_before = installation.trial_seconds.map(|_| before);
        Ok(true)
    }
}

/// What is written and would not be enforced or served is a problem of the file. The plan names all of them.
fn refuse_errors(planned: &Planned) -> Result<(), Refused> {
    let mut errors = planned.findings.iter().filter(|finding| finding.weight == Weight::Error);
    let Some(first) = errors.next() else { return Ok(()) };
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {more} more in `portcullis plan`"),
    };
    let refused = Refused::no(format!("nothing is changed: {}{more}", first.text));
    Err(Refused { hint: first.hint.clone(), ..refused })
}

/// For how many seconds connections go on that a new policy forbids.
pub(super) fn drain(plan: &Plan) -> u64 {
    plan.policy.firewall.as_ref().map_or(0, |firewall| firewall.drain.as_secs())
}

fn served(prepared: &Prepared) -> Served {
    Served { origin: Origin::File(prepared.read.file.clone()), plan: prepared.read.plan.clone() }
}

/// Where logins come from that are there before the change, and so cannot prove that a new one gets in.
fn sessions(caller: &Caller, prepared: &Prepared, compiled: &Compiled) -> Vec<SocketAddr> {
    let ports = &compiled.canonical.administration;
    let logins = prepared.live.iter().map(|live| &live.connection);
    let logins = logins.filter(|one| one.opened_by == Opener::Peer && ports.contains(&one.local.port()));
    // Applied at the console, nobody's connection has to be new.
    if caller.console {
        return Vec::new();
    }
    // Through a multiplexer it is not known which one is theirs, so none of them is new.
    let theirs = caller.sessions.iter().map(|session| session.peer);
    theirs.chain(logins.map(|one| one.peer)).collect()
}

fn applied(installation: &Installation, prepared: &Prepared, routes: bool, cut: Cuts) -> Applied {
    let packets = match installation.trial_seconds {
        Some(seconds) => Packets::Trial { seconds, first: installation.before.is_none() },
        None if prepared.planned.packets_change => Packets::InForce,
        None => Packets::Unchanged,
    };
    Applied { snapshot: installation.new.number, packets, routes, cut }
}
