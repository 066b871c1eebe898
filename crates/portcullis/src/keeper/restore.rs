//! The start of the machine: the confirmed packets come back before the network does, without the file, names or
//! interfaces. Where they are lost, nothing but logging in is possible; never is the machine open.

use super::Keeper;
use super::answer::Restored;
use super::caller::Who;
use super::request::Refused;
use super::state::{ChangedRules, Entry, Fate, Number, Snapshot, Standing};
use super::tables::{self, Generation};
use std::path::PathBuf;

impl Keeper {
    /// Puts the confirmed packets in force.
    pub(super) fn restore(&mut self) -> Result<Restored, Refused> {
        // Nothing is written down that the kernel is not asked for.
        self.kernel()?;
        match self.state.standing() {
            Standing::Off => Ok(Restored::Off),
            Standing::Nothing => {
                self.restore_nothing("the state folder knows of nothing that was confirmed".to_owned())
            }
            Standing::Snapshot(number) => match self.state.confirmed_snapshot()? {
                Some(snapshot) => self.restore_snapshot(&snapshot),
                None => {
                    self.restore_nothing(format!("the file of the confirmed snapshot {number} is damaged"))
                }
            },
        }
    }

    /// The minimum where the machine is open, as at its start. A table of ours that is in force may be narrower than the
    /// minimum, so it stays.
    fn restore_nothing(&mut self, reason: String) -> Result<Restored, Refused> {
        match (self.kernel()?.read()?, self.state.last()) {
            (Some(_), Some(Entry { number, fate: Fate::Trial { .. }, .. })) => Ok(Restored::Already(*number)),
            (Some(_), _) => Ok(Restored::Left { reason }),
            (None, _) => self.restore_minimum(reason),
        }
    }

    /// Puts the minimum in force where the kernel has no table of ours; answers whether it had none.
    pub(super) fn close_open(&mut self) -> Result<bool, Refused> {
        if self.kernel()?.read()?.is_some() {
            return Ok(false);
        }
        self.restore_minimum("the state cannot be used".to_owned())?;
        Ok(true)
    }

    fn restore_snapshot(&mut self, snapshot: &Snapshot) -> Result<Restored, Refused> {
        let on_trial = matches!(self.state.last(), Some(Entry { fate: Fate::Trial { .. }, .. }));
        if on_trial || self.drifted(snapshot)?.is_none() {
            // Also the owner changes: whoever had it before has ended.
            self.fill_lists()?;
            return Ok(Restored::Already(snapshot.number));
        }
        self.put_in_force(snapshot)?;
        Ok(Restored::Snapshot(snapshot.number))
    }

    /// Gives the kernel a snapshot that was confirmed before, and proves that it has it.
    pub(super) fn put_in_force(&mut self, snapshot: &Snapshot) -> Result<(), Refused> {
        let generation = Generation::of(snapshot);
        let table = tables::alone(generation);
        let mut live = self.filling(generation, self.machine.now());
        live.push(tables::end());
        self.load_with_lists(&table, &live)?;
        self.remember(snapshot, &[]);
        self.prove(&table, None, snapshot)
    }

    /// The minimum becomes a snapshot like any other, so that what comes later has something closed to go back to.
    fn restore_minimum(&mut self, reason: String) -> Result<Restored, Refused> {
        let number = self.state.next_number();
        let compiled = self.minimum()?;
        let entry = Entry {
            number,
            applied_at: self.machine.now(),
            who: Who::default(),
            sessions: Vec::new(),
            origin: "the safe minimum".to_owned(),
            rules: compiled.rules.len(),
            changed: ChangedRules::default(),
            fate: Fate::Confirmed { at: self.machine.now() },
        };
        let snapshot = bare(number, compiled);
        // Closed first: a disk without room must not leave the machine open.
        self.put_in_force(&snapshot)?;
        self.state.begin(&snapshot, entry)?;
        self.state.stand(Standing::Snapshot(number))?;
        Ok(Restored::Minimum { reason })
    }
}

fn bare(number: Number, compiled: super::policy::Compiled) -> Snapshot {
    Snapshot { number, file: PathBuf::new(), texts: Vec::new(), host: None, compiled, slot: 'a' }
}
