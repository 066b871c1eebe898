//! What the running gate's keeper does without being asked: sees that a trial has ended, that somebody changed the table,
//! that an interface of containers came. What it finds it repairs and reports.

use super::answer::Status;
use super::request::{Asked, Refused};
use super::state::{Entry, Fate, Number, Snapshot};
use super::tables::{self, Generation};
use super::{AutomaticBan, Keeper, Serving, automatic, names, policy, status, texts};
use crate::report;
use firewall::draft::bridges;
use host::nft::Watch;
use model::plan::InterfaceName;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often it looks although nothing seems to have happened.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// The keeper of a running gate: it is opened when it is first needed, and everybody asks this one.
pub(crate) struct Guard {
    state: PathBuf,
    keeper: Mutex<Option<Keeper>>,
    watch: Mutex<Option<Watch>>,
}

impl Guard {
    /// For the state folder of a gate. Nothing is opened yet.
    pub(crate) fn new(state: &Path) -> Self {
        Self { state: state.to_owned(), keeper: Mutex::new(None), watch: Mutex::new(None) }
    }

    /// Asks the keeper.
    pub(crate) fn ask(&self, asked: &Asked, serving: Serving<'_>) -> Result<serde_json::Value, Refused> {
        self.opened(|keeper| keeper.ask(asked, serving))?
    }

    /// Bans an address that the gate asked to be banned, where it may be.
    pub(crate) fn ban_for_gate(
        &self,
        asked: &AutomaticBan,
        serving: Serving<'_>,
    ) -> Result<(), link::AskRefused> {
        let answer = self.opened(|keeper| keeper.ban_for_gate(asked, serving));
        answer.unwrap_or_else(|refused| Err(automatic::by_keeper(&refused)))
    }

    fn opened<T>(&self, work: impl FnOnce(&mut Keeper) -> T) -> Result<T, Refused> {
        let mut kept = self.kept();
        if kept.is_none() {
            *kept = Some(Keeper::open(&self.state)?);
        }
        let Some(keeper) = kept.as_mut() else { return Err(Refused::no("the packets are not looked after")) };
        let answer = work(keeper);
        keeper.take_notices().iter().for_each(report::warning);
        Ok(answer)
    }

    /// Whether something may have been applied with this state folder.
    pub(crate) fn has_state(&self) -> bool {
        self.state.join("firewall").try_exists().unwrap_or(true)
    }

    /// The status of a machine on which nothing was ever applied, for which nothing has to be opened.
    pub(crate) fn dormant(&self) -> Option<serde_json::Value> {
        let dormant = self.kept().is_none() && !self.has_state();
        let status = Status { problems: vec![status::nothing_applied(None)], ..Status::default() };
        dormant.then(|| super::value(&status).ok()).flatten()
    }

    /// Waits until somebody changed a table, or for a while.
    pub(crate) fn wait(&self) {
        let opened = self.kept().is_some();
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if opened && watch.is_none() {
            *watch = Watch::open().ok();
        }
        wait(&mut watch);
    }

    /// Looks after the packets once.
    pub(crate) fn look(&self, serving: Serving<'_>) {
        let mut kept = self.kept();
        let Some(keeper) = kept.as_mut() else { return };
        let problem = keeper.tend(serving).err().map(|refused| refused.reason);
        keeper.take_notices().iter().for_each(report::warning);
        if let Some(problem) = problem.as_ref().filter(|_| problem != keeper.problem) {
            report::error(format_args!("the firewall cannot be looked after: {problem}"));
        }
        keeper.problem = problem;
    }

    fn kept(&self) -> MutexGuard<'_, Option<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until somebody changes a table, or for a while. A watch that does not work any more is given up.
fn wait(watch: &mut Option<Watch>) {
    let Some(watching) = watch else { return std::thread::sleep(BETWEEN_LOOKS) };
    let timeout = Timespec { tv_sec: BETWEEN_LOOKS.as_secs().cast_signed(), tv_nsec: 0 };
    // An interrupted wait is a short one, and a lost event is found by the look that follows.
    let _ = poll(&mut [PollFd::new(watching, PollFlags::IN)], Some(&timeout));
    if watching.read().is_err() {
        *watch = None;
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

impl Keeper {
    /// Brings the kernel to what it is to be.
    pub(super) fn tend(&mut self, serving: Serving<'_>) -> Result<(), Refused> {
        if self.kernel.is_err() {
            return Ok(());
        }
        self.settle(serving)?;
        self.watch_connection_table();
        let generation = self.kernel()?.generation()?;
        if self.seen != Some(generation) {
            if let Some(snapshot) = self.in_force()? {
                self.repair(&snapshot)?;
            }
            // What the repair itself changed is seen as well.
            self.seen = Some(self.kernel()?.generation()?);
        }
        self.follow_interfaces()?;
        self.follow_names()
    }

    /// Puts the table back that somebody else changed.
    fn repair(&mut self, snapshot: &Snapshot) -> Result<(), Refused> {
        let Some(drift) = self.drift_from(snapshot)? else { return self.repair_lists() };
        if matches!(self.state.last(), Some(Entry { fate: Fate::Trial { .. }, .. })) {
            // What the kernel would go back to is not certain any more, so the trial is over.
            let Some(entry) = self.state.last().cloned() else { return Ok(()) };
            let reason = format!("the table was changed by somebody else: {drift}");
            return self.roll_back(&entry, reason, None).map(drop);
        }
        self.put_in_force(snapshot)?;
        self.notices.push(format!("the packets were changed by somebody else ({drift}) and are put back"));
        Ok(())
    }

    /// Gives the kernel the bans and grants again that somebody took out of it.
    fn repair_lists(&mut self) -> Result<(), Refused> {
        let Some(missing) = self.missing_of_lists()? else { return Ok(()) };
        self.fill_lists()?;
        self.notices
            .push(format!("bans or grants were removed by somebody else ({missing}) and are put back"));
        Ok(())
    }

    /// Interfaces of containers come and go; the sets of them follow without a new snapshot.
    fn follow_interfaces(&mut self) -> Result<(), Refused> {
        if matches!(self.state.last(), Some(Entry { fate: Fate::Trial { .. }, .. })) {
            return Ok(());
        }
        let Some(containers) = self.containers()? else { return Ok(()) };
        let interfaces = self.machine.interfaces(&containers.patterns)?;
        let seen = policy::containers(&interfaces);
        if seen.is_subset(&containers.known) {
            return Ok(());
        }
        let Some(mut snapshot) = self.state.confirmed_snapshot()? else { return Ok(()) };
        snapshot.compiled.bridges.extend(bridges(&seen, &interfaces));
        snapshot.compiled.canonical.containers.extend(seen);
        self.state.amend(&snapshot)?;
        let generation = Generation::of(&snapshot);
        self.load(&tables::alone(generation), &[])?;
        self.containers = None;
        self.notices.push("an interface of containers came, and follows the policy from now on".to_owned());
        Ok(())
    }

    /// Names of rules get new addresses without a new snapshot.
    fn follow_names(&mut self) -> Result<(), Refused> {
        let Some(number) = self.number_in_force() else { return Ok(()) };
        if self.followed.as_ref().is_none_or(|(of, _)| *of != number) {
            let snapshot = self.state.snapshot(number)?;
            let names = snapshot.map(|snapshot| names::of_policy(&snapshot.compiled));
            self.followed = Some((number, names.unwrap_or_default()));
        }
        let names = self.followed.as_ref().map(|(_, names)| names.clone()).unwrap_or_default();
        let now = self.machine.now();
        if names.is_empty() || !self.names.refresh(self.machine.as_mut(), &names, now) {
            return Ok(());
        }
        let Some(snapshot) = self.in_force()? else { return Ok(()) };
        let changes = self.names.changes(Generation::of(&snapshot), now);
        Ok(self.kernel()?.refill(&changes)?)
    }

    /// What the confirmed policy says about interfaces of containers.
    fn containers(&mut self) -> Result<Option<Containers>, Refused> {
        let Some(number) = self.state.confirmed() else { return Ok(None) };
        if let Some(kept) = self.containers.as_ref().filter(|kept| kept.of == number) {
            return Ok(Some(kept.clone()));
        }
        let Some(snapshot) = self.state.confirmed_snapshot()? else { return Ok(None) };
        let firewall = texts::of_snapshot(&snapshot).ok().and_then(|read| read.plan.policy.firewall);
        let patterns = firewall.map(|firewall| firewall.containers).unwrap_or_default();
        let known = snapshot.compiled.canonical.containers;
        self.containers = Some(Containers { of: number, patterns, known });
        Ok(self.containers.clone())
    }

    /// Says once that the table of connections is nearly full.
    fn watch_connection_table(&mut self) {
        let found = status::nearly_full(self.machine.connection_table());
        if let Some(finding) = found.as_ref().filter(|_| !self.nearly_full) {
            self.notices.push(finding.text.clone());
        }
        self.nearly_full = found.is_some();
    }
}

/// What a snapshot says about interfaces of containers.
#[derive(Clone, Debug)]
pub(super) struct Containers {
    /// The snapshot.
    of: Number,
    /// Patterns of their names.
    patterns: Vec<String>,
    /// Those that it knows.
    known: BTreeSet<InterfaceName>,
}
