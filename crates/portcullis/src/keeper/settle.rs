//! Records and kernel, brought together: what became of a trial, or of an installation that was interrupted, is what the
//! kernel says.

use super::policy::{self, Compiled};
use super::request::Refused;
use super::state::{Entry, Fate, Number, Snapshot, Standing};
use super::tables::{self, Generation};
use super::{Keeper, Serving};
use crate::span;
use firewall::observed::Observed;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The list of the ports where sshd was seen last.
const SSH_PORTS: &str = "ssh-ports";
const SSH_PORTS_LOST: &str =
    "the least that is safe opens port 22 and those where sshd listens, until the next apply";

/// What the kernel says about a snapshot whose end is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It is on trial for so many seconds more.
    OnTrial(u64),
    /// It is in force for good.
    InForce,
    /// It is not in force.
    Gone,
}

impl Keeper {
    /// Finds out what became of the last snapshot, where that is open, and brings the kernel and the gate to it.
    pub(super) fn settle(&mut self, serving: Serving<'_>) -> Result<(), Refused> {
        self.state.catch_up();
        let Some(entry) = self.state.last().filter(|entry| !entry.fate.is_settled()).cloned() else {
            return Ok(());
        };
        let now = self.machine.now();
        if self.state.confirmed() == Some(entry.number) {
            // Its name was written, which is what counts; only the line about it was not.
            self.write_down(Fate::Confirmed { at: now });
            return Ok(());
        }
        let Some(snapshot) = self.state.snapshot(entry.number)? else {
            return self.roll_back(&entry, "its file is damaged".to_owned(), serving).map(drop);
        };
        match self.said(&snapshot)? {
            Said::OnTrial(left) => {
                if entry.fate == Fate::Begun {
                    let before = self.before()?;
                    let carried = self.remembered(before.as_ref());
                    self.remember(&snapshot, &carried);
                    self.write_down(Fate::Trial { until: now + left });
                }
                Ok(())
            }
            Said::InForce => {
                self.remember(&snapshot, &[]);
                self.state.stand(Standing::Snapshot(entry.number))?;
                self.write_down(Fate::Confirmed { at: now });
                Ok(())
            }
            Said::Gone => {
                let reason = match entry.fate {
                    Fate::Trial { until } if until <= now => {
                        format!(
                            "nobody confirmed it within {}",
                            span::text(until.saturating_sub(entry.applied_at))
                        )
                    }
                    Fate::Trial { .. } => {
                        "its trial ended early: the machine restarted, or the table was removed".to_owned()
                    }
                    _ => "it was interrupted".to_owned(),
                };
                self.roll_back(&entry, reason, serving).map(drop)
            }
        }
    }

    fn said(&mut self, snapshot: &Snapshot) -> Result<Said, Refused> {
        let slot = tables::slot(snapshot.slot);
        let kernel = self.kernel()?;
        let Some(table) = kernel.read()? else { return Ok(Said::Gone) };
        let (new, old) = (tables::holds(&table, slot), tables::holds(&table, slot.other()));
        let left = table.sets.get(tables::TRIAL).and_then(|set| set.elements.first());
        let left = left.and_then(|element| element.expires.or(element.timeout));
        Ok(match (new, old, left) {
            (true, true, Some(milliseconds)) => Said::OnTrial(milliseconds.div_ceil(1000)),
            (true, false, _) => Said::InForce,
            _ => Said::Gone,
        })
    }

    /// Writes down that a snapshot is not in force, and takes what is left of it out of the kernel and the gate. Answers
    /// whether the gate serves something else for it.
    pub(super) fn roll_back(
        &mut self,
        entry: &Entry,
        reason: String,
        serving: Serving<'_>,
    ) -> Result<bool, Refused> {
        let told = self.notices.len();
        self.notices.push(format!("snapshot {} was rolled back: {reason}", entry.number));
        let before = self.before()?;
        self.go_back_to(before.as_ref())?;
        let routes_back = self.bring_back_routes(serving);
        if let Some(notice) = self.notices.get_mut(told).filter(|_| routes_back) {
            notice.push_str("; the sites and services from before it are served again");
        }
        let at = self.machine.now();
        // The packets are back, which is what matters; without a line about it the next look finds the same.
        self.write_down(Fate::RolledBack { at, reason });
        Ok(routes_back)
    }

    /// Writes down what became of the last snapshot, where that changes nothing any more: a disk that refuses is told.
    pub(super) fn write_down(&mut self, fate: Fate) {
        if let Err(error) = self.state.settle_last(fate) {
            self.notices.push(crate::failure::with_causes(&error));
        }
    }

    /// Has the gate serve what it served before the trial; answers whether that is something else.
    fn bring_back_routes(&mut self, serving: Serving<'_>) -> bool {
        let (Some(routes), Some(before)) = (serving, self.routes_before.take()) else { return false };
        let differs = routes.served().plan != before.plan;
        match routes.install(before) {
            Ok(()) => differs,
            Err(failure) => {
                let reason = failure.reason;
                self.notices.push(format!("the routes before the trial cannot be served: {reason}"));
                false
            }
        }
    }

    /// What is in force apart from trials. The minimum stands in for a confirmed snapshot whose file is damaged, so that
    /// nothing ever goes back to an open machine that was closed.
    pub(super) fn before(&mut self) -> Result<Option<Snapshot>, Refused> {
        let number = match self.state.confirmed() {
            Some(number) => number,
            None if self.has_unknown_table()? => Number(0),
            None => return Ok(None),
        };
        if let Some(snapshot) = self.state.confirmed_snapshot()? {
            return Ok(Some(snapshot));
        }
        let (compiled, slot) = (self.minimum()?, self.slot_before()?);
        Ok(Some(Snapshot { number, file: PathBuf::new(), texts: Vec::new(), host: None, compiled, slot }))
    }

    /// Whether the kernel has a table of ours that the records know nothing of: they were lost, and it closes something.
    pub(super) fn has_unknown_table(&mut self) -> Result<bool, Refused> {
        let open = self.state.last().is_some_and(|entry| !entry.fate.is_settled());
        if open || matches!(self.state.standing(), Standing::Snapshot(_)) {
            return Ok(false);
        }
        Ok(self.kernel()?.read()?.is_some())
    }

    /// The slot of what is in force apart from trials, where its file does not say it.
    fn slot_before(&mut self) -> Result<char, Refused> {
        let open = self.state.last().filter(|entry| !entry.fate.is_settled()).map(|entry| entry.number);
        let on_trial = match open {
            Some(number) => self.state.snapshot(number)?,
            None => None,
        };
        if let Some(on_trial) = on_trial {
            return Ok(tables::slot(on_trial.slot).other().letter());
        }
        Ok(match self.kernel()?.read()? {
            Some(table) if !tables::holds(&table, tables::slot('a')) => 'b',
            _ => 'a',
        })
    }

    /// Essentials and ssh.
    pub(super) fn minimum(&mut self) -> Result<Compiled, Refused> {
        let observed = self.machine.observe(&[])?;
        let kept: BTreeSet<u16> = self.state.list(SSH_PORTS, SSH_PORTS_LOST)?.unwrap_or_default();
        Ok(policy::minimum_of(&observed, kept))
    }

    /// Keeps the ports of sshd for a start of the machine at which it does not listen yet.
    pub(super) fn keep_ssh_ports(&mut self, observed: &Observed) {
        let seen = observed.administration();
        let seen: BTreeSet<u16> = seen.into_iter().collect();
        let kept: Option<BTreeSet<u16>> = self.state.list(SSH_PORTS, SSH_PORTS_LOST).ok().flatten();
        if seen.is_empty() || kept.as_ref() == Some(&seen) {
            return;
        }
        if let Err(error) = self.state.write_list(SSH_PORTS, &seen, &kept.unwrap_or_default()) {
            self.notices.push(crate::failure::with_causes(&error));
        }
    }

    /// Whether the table is exactly what it is to be.
    pub(super) fn drifted(&mut self, snapshot: &Snapshot) -> Result<Option<String>, Refused> {
        let Some(read) = self.kernel()?.read()? else { return Ok(Some("it is not there".to_owned())) };
        let generation = Generation::of(snapshot);
        Ok(policy::prove(&read, &tables::alone(generation), None, generation).err())
    }
}
