//! The end of a trial: kept by somebody who proved that a new connection gets in, or given up at once.

use super::answer::{Confirmed, Cuts, Ended};
use super::apply::drain;
use super::caller::Caller;
use super::machine::Live;
use super::plan::cuts;
use super::request::Refused;
use super::state::{Entry, Fate, Snapshot, Standing};
use super::tables::{self, Generation};
use super::{Keeper, Serving, texts};

impl Keeper {
    /// Keeps what is on trial.
    pub(super) fn confirm(&mut self, caller: &Caller) -> Result<Confirmed, Refused> {
        let entry = self.on_trial()?;
        refuse_same_connection(&entry, caller)?;
        let missing = || Refused::no(format!("the file of snapshot {} is damaged", entry.number));
        let snapshot = self.state.snapshot(entry.number)?.ok_or_else(missing)?;
        let before = self.before()?;
        let generation = Generation::of(&snapshot);
        let table = tables::alone(generation);
        self.load(&table, &[tables::end()])?;
        if let Err(refused) = self.prove(&table, None, &snapshot) {
            self.roll_back(&entry, refused.reason.clone(), None)?;
            return Err(refused);
        }
        if let Err(error) = self.state.stand(Standing::Snapshot(snapshot.number)) {
            self.go_on_with(&entry, before.as_ref(), &snapshot)?;
            let reason = format!("snapshot {} stays on trial", entry.number);
            return Err(Refused::from(error).because(&reason));
        }
        self.write_down(Fate::Confirmed { at: self.machine.now() });
        self.routes_before = None;
        let observed = self.machine.observe(&[])?;
        self.keep_ssh_ports(&observed);
        let cut = match texts::of_snapshot(&snapshot).map_or(0, |read| drain(&read.plan)) {
            0 => self.cut_what_is_forbidden(before.as_ref(), &snapshot, caller)?,
            // They were let go on when the trial began, and the kernel ends that.
            _ => Cuts::default(),
        };
        Ok(Confirmed { snapshot: snapshot.number, cut })
    }

    /// Has the kernel go on with a trial for the time that it has left, as the records do.
    fn go_on_with(
        &mut self,
        entry: &Entry,
        before: Option<&Snapshot>,
        snapshot: &Snapshot,
    ) -> Result<(), Refused> {
        let Fate::Trial { until } = entry.fate else { return Ok(()) };
        let left = until.saturating_sub(self.machine.now()).max(1);
        let table = tables::on_trial(before.map(Generation::of), Generation::of(snapshot));
        self.load(&table, &[tables::begin(left)])
    }

    /// Ends the trial at once.
    pub(super) fn end_trial(&mut self, caller: &Caller, serving: Serving<'_>) -> Result<Ended, Refused> {
        let entry = self.on_trial()?;
        let routes_back = self.roll_back(&entry, format!("taken back by {}", caller.who), serving)?;
        self.notices.retain(|notice| !notice.contains("was rolled back: taken back"));
        Ok(Ended { snapshot: entry.number, back_to: self.state.confirmed(), routes_back })
    }

    /// The line of the snapshot that is on trial.
    fn on_trial(&mut self) -> Result<Entry, Refused> {
        self.kernel()?;
        match self.state.last() {
            Some(entry @ Entry { fate: Fate::Trial { .. }, .. }) => Ok(entry.clone()),
            Some(Entry { number, fate: Fate::RolledBack { reason, .. }, .. }) => {
                Err(Refused::no(format!("nothing is on trial: snapshot {number} was rolled back: {reason}"))
                    .with_hint("`portcullis apply` tries again"))
            }
            Some(Entry { number, fate: Fate::NotApplied { reason, .. }, .. }) => {
                Err(Refused::no(format!("nothing is on trial: snapshot {number} was not applied: {reason}"))
                    .with_hint("`portcullis apply` tries again"))
            }
            _ => {
                Err(Refused::no("nothing is on trial")
                    .with_hint("`portcullis apply` puts something on trial"))
            }
        }
    }

    fn cut_what_is_forbidden(
        &mut self,
        before: Option<&Snapshot>,
        snapshot: &Snapshot,
        caller: &Caller,
    ) -> Result<Cuts, Refused> {
        let observed = self.machine.observe(&[])?;
        let before = before.map(|before| &before.compiled);
        let known = self.known(&observed, before, &snapshot.compiled)?;
        self.cut(&known.forbidden, caller)
    }

    /// Ends connections, those of who asks last: this may be the end of who runs it. They have said that their session
    /// may end, and its packets are refused already; what stays would only hang.
    pub(super) fn cut(&mut self, forbidden: &[Live], caller: &Caller) -> Result<Cuts, Refused> {
        let sockets = forbidden.iter().filter(|live| live.socket.is_some()).cloned();
        let mut sockets: Vec<Live> = sockets.collect();
        sockets.sort_by_key(|live| caller.has_session_from(live.connection.peer));
        for (live, reason) in self.machine.cut(&sockets)? {
            let (peer, local) = (live.connection.peer, live.connection.local);
            self.notices.push(format!("the connection from {peer} to {local} goes on: {reason}"));
        }
        Ok(cuts(forbidden, caller))
    }
}

/// A connection that was there before the change proves nothing: its packets may pass where a new one is refused.
fn refuse_same_connection(entry: &Entry, caller: &Caller) -> Result<(), Refused> {
    if caller.console {
        return Ok(());
    }
    let new = caller.own_sessions().find(|session| !entry.sessions.contains(&session.peer));
    if new.is_some() {
        return Ok(());
    }
    let reason = match caller.own_sessions().next() {
        Some(session) => format!(
            "this connection (from {}) was there before the change, so it does not prove that a new one gets in",
            session.peer
        ),
        None => "it cannot be told which connection you use, so it does not prove that a new one gets in"
            .to_owned(),
    };
    Err(Refused::no(reason).with_hint(
        "open a new connection and confirm there; with OpenSSH's ControlMaster a second `ssh` shares the old one: \
         use `ssh -o ControlPath=none`; --console is for people at the machine itself",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::caller::{Session, Who};
    use super::super::state::{ChangedRules, Number};
    use super::*;
    use std::net::SocketAddr;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn caller(peers: &[(&str, bool)], console: bool) -> Caller {
        let session = |(peer, own): &(&str, bool)| Session {
            peer: address(peer),
            local: address("192.0.2.1:22"),
            own: *own,
        };
        Caller { who: Who::default(), sessions: peers.iter().map(session).collect(), console }
    }

    #[test]
    fn only_a_connection_that_was_made_after_the_change_confirms_it() {
        let entry = |sessions: &[&str]| Entry {
            number: Number(1),
            applied_at: 0,
            who: Who::default(),
            sessions: sessions.iter().map(|peer| address(peer)).collect(),
            origin: String::new(),
            rules: 0,
            changed: ChangedRules::default(),
            fate: Fate::Trial { until: 60 },
        };
        let (old, new) = ("198.51.100.7:50000", "198.51.100.7:50001");
        for (applied, confirming, console, accepted) in [
            (&[old][..], &[(new, true)][..], false, true),
            (&[old], &[(old, true)], false, false),
            (&[old], &[(old, true), (new, false)], false, false),
            (&[old, new], &[(new, true)], false, false),
            (&[old], &[], false, false),
            (&[old], &[], true, true),
            (&[old], &[(old, true)], true, true),
            (&[], &[], false, false),
            (&[], &[(old, true)], false, true),
        ] {
            let verdict = refuse_same_connection(&entry(applied), &caller(confirming, console));
            assert_eq!(verdict.is_ok(), accepted, "{applied:?} {confirming:?} {console}");
        }
    }
}
