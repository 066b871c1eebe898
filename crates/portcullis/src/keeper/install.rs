//! Putting a snapshot in force, one step after the other. Each step leaves the machine with the old or the new packets,
//! so an end after any of them is one that [`super::settle`] understands.

use super::request::{Blame, Refused};
use super::state::{Entry, Fate, Snapshot, Standing};
use super::tables::{self, Generation};
use super::{Keeper, policy};
use firewall::nft::Table;
use host::nft::LiveChange;

/// What is put in force.
pub(super) struct Installation {
    /// What was in force before.
    pub(super) before: Option<Snapshot>,
    /// What comes.
    pub(super) new: Snapshot,
    /// Its line in the history.
    pub(super) entry: Entry,
    /// How long it is on trial; `None` puts it in force for good.
    pub(super) trial_seconds: Option<u64>,
    /// Connections that go on for a time although it forbids them.
    pub(super) drained: Vec<LiveChange>,
}

/// The steps of an installation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The snapshot and its line in the history are written.
    Record,
    /// The kernel is given the packets, which are in force whole or not at all.
    Load,
    /// They are read back and proved to be the policy.
    Prove,
    /// Without a trial: the snapshot is named as the confirmed one.
    Name,
    /// What became of it is written.
    Note,
}

impl Step {
    pub(super) const ALL: [Self; 5] = [Self::Record, Self::Load, Self::Prove, Self::Name, Self::Note];
}

impl Keeper {
    /// Does every step.
    pub(super) fn install(&mut self, installation: &Installation) -> Result<(), Refused> {
        self.install_with(installation, &Step::ALL)
    }

    /// Does some steps.
    pub(super) fn install_with(
        &mut self,
        installation: &Installation,
        steps: &[Step],
    ) -> Result<(), Refused> {
        steps.iter().try_for_each(|step| self.step(*step, installation))
    }

    fn step(&mut self, step: Step, installation: &Installation) -> Result<(), Refused> {
        let now = self.machine.now();
        match step {
            Step::Record => {
                self.name_what_was_unknown(installation.before.as_ref())?;
                self.state.begin(&installation.new, installation.entry.clone()).map_err(Refused::unchanged)
            }
            Step::Load => {
                let (table, live) = self.wanted(installation, now);
                let carried = self.remembered(installation.before.as_ref());
                let loaded = self.load(&table, &live);
                loaded.inspect_err(|refused| self.give_up(refused, now))?;
                self.remember(&installation.new, &carried);
                Ok(())
            }
            Step::Prove => {
                let (table, _) = self.wanted(installation, now);
                let before = installation.before.as_ref().filter(|_| installation.trial_seconds.is_some());
                let proved = self.prove(&table, before, &installation.new);
                proved.or_else(|refused| self.take_back(installation.before.as_ref(), refused, now))
            }
            Step::Name => match installation.trial_seconds {
                Some(_) => Ok(()),
                None => {
                    let named = self.state.stand(Standing::Snapshot(installation.new.number));
                    let named = named.map_err(Refused::unchanged);
                    named.or_else(|refused| self.take_back(installation.before.as_ref(), refused, now))
                }
            },
            Step::Note => {
                self.write_down(match installation.trial_seconds {
                    Some(seconds) => Fate::Trial { until: now + seconds },
                    None => Fate::Confirmed { at: now },
                });
                Ok(())
            }
        }
    }

    /// What stands in for a table that the records know nothing of is written down, so that a trial goes back to it.
    fn name_what_was_unknown(&mut self, before: Option<&Snapshot>) -> Result<(), Refused> {
        let is_known = matches!(self.state.standing(), Standing::Snapshot(_));
        let Some(before) = before.filter(|_| !is_known) else { return Ok(()) };
        self.state.amend(before)?;
        Ok(self.state.stand(Standing::Snapshot(before.number))?)
    }

    /// The table of an installation, and what changes in its live sets.
    fn wanted(&self, installation: &Installation, now: u64) -> (Table, Vec<LiveChange>) {
        let (before, new) =
            (installation.before.as_ref().map(Generation::of), Generation::of(&installation.new));
        let (table, trial) = match installation.trial_seconds {
            Some(seconds) => (tables::on_trial(before, new), tables::begin(seconds)),
            None => (tables::alone(new), tables::end()),
        };
        let mut live = self.filling(new, now);
        live.push(trial);
        live.extend(installation.drained.iter().cloned());
        (table, live)
    }

    /// What the live sets of a policy hold: its rules with an end, and the addresses of its names.
    pub(super) fn filling(&self, generation: Generation<'_>, now: u64) -> Vec<LiveChange> {
        let mut live = tables::ends_of_rules(generation, now);
        live.extend(self.names.changes(generation, now));
        live
    }

    /// Gives the kernel a table. One that was not there before gets every ban and grant.
    pub(super) fn load(&mut self, table: &Table, live: &[LiveChange]) -> Result<(), Refused> {
        match self.kernel()?.read()? {
            Some(_) => self.replace(table, live),
            None => self.load_with_lists(table, live),
        }
    }

    /// Makes the kernel's table another one. What it leaves behind is told.
    pub(super) fn replace(&mut self, table: &Table, live: &[LiveChange]) -> Result<(), Refused> {
        if let Some(left) = self.kernel()?.replace(table, live)? {
            self.notices.push(crate::failure::with_causes(&left));
        }
        Ok(())
    }

    /// Reads the table back and proves that it is the policy.
    pub(super) fn prove(
        &mut self,
        wanted: &Table,
        before: Option<&Snapshot>,
        new: &Snapshot,
    ) -> Result<(), Refused> {
        let read = self.kernel()?.read()?.unwrap_or_default();
        policy::prove(&read, wanted, before.map(Generation::of), Generation::of(new)).map_err(|reason| Refused {
            blame: Blame::Portcullis,
            ..Refused::no(format!("the kernel gave back other packets than it was given: {reason}"))
                .with_hint("the old packets are in force again; please report this with `portcullis firewall show --planned`")
        })
    }

    /// The packets that were given are not the policy: those before are put back.
    fn take_back(&mut self, before: Option<&Snapshot>, refused: Refused, now: u64) -> Result<(), Refused> {
        self.go_back_to(before)?;
        self.give_up(&refused, now);
        Err(refused)
    }

    /// Takes back what was installed, because something else of the same snapshot cannot be.
    pub(super) fn withdraw(&mut self, installation: &Installation, refused: &Refused) -> Result<(), Refused> {
        let now = self.machine.now();
        if installation.trial_seconds.is_none() {
            let before = installation.before.as_ref();
            self.state.stand(before.map_or(Standing::Nothing, |before| Standing::Snapshot(before.number)))?;
        }
        self.go_back_to(installation.before.as_ref())?;
        self.give_up(refused, now);
        Ok(())
    }

    /// Puts the packets before in force, in one transaction: those of a snapshot, or none.
    pub(super) fn go_back_to(&mut self, before: Option<&Snapshot>) -> Result<(), Refused> {
        match before {
            Some(before) => {
                let mut live = self.filling(Generation::of(before), self.machine.now());
                live.push(tables::end());
                self.load(&tables::alone(Generation::of(before)), &live)?;
                self.remember(before, &[]);
                Ok(())
            }
            None => Ok(self.kernel()?.remove()?),
        }
    }

    /// Writes down that the last snapshot is not in force. The refusal is what the operator reads.
    fn give_up(&mut self, refused: &Refused, now: u64) {
        self.write_down(Fate::NotApplied { at: now, reason: refused.reason.clone() });
    }
}
