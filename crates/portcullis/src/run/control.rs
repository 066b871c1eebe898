//! What the running gate offers to its operator.

use super::bind::Listeners;
use super::content::Content;
use super::packets::Packets;
use super::signals::Signal;
use crate::admin::{Control, Message, ReloadRefused};
use crate::configuration::Origin;
use crate::failure::{Failure, with_causes};
use crate::keeper::{Asked, Refused, Routes, Served};
use crate::report;
use gate::{AccessLog, Gate};
use model::Compiler;
use model::plan::Plan;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The running gate.
pub(super) struct Running {
    gate: Gate,
    content: Content,
    packets: Packets,
    log: AccessLog,
    threads: usize,
    started: Instant,
    signals: Mutex<Sender<Signal>>,
    current: Mutex<Current>,
    compiler: Mutex<Compiler>,
}

/// What a reload changes.
struct Current {
    origin: Origin,
    plan: Plan,
    listeners: Listeners,
    reloads: u64,
}

impl Running {
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts are made one after the other and meet only here"
    )]
    pub(super) fn new(
        origin: Origin,
        plan: Plan,
        packets: Packets,
        content: Content,
        listeners: Listeners,
        gate: Gate,
        log: AccessLog,
        threads: usize,
        signals: Sender<Signal>,
    ) -> Self {
        let current = Mutex::new(Current { origin, plan, listeners, reloads: 0 });
        Self {
            gate,
            content,
            packets,
            log,
            threads,
            started: Instant::now(),
            signals: Mutex::new(signals),
            current,
            compiler: Mutex::default(),
        }
    }

    pub(super) fn into_gate(self) -> Gate {
        self.gate
    }

    /// How long requests in flight may take to end.
    pub(super) fn drain_timeout(&self) -> std::time::Duration {
        self.current().plan.limits.drain_timeout
    }

    pub(super) fn refresh_certificates(&self) {
        self.content.refresh();
    }

    pub(super) fn reopen_log(&self) {
        match self.log.reopen(&self.current().plan.log.access) {
            Ok(()) => report::info("the access log is opened anew"),
            Err(error) => report::error(format_args!(
                "the access log cannot be opened anew, the old one stays: {error}"
            )),
        }
    }

    /// A reload that nobody waits for.
    pub(super) fn reload_and_report(&self) {
        match self.reload(None) {
            Ok(done) => {
                crate::terminal::say(&done.problems);
                report::info(done.message);
            }
            Err(refused) => {
                crate::terminal::say(&refused.problems);
                report::error(format_args!("{}; the old configuration stays", refused.reason));
            }
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compiler(&self) -> MutexGuard<'_, Compiler> {
        self.compiler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn install(&self, current: &mut Current, plan: Plan) -> Result<usize, Failure> {
        // Everything that can fail comes first, so that a refusal changes nothing.
        let served = self.content.of(plan.clone(), Some(&self.gate.snapshot()))?;
        let mut listeners = current.listeners.clone();
        let bound = listeners.open(&served.snapshot.planned_ports(), &plan.listen, self.threads)?;
        self.gate.install(served, &bound).map_err(|error| Failure::no(with_causes(&error)))?;
        current.listeners = listeners;
        let broken = self.content.apply(&plan);
        if plan.log.access != current.plan.log.access
            && let Err(error) = self.log.reopen(&plan.log.access)
        {
            report::error(format_args!("the new access log cannot be opened, the old one stays: {error}"));
        }
        current.plan = plan;
        current.reloads += 1;
        Ok(broken)
    }
}

impl Control for Running {
    fn status(&self) -> serde_json::Value {
        let current = self.current();
        serde_json::json!({
            "process": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "configuration": current.origin.name(),
            "uptime_seconds": self.started.elapsed().as_secs(),
            "threads": self.threads,
            "sites": current.plan.sites.iter().map(|site| site.label.as_str()).collect::<Vec<_>>(),
            "streams": current.plan.streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(),
            "services": current.plan.services.len(),
            "listeners": current.listeners.describe(),
            "connections": self.gate.connections(),
            "requests": self.gate.requests(),
            "reloads": current.reloads,
            "access_log_lost": self.log.lost(),
        })
    }

    fn reload(&self, file: Option<&Path>) -> Result<Message, ReloadRefused> {
        let (origin, before) = {
            let current = self.current();
            let origin = file.map_or_else(|| current.origin.clone(), |file| Origin::File(file.to_owned()));
            (origin, current.plan.clone())
        };
        let compiled =
            origin.compile_again(&mut self.compiler()).map_err(|failure| refused(failure, String::new()))?;
        let problems = compiled.problems.render(false);
        let Some(plan) = compiled.plan else {
            let failure = Failure::no(format!("{} cannot be used as it is", origin.name()));
            return Err(refused(failure, problems));
        };
        // The keeper may ask what is served, so it is asked before anything here is held.
        let judged = self.packets.refuse_changes(&origin, &plan, &before);
        judged.map_err(|failure| refused(failure, problems.clone()))?;
        let plan = self.packets.of_this_host(&plan).map_err(|failure| refused(failure, problems.clone()))?;
        let mut current = self.current();
        if plan == current.plan && !has_pages(&plan) {
            current.origin = origin;
            return Ok(Message { message: "nothing changed".to_owned(), problems });
        }
        let broken =
            self.install(&mut current, plan).map_err(|failure| refused(failure, problems.clone()))?;
        current.origin = origin;
        let sites = current.plan.sites.len();
        let noun = if sites == 1 { "site" } else { "sites" };
        let certificates = match broken {
            0 => String::new(),
            1 => "; one certificate cannot be served, see the gate's log".to_owned(),
            several => format!("; {several} certificates cannot be served, see the gate's log"),
        };
        let message = format!("{} is served: {sites} {noun}{certificates}", current.origin.name());
        Ok(Message { message, problems })
    }

    fn stop(&self) {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more when the gate is ending already.
        let _ = signals.send(Signal::Stop);
    }

    fn metrics(&self) -> String {
        self.gate.metrics()
    }

    fn firewall(&self, asked: &Asked) -> Result<serde_json::Value, Refused> {
        self.packets.ask(asked, Some(self))
    }
}

impl Routes for Running {
    fn served(&self) -> Served {
        let current = self.current();
        Served { origin: current.origin.clone(), plan: current.plan.clone() }
    }

    fn install(&self, served: Served) -> Result<(), Failure> {
        let mut current = self.current();
        if served.plan != current.plan || has_pages(&served.plan) {
            Self::install(self, &mut current, served.plan)?;
        }
        current.origin = served.origin;
        Ok(())
    }
}

/// Whether a plan names pages, whose text may have changed where the plan did not.
fn has_pages(plan: &Plan) -> bool {
    plan.sites.iter().any(|site| site.maintenance.is_some() || !site.error_pages.is_empty())
}

fn refused(failure: Failure, problems: String) -> ReloadRefused {
    ReloadRefused { reason: failure.reason, problems, hint: failure.hint }
}
