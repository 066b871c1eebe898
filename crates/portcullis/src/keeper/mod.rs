//! The keeper: the one writer of this machine's packets. It owns the table in the kernel and the folder of its state, and
//! answers requests; the running gate has one, and where no gate runs a command makes one for itself.
//!
//! What is right is decided in `firewall`; how the kernel is spoken to is the business of `host`. What stands here is the
//! order of things: nothing is put in force that was not checked, written down before, read back afterwards and proved
//! equal. The kernel says what is in force, and the records follow it: after any interruption [`settle`] brings the two
//! together again.

mod addresses;
mod adopt;
mod answer;
mod apply;
mod automatic;
mod banning;
mod bans;
mod caller;
mod confirm;
mod flows;
mod granting;
mod grants;
mod guard;
mod here;
mod install;
mod kernel;
mod lists;
mod machine;
mod memory;
mod names;
mod netlink;
mod off;
mod plan;
mod policy;
mod request;
mod restore;
mod settle;
mod state;
mod status;
mod tables;
mod texts;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub(crate) use answer::Source as ComparedWith;
pub(crate) use answer::{
    Adoption, Applied, BanList, Banned, Confirmed, Cut, Cuts, Ended, Finding, GrantInForce, History,
    OpenListener, Openings, Packets, Planned, Reach, Restored, RuleChange, Status, Weight,
};
#[cfg(test)]
pub(crate) use answer::{Change, ConnectionTable, Refusals, RouteChange, RuleCount, TrialStatus};
pub(crate) use apply::{END_TRIAL, during_trial};
pub(crate) use automatic::AutomaticBan;
pub(crate) use bans::{Ban as BannedSource, shown as shown_source};
pub(crate) use caller::Caller;
#[cfg(test)]
pub(crate) use caller::Who;
pub(crate) use guard::Guard;
pub(crate) use here::{findings_here, host_here, is_in_container, is_interface_here, of_this_host};
#[cfg(test)]
pub(crate) use kernel::Features;
pub(crate) use netlink::{is_table_owned, is_table_there};
pub(crate) use plan::{Routes, Served};
pub(crate) use request::{
    Adopt, Apply, Asked, Ban, Blame, Grant, Granted, Refused, Request, Risks, Source, Trial, Wanted,
};
pub(crate) use state::{ChangedRules, Entry, Fate, Number};
pub(crate) use status::UNSEEN;

use bans::Bans;
use grants::Grants;
use kernel::Kernel;
use machine::Machine;
use names::Names;
use serde::Serialize;
use serde_json::Value;
use state::{State, StateError, WriterLock};
use std::collections::BTreeSet;
use std::path::Path;

/// Where the running gate's routes are served, which go with the packets.
pub(crate) type Serving<'a> = Option<&'a dyn Routes>;

/// The one writer of this machine's packets.
pub(crate) struct Keeper {
    state: State,
    kernel: Result<Box<dyn Kernel>, Refused>,
    machine: Box<dyn Machine>,
    bans: Bans,
    grants: Grants,
    names: Names,
    /// The names of the rules of a snapshot, which are asked for again and again.
    followed: Option<(Number, BTreeSet<String>)>,
    /// What the gate served before the trial that runs.
    routes_before: Option<Served>,
    /// The kernel's generation when the table was last known to be right.
    seen: Option<u32>,
    /// What the confirmed policy says about interfaces of containers, once it was looked up.
    containers: Option<guard::Containers>,
    /// Whether the kernel's table of connections was nearly full at the last look.
    nearly_full: bool,
    /// Why the packets could not be looked after the last time.
    problem: Option<String>,
    /// What the operator is to be told, besides the answer.
    notices: Vec<String>,
    _lock: WriterLock,
}

impl Keeper {
    /// Opens the state of a folder, the kernel and this machine.
    ///
    /// Where the kernel is out of reach, what needs it is refused with the reason, and the rest is answered.
    pub(crate) fn open(state: &Path) -> Result<Self, Refused> {
        Self::with(state, netlink::open(), Box::new(here::Here::default()))
    }

    fn with(
        state: &Path,
        kernel: Result<Box<dyn Kernel>, Refused>,
        machine: Box<dyn Machine>,
    ) -> Result<Self, Refused> {
        let folder = State::prepare(state)?;
        let lock =
            WriterLock::take(&folder).map_err(|error| Refused::machine(&error).with_hint(error.hint()))?;
        let failed = Refused::from;
        let mut state = State::open(folder).map_err(failed)?;
        let now = machine.now();
        let bans = Bans::open(&mut state, now).map_err(failed)?;
        let grants = Grants::open(&mut state, now).map_err(failed)?;
        // Read here as well, so that damage is reported when it is first met.
        addresses::with_caller(&mut state, &Caller::default()).map_err(failed)?;
        let mut keeper = Self {
            state,
            kernel,
            machine,
            bans,
            grants,
            names: Names::default(),
            followed: None,
            routes_before: None,
            seen: None,
            containers: None,
            nearly_full: false,
            problem: None,
            notices: Vec::new(),
            _lock: lock,
        };
        keeper.note_damage();
        Ok(keeper)
    }

    /// Answers a request.
    pub(crate) fn ask(&mut self, asked: &Asked, serving: Serving<'_>) -> Result<Value, Refused> {
        self.settled(helps_in_need(&asked.request), serving, |keeper| keeper.answer(asked, serving))
    }

    /// Does something with records that agree with the kernel.
    fn settled<T>(
        &mut self,
        in_need: bool,
        serving: Serving<'_>,
        work: impl FnOnce(&mut Self) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if self.kernel.is_ok()
            && let Err(refused) = self.settle(serving)
        {
            // What helps in need does not wait for a disk with room.
            if !in_need {
                return Err(refused);
            }
            self.notices.push(refused.reason);
        }
        let known = self.is_known();
        let answer = work(self);
        if known {
            // Nobody else can change a table of ours, so what changed is what was asked for.
            self.seen = self.kernel.as_mut().ok().and_then(|kernel| kernel.generation().ok());
        }
        self.note_damage();
        answer
    }

    /// What the operator is to be told besides answers, since the last time.
    pub(crate) fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    fn answer(&mut self, asked: &Asked, serving: Serving<'_>) -> Result<Value, Refused> {
        let caller = &asked.caller;
        match &asked.request {
            Request::Plan(wanted) => value(&self.plan(wanted, caller, serving)?),
            Request::Apply(apply) => value(&self.apply(apply, caller, serving)?),
            Request::Confirm => value(&self.confirm(caller)?),
            Request::EndTrial => value(&self.end_trial(caller, serving)?),
            Request::History => value(&self.history()),
            Request::Status => value(&self.status()?),
            Request::Ban(ban) => value(&self.ban(ban, caller)?),
            Request::Unban { sources } => value(&self.unban(sources)?),
            Request::Bans => value(&self.bans.list(self.machine.now()).collect::<Vec<_>>()),
            Request::Grant(grant) => value(&self.grant(grant, caller)?),
            Request::Ungrant(granted) => value(&self.ungrant(granted)?),
            Request::Grants => value(&self.grants.list(self.machine.now()).collect::<Vec<_>>()),
            Request::Restore => value(&self.restore()?),
            Request::CloseOpen => value(&self.close_open()?),
            Request::OffWouldOpen => value(&self.off_would_open()?),
            Request::Off => value(&self.off(caller)?),
            Request::Show => value(&self.show()?),
            Request::ShowPlanned(wanted) => value(&self.show_planned(wanted)?),
            Request::Adopt(adopt) => value(&self.adopt(adopt)?),
        }
    }

    fn history(&mut self) -> History {
        History {
            confirmed: self.state.confirmed(),
            entries: self.state.history().to_vec(),
            // Where the kernel cannot be asked, the history is what there is.
            unknown_table: self.has_unknown_table().unwrap_or(false),
        }
    }

    /// Whether the table is ours alone, and known to be right.
    fn is_known(&mut self) -> bool {
        let Some(seen) = self.seen else { return false };
        let Ok(kernel) = &mut self.kernel else { return false };
        kernel.features().owned && kernel.generation().is_ok_and(|generation| generation == seen)
    }

    /// The kernel, or why it is out of reach.
    fn kernel(&mut self) -> Result<&mut dyn Kernel, Refused> {
        match &mut self.kernel {
            Ok(kernel) => Ok(kernel.as_mut()),
            Err(refused) => Err(refused.clone()),
        }
    }

    fn note_damage(&mut self) {
        let damage = self.state.take_damage();
        self.notices.extend(damage.iter().map(ToString::to_string));
    }
}

fn helps_in_need(request: &Request) -> bool {
    matches!(
        request,
        Request::Off
            | Request::OffWouldOpen
            | Request::Status
            | Request::Restore
            | Request::Ban(_)
            | Request::Unban { .. }
            | Request::Bans
            | Request::EndTrial
    )
}

fn value(answer: &impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(answer).map_err(|error| Refused::machine(&error))
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::machine(&error).with_hint(error.hint())
    }
}

impl From<kernel::KernelError> for Refused {
    fn from(error: kernel::KernelError) -> Self {
        Self { hint: error.hint.clone(), ..Self::machine(&error) }
    }
}
