//! What the running gate offers to its operator.

use super::bind::Listeners;
use super::certificates::Certificates;
use super::judge::Powers;
use super::packets::Packets;
use super::service::Service;
use super::signals::Signal;
use super::turnover::Turnover;
use super::{places, rehearsal, upgrade};
use crate::admin::{Control, Message, ReloadRefused, ReloadRequest};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure, with_causes};
use crate::inspection;
use crate::keeper::{Asked, AutomaticBan, Finding, Refused, Routes, Served};
use crate::report;
use crate::supervision::{Offer, Supervisor, resolver_texts};
use gate::{AccessLog, Given};
use link::{AskRefused, Pem, Texts};
use model::Compiler;
use model::host::HostPattern;
use model::plan::{Edition, Plan};
use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The number of what the gate serves when it starts.
pub(super) const FIRST_EDITION: u64 = 1;

/// The running gate.
pub(super) struct Running {
    gates: Arc<Supervisor>,
    certificates: Certificates,
    packets: Packets,
    threads: usize,
    started: Instant,
    signals: Mutex<Sender<Signal>>,
    service: Service,
    /// Held by who has the gate serve something else, which may take it a minute. Taken before the current state, never
    /// after it.
    turn: Mutex<places::Absolute>,
    /// Held for moments: nobody waits for a gate who has it.
    current: Mutex<Current>,
    compiler: Mutex<Compiler>,
    turnover: Turnover,
}

/// What a reload changes.
struct Current {
    origin: Origin,
    plan: Plan,
    listeners: Listeners,
    /// How names are resolved.
    texts: Texts,
    reloads: u64,
    /// The number of the edition that is served.
    editions: u64,
    /// Until when the service ends, where it does, so that no listener is opened any more.
    ends_by: Option<Instant>,
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
        certificates: Certificates,
        listeners: Listeners,
        gates: Arc<Supervisor>,
        threads: usize,
        signals: Sender<Signal>,
        compiler: Compiler,
        service: Service,
    ) -> Self {
        let texts = resolver_texts();
        let editions = FIRST_EDITION;
        let current = Current { origin, plan, listeners, texts, reloads: 0, editions, ends_by: None };
        Self {
            gates,
            certificates,
            packets,
            threads,
            started: Instant::now(),
            signals: Mutex::new(signals),
            service,
            turn: Mutex::default(),
            current: Mutex::new(current),
            compiler: Mutex::new(compiler),
            turnover: Turnover::default(),
        }
    }

    /// Ends the gate, and answers how many connections were cut.
    pub(super) fn end(&self) -> u64 {
        let drain = {
            let mut current = self.current();
            current.ends_by = Some(Instant::now() + current.plan.limits.drain_timeout);
            current.listeners = Listeners::default();
            self.service.keep(&[]);
            current.plan.limits.drain_timeout
        };
        self.gates.end_with_strangers(drain)
    }

    /// How long requests in flight may take to end.
    pub(super) fn drain_timeout(&self) -> std::time::Duration {
        self.current().plan.limits.drain_timeout
    }

    /// Has gates end that a rehearsal left and nobody took over.
    pub(super) fn dismiss_strangers(&self) {
        self.turnover.abandon();
        self.gates.dismiss_strangers();
    }

    /// The service manager.
    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// Tells the service manager that the gate serves, and what.
    pub(super) fn announce(&self) {
        let current = self.current();
        if current.ends_by.is_none() {
            self.service.ready(&current.plan, current.listeners.open());
        }
    }

    /// Whether the gate is looked after as it should be.
    pub(super) fn is_well(&self) -> bool {
        self.gates.is_well()
    }

    pub(super) fn refresh_certificates(&self) {
        self.certificates.refresh();
        self.gates.certify(&self.certificates.serving());
    }

    /// Looks whether names are resolved otherwise now.
    pub(super) fn refresh_resolver(&self) {
        let texts = resolver_texts();
        let former = std::mem::replace(&mut self.current().texts, texts.clone());
        if texts != former {
            self.gates.resolve_with(texts);
        }
    }

    pub(super) fn reopen_log(&self) {
        let place = self.current().plan.log.access.clone();
        match self.open_log(&place) {
            Ok(()) => report::info("the access log is opened anew"),
            Err(error) => report::error(format_args!(
                "the access log cannot be opened anew, the old one stays: {}",
                error.reason
            )),
        }
    }

    /// A reload that nobody waits for.
    pub(super) fn reload_and_report(&self) {
        match self.reload(&ReloadRequest::default()) {
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

    fn open_log(&self, place: &model::plan::AccessLog) -> Result<(), Failure> {
        let file = AccessLog::open(place).map_err(|error| Failure::refused(error.to_string()))?;
        self.gates.log(file)
    }

    fn compiler(&self) -> MutexGuard<'_, Compiler> {
        self.compiler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the gate serve a plan, unless it serves the same already. Answers how many certificates cannot be served; `None`
    /// where nothing changed.
    fn take(&self, origin: Origin, plan: Plan) -> Result<Option<usize>, Failure> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.refuse_at_the_end()?;
        let taken = if plan == self.current().plan && !has_pages(&plan) {
            None
        } else {
            self.service.reloading();
            let installed = self.exchange(plan, &mut turn);
            self.announce();
            Some(installed?)
        };
        self.current().origin = origin;
        Ok(taken)
    }

    fn exchange(&self, plan: Plan, absolute: &mut places::Absolute) -> Result<usize, Failure> {
        // Everything that can fail comes first, so that a refusal changes nothing.
        let given = Given::read(&plan).map_err(|error| Failure::no(with_causes(&error)))?;
        let ports = gate::planned_ports(&plan).map_err(|error| Failure::no(with_causes(&error)))?;
        let (mut listeners, number, log) = {
            let current = self.current();
            (current.listeners.clone(), current.editions + 1, current.plan.log.access.clone())
        };
        let bound = listeners.bind(&ports, &plan.listen, self.threads)?;
        let serving = self.certificates.serving();
        let edition = Edition { number, plan: absolute.of(plan.clone()) };
        self.gates.install(Offer { edition, given, listeners: bound, serving })?;
        self.keep(listeners, number)?;
        let broken = self.certificates.apply(&plan);
        self.gates.certify(&self.certificates.serving());
        if plan.log.access != log
            && let Err(error) = self.open_log(&plan.log.access)
        {
            report::error(format_args!(
                "the new access log cannot be opened, the old one stays: {}",
                error.reason
            ));
        }
        let mut current = self.current();
        current.plan = plan;
        current.reloads += 1;
        Ok(broken)
    }

    /// Refuses what a gate that ends cannot do any more.
    fn refuse_at_the_end(&self) -> Result<(), Failure> {
        self.current().ends_by.map_or(Ok(()), |_| Err(ending()))
    }

    /// Notes the listeners that are open now.
    fn keep(&self, listeners: Listeners, edition: u64) -> Result<(), Failure> {
        let mut current = self.current();
        if current.ends_by.is_some() {
            return Err(ending());
        }
        current.editions = edition;
        current.listeners = listeners;
        self.service.keep(current.listeners.open());
        Ok(())
    }
}

impl Control for Running {
    fn status(&self) -> serde_json::Value {
        let (counts, facts) = (self.gates.counts(), self.gates.facts());
        let current = self.current();
        let mut status = serde_json::json!({
            "process": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "configuration": current.origin.full_name(),
            "uptime_seconds": self.started.elapsed().as_secs(),
            "threads": self.threads,
            "sites": current.plan.sites.iter().map(|site| site.label.as_str()).collect::<Vec<_>>(),
            "streams": current.plan.streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(),
            "services": current.plan.services.len(),
            "listeners": current.listeners.describe(),
            "connections": counts.map(|counts| counts.connections),
            "requests": counts.map(|counts| counts.requests),
            "reloads": current.reloads,
            "upgrades": upgrade::count(),
            "upgrades_failed": upgrade::failures(),
            "access_log_lost": counts.map(|counts| counts.log_lost),
            "gate_process": facts.process,
            "gate_uptime_seconds": facts.age.as_secs(),
            "gate_deaths": facts.deaths,
            "gates_ending": facts.ending,
            "confinement": confinement(facts.confined.as_ref(), &facts.hidden),
        });
        if let Some(end) = current.ends_by {
            status["draining_seconds"] = end.saturating_duration_since(Instant::now()).as_secs().into();
        }
        status
    }

    fn reload(&self, request: &ReloadRequest) -> Result<Message, ReloadRefused> {
        self.refuse_at_the_end().map_err(|failure| refused(failure, String::new()))?;
        let (origin, before) = {
            let current = self.current();
            let named = request.file.clone().map(Origin::File);
            (named.unwrap_or_else(|| current.origin.clone()), current.plan.clone())
        };
        let compiled =
            origin.compile_again(&mut self.compiler()).map_err(|failure| refused(failure, String::new()))?;
        let compiled = self.packets.inspect(compiled, &self.certificates.in_order());
        let problems = compiled.problems.render(false);
        let Some(plan) = compiled.plan.filter(|_| compiled.problems.errors() == 0) else {
            let failure = Failure::no(format!("{} cannot be used as it is", origin.name()));
            return Err(refused(failure, problems));
        };
        // The keeper may ask what is served, so it is asked before anything here is held.
        let judged = self.packets.refuse_changes(&origin, &plan, &before);
        judged.map_err(|failure| refused(failure, problems.clone()))?;
        let plan = self.packets.of_this_host(&plan).map_err(|failure| refused(failure, problems.clone()))?;
        if !request.allow_empty {
            refuse_emptiness(&origin, &plan, &before)
                .map_err(|failure| refused(failure, problems.clone()))?;
        }
        let taken = self.take(origin, plan).map_err(|failure| refused(failure, problems.clone()))?;
        let Some(broken) = taken else {
            return Ok(Message { message: "nothing changed".to_owned(), problems });
        };
        let current = self.current();
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

    fn upgrade(&self, program: Option<&Path>) -> Result<Message, ReloadRefused> {
        let refused = |failure| refused(failure, String::new());
        self.refuse_at_the_end().map_err(refused)?;
        let program = upgrade::program(program).map_err(refused)?;
        let rehearsing = self.turnover.begin(&program).map_err(refused)?;
        let lent = self.current().listeners.lend();
        let lent = lent.map_err(|error| Failure::refused(format!("the sockets cannot be lent: {error}")));
        let is_over = || self.current().ends_by.is_some();
        lent.and_then(|lent| rehearsal::rehearse(&program, &lent, is_over)).map_err(|failure| {
            self.gates.dismiss_strangers();
            refused(failure)
        })?;
        rehearsing.succeed();
        let message = Message::new(format!("{} has rehearsed and takes over", program.display()));
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more when the gate is ending already.
        let _ = signals.send(Signal::Become(program));
        Ok(message)
    }

    fn stop(&self) {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more when the gate is ending already.
        let _ = signals.send(Signal::Stop);
    }

    fn metrics(&self) -> String {
        // `status --metrics` writes them to terminals as they are, which was judged where they were read.
        self.gates.metrics().unwrap_or_default()
    }

    fn is_gate(&self, process: u32) -> bool {
        self.gates.has(process)
    }

    fn firewall(&self, asked: &Asked) -> Result<serde_json::Value, Refused> {
        self.packets.ask(asked, Some(self))
    }
}

impl Powers for Running {
    fn ban(&self, address: IpAddr, seconds: u32, rule: &str) -> Result<(), AskRefused> {
        let (has_firewall, listen) = {
            let plan = &self.current().plan;
            (plan.policy.firewall.is_some(), plan.listen.clone())
        };
        if !has_firewall {
            return Err(AskRefused::new("no-firewall", "the file has no [firewall]"));
        }
        let proxies = listen.trusted_proxies.into_iter().chain(listen.proxy_protocol).collect();
        let asked = AutomaticBan { address, seconds, rule: rule.to_owned(), proxies };
        self.packets.ban_for_gate(&asked, Some(self))
    }

    fn keep(&self, host: &HostPattern, chain: &Pem, key: &Pem) -> Result<(), AskRefused> {
        self.certificates.keep(host, &chain.0, &key.0)
    }
}

impl Routes for Running {
    fn served(&self) -> Served {
        let current = self.current();
        // A keeper reads the file by its absolute path, and compares with this.
        Served { origin: current.origin.clone(), plan: places::comparable(current.plan.clone()) }
    }

    fn lacks(&self, plan: &Plan) -> Vec<Finding> {
        let found = inspection::look_at_machine(plan, &self.certificates.in_order())
            .into_iter()
            .map(Finding::of_problem);
        let ending = all_that_would_end(plan, &self.current().plan).map(|number| {
            let hint = "nothing to do where that is meant";
            Finding::warning(format!("no site and no stream is left, and {number} would end"), hint)
        });
        found.chain(ending).collect()
    }

    fn install(&self, served: Served) -> Result<(), Failure> {
        self.take(served.origin, served.plan).map(drop)
    }
}

/// An emptied file, or one that includes nothing any more, would end every site: whoever means that says so.
fn refuse_emptiness(origin: &Origin, plan: &Plan, before: &Plan) -> Result<(), Failure> {
    let Some(number) = all_that_would_end(plan, before) else { return Ok(()) };
    let reason = format!("{} has no site and no stream, and {number} would end", origin.name());
    Err(Failure::no(reason).with_hint("`portcullis reload --allow-empty` where that is meant"))
}

/// How many sites and streams would end, where none is left.
fn all_that_would_end(plan: &Plan, before: &Plan) -> Option<usize> {
    let served = before.sites.len() + before.streams.len();
    (!plan.serves() && served > 0).then_some(served)
}

/// How the gate is confined, a line for each layer, and what it should see and does not, a line for each path.
fn confinement(confined: Option<&confine::Report>, hidden: &[confine::Missing]) -> serde_json::Value {
    let layers = confined.into_iter().flat_map(|report| &report.layers);
    let lines =
        layers.map(|layer| (layer.name.to_string(), serde_json::Value::String(layer.state.to_string())));
    let hidden = hidden
        .iter()
        .map(|missing| (missing.path.display().to_string(), format!("not shown: {}", missing.reason).into()));
    lines.chain(hidden).collect::<serde_json::Map<_, _>>().into()
}

/// Whether a plan names pages, whose text may have changed where the plan did not.
fn has_pages(plan: &Plan) -> bool {
    plan.sites.iter().any(|site| site.maintenance.is_some() || !site.error_pages.is_empty())
}

fn ending() -> Failure {
    Failure::no("the gate is ending").with_hint("once it has, `portcullis up` starts another one")
}

fn refused(failure: Failure, problems: String) -> ReloadRefused {
    let by_machine = failure.exit == Exit::Refused;
    ReloadRefused { reason: failure.reason, problems, hint: failure.hint, by_machine }
}
