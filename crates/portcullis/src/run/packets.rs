//! The running gate and the packets: what was confirmed comes back before the gate listens, and is looked after as long as
//! the gate runs.

use super::control::Running;
use crate::configuration::Origin;
use crate::failure::Failure;
use crate::inspection;
use crate::keeper::{
    self, Applied, Asked, AutomaticBan, Caller, Guard, Number, Planned, Refused, Request, Restored, Risks,
    Routes, Source, Status, Trial, Wanted,
};
use crate::report;
use crate::show;
use crate::terminal;
use link::AskRefused;
use model::Compiled;
use model::plan::{CertificateFiles, Plan};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// The keeper of this gate, and which host of the file this machine is where that was said.
#[derive(Clone)]
pub(super) struct Packets {
    guard: Arc<Guard>,
    host: Option<String>,
    state: PathBuf,
}

impl Packets {
    /// For the state folder of a gate.
    pub(super) fn new(state: &Path, host: Option<String>) -> Self {
        Self { guard: Arc::new(Guard::new(state)), host, state: state.to_owned() }
    }

    /// Asks the keeper.
    pub(super) fn ask(
        &self,
        asked: &Asked,
        routes: Option<&dyn Routes>,
    ) -> Result<serde_json::Value, Refused> {
        let dormant = if asked.request == Request::Status { self.guard.dormant() } else { None };
        dormant.map_or_else(|| self.guard.ask(asked, routes), Ok)
    }

    /// Bans an address for a gate, where it may be banned.
    pub(super) fn ban_for_gate(
        &self,
        asked: &AutomaticBan,
        routes: Option<&dyn Routes>,
    ) -> Result<(), AskRefused> {
        self.guard.ban_for_gate(asked, routes)
    }

    /// Adds every problem that a configuration has on this machine.
    pub(super) fn inspect(&self, compiled: Compiled, in_order: &HashSet<CertificateFiles>) -> Compiled {
        inspection::inspect(compiled, self.host.as_deref(), Some(&self.state), in_order)
    }

    /// What a plan serves on this machine.
    pub(super) fn of_this_host(&self, plan: &Plan) -> Result<Plan, Failure> {
        keeper::of_this_host(plan, self.host.as_deref())
    }

    /// Puts in force what was confirmed before. Where that is nothing, the person at the terminal is asked.
    pub(super) fn begin(&self, origin: &Origin, plan: &Plan, yes: bool) {
        if plan.policy.firewall.is_none() {
            return self.look_after_others(origin);
        }
        if let Err(failure) = self.try_to_begin(origin, yes) {
            let hint = failure.hint.map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
            let reason = failure.reason.trim_start_matches(keeper::UNSEEN);
            report::warning(format_args!("the firewall is not enforced: {reason}{hint}"));
        }
    }

    /// A file without `[firewall]` says nothing about packets, and those that were applied before stay in force. Whoever
    /// starts the gate reads who looks after them.
    fn look_after_others(&self, origin: &Origin) {
        if !self.guard.has_state() {
            if keeper::is_table_there() {
                report::warning(
                    "packets are in force whose state is in another folder, and this gate does not look after them \
                     (hint: [state] folder or --state names theirs)",
                );
            }
            return;
        }
        let kept = self.ask_for::<Status>(Request::Status).and_then(|status| self.keep(&status));
        match kept {
            Ok(None) => {}
            Ok(Some(number)) => report::info(format_args!(
                "the packets of snapshot {number} are in force and looked after, although {} has no [firewall]; \
                 `portcullis firewall off` takes them away",
                origin.name()
            )),
            Err(failure) => {
                let hint = failure.hint.map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
                report::warning(format_args!(
                    "packets were applied before, and this gate does not look after them: {}{hint}",
                    failure.reason
                ));
            }
        }
    }

    /// Puts in force what is to be in force; answers which snapshot that is.
    fn keep(&self, status: &Status) -> Result<Option<Number>, Failure> {
        let trial = status.trial.as_ref().map(|trial| trial.snapshot);
        if status.snapshot.is_none() && trial.is_none() {
            return Ok(None);
        }
        if let Some(problem) = status.problems.first().filter(|_| !status.reachable) {
            let reason = problem.text.trim_start_matches(keeper::UNSEEN);
            return Err(Failure { hint: problem.hint.clone(), ..Failure::refused(reason) });
        }
        if status.snapshot.is_some() {
            self.ask_for::<Restored>(Request::Restore)?;
        }
        Ok(trial.or(status.snapshot))
    }

    fn try_to_begin(&self, origin: &Origin, yes: bool) -> Result<(), Failure> {
        let status: Status = self.ask_for(Request::Status)?;
        if let Some(trial) = &status.trial {
            report::info(format_args!(
                "snapshot {} is on trial for {} more; `portcullis confirm` keeps it",
                trial.snapshot,
                crate::span::text(trial.seconds_left)
            ));
            return self.keep(&status).map(drop);
        }
        if let Some(number) = status.snapshot {
            return match self.ask_for(Request::Restore)? {
                Restored::Minimum { reason } => {
                    report::warning(format_args!(
                        "{reason}: nothing but ssh is reachable until `portcullis apply`"
                    ));
                    Ok(())
                }
                Restored::Left { reason } => {
                    report::warning(format_args!(
                        "{reason}: the packets in force stay until `portcullis apply`"
                    ));
                    Ok(())
                }
                _ => {
                    report::info(format_args!("the packets of snapshot {number} are in force"));
                    self.warn_of_changes(origin)
                }
            };
        }
        if let Some(problem) = status.problems.into_iter().find(|_| !status.reachable) {
            return Err(Failure { hint: problem.hint, ..Failure::refused(problem.text) });
        }
        if status.switched_off {
            return Err(Failure::no("it was switched off").with_hint("`portcullis apply` switches it on"));
        }
        if status.unknown_table && !yes && !std::io::stdin().is_terminal() {
            report::warning(
                "packets of ours are in force that the state folder knows nothing of; they stay until `portcullis apply`",
            );
            return Ok(());
        }
        match self.wanted(origin) {
            Some(wanted) => self.first(wanted, yes),
            None => Ok(()),
        }
    }

    /// The file may say something else than what was confirmed; starting the gate does not put that in force.
    fn warn_of_changes(&self, origin: &Origin) -> Result<(), Failure> {
        let Some(wanted) = self.wanted(origin) else { return Ok(()) };
        let planned: Planned = self.ask_for(Request::Plan(wanted))?;
        if planned.packets_change {
            report::warning("the file asks for other packets, which wait for `portcullis apply`");
        }
        Ok(())
    }

    /// A file as something that is to be in force.
    fn wanted(&self, origin: &Origin) -> Option<Wanted> {
        let Origin::File(file) = origin else { return None };
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        Some(Wanted { source: Source::File(file), host: self.host.clone(), risks: Risks::default() })
    }

    /// The first packets of a machine.
    fn first(&self, wanted: Wanted, yes: bool) -> Result<(), Failure> {
        if !yes && !std::io::stdin().is_terminal() {
            let failure = Failure::no("nothing was applied yet");
            return Err(failure.with_hint(match keeper::is_in_container() {
                true => "[firewall] is for machines, and this is a container: `portcullis apply` on the host",
                false => "run `portcullis apply`",
            }));
        }
        let planned: Planned = self.ask_for(Request::Plan(wanted.clone()))?;
        terminal::say(show::plan(&planned));
        if !yes && !terminal::ask("Apply this?", "--yes")? {
            return Err(Failure::no("it was declined").with_hint("`portcullis apply` asks again"));
        }
        let apply = keeper::Apply { wanted, trial: Trial::AsConfigured, shown: Some(planned.name) };
        // The flags that a refusal names are those of `apply`.
        let applied: Result<Applied, Failure> = self.ask_for(Request::Apply(apply));
        let applied =
            applied.map_err(|failure| failure.with_hint("run `portcullis apply` from your own session"))?;
        terminal::say(show::applied(&applied, None));
        Ok(())
    }

    /// Whether a file changes packets that are in force.
    pub(super) fn refuse_changes(&self, origin: &Origin, plan: &Plan, before: &Plan) -> Result<(), Failure> {
        let Some(wanted) = self.wanted(origin) else { return Ok(()) };
        if plan.policy.firewall.is_none() && before.policy.firewall.is_none() {
            return Ok(());
        }
        let planned: Planned = self.ask_for(Request::Plan(wanted))?;
        if planned.compared_with.is_some() && planned.packets_change {
            let reason = "packets would change, and a reload changes only sites and services";
            return Err(Failure::no(format!("{reason}{}", show::packets(&planned))).with_hint(
                "`portcullis plan` shows what would change, `portcullis apply` puts all of it in force",
            ));
        }
        Ok(())
    }

    /// Looks after the packets in a thread of its own, as long as the gate runs.
    pub(super) fn watch(&self, running: &Arc<Running>) -> std::io::Result<()> {
        let (guard, running) = (Arc::clone(&self.guard), Arc::downgrade(running));
        let thread = std::thread::Builder::new().name("firewall".to_owned());
        thread.spawn(move || while look(&guard, &running) {})?;
        Ok(())
    }

    fn ask_for<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let asked = Asked { caller: Caller::find(false), request };
        let answer = self.guard.ask(&asked, None)?;
        T::deserialize(answer)
            .map_err(|error| Failure::refused(format!("an answer that is not understood: {error}")))
    }
}

/// One look; answers whether there will be others.
fn look(guard: &Guard, running: &Weak<Running>) -> bool {
    guard.wait();
    // The gate is kept from ending only while this looks.
    let Some(running) = running.upgrade() else { return false };
    guard.look(Some(running.as_ref()));
    true
}
