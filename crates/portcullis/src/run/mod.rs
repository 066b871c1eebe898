//! Running the gate: the only place that wires plan, certificates, listeners and threads together.

mod bind;
mod content;
mod control;
mod greeting;
mod notices;
mod packets;
mod signals;

pub(crate) use signals::Signal;

use crate::admin::{GateLock, Server};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure, with_causes};
use crate::known;
use crate::place::Places;
use crate::report;
use bind::Listeners;
use certs::{StateFolder, Store};
use content::Content;
use control::Running;
use gate::{AccessLog, Gate};
use model::plan::Plan;
use packets::Packets;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime};

/// How long the end waits for an answer that is still being made.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);
/// Between two tries to end.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// How the gate was started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// Threads that serve; one for each core where it is not said.
    pub(crate) threads: Option<usize>,
    /// Which host of the file this machine is, where that was said.
    pub(crate) host: Option<String>,
    /// Whether the first packets are put in force without a question.
    pub(crate) yes: bool,
    /// Whether the state folder was named on the command line.
    pub(crate) state_is_named: bool,
}

/// How often certificates are looked after.
const CERTIFICATES: Duration = Duration::from_secs(5);

/// Runs the gate until it is told to stop.
pub(crate) fn run(origin: Origin, plan: Plan, places: &Places, start: Start) -> Result<Exit, Failure> {
    let _lock = GateLock::take(&places.state)?;
    if let (Origin::File(file), Some(_), false) = (&origin, &plan.policy.firewall, start.state_is_named)
        && let Err(reason) = known::note(file, places)
    {
        report::warning(format_args!(
            "it cannot be noted where the state is kept ({reason}); --state names it where the file has an error"
        ));
    }
    let packets = Packets::new(&places.state, start.host);
    let whole = plan;
    let plan = packets.of_this_host(&whole)?;
    packets.begin(&origin, &whole, start.yes);
    raise_descriptor_limit();
    let threads =
        start.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (signals, events) =
        signals::listen().map_err(|error| Failure::refused(format!("no signals: {error}")))?;
    let now = SystemTime::now();
    let (store, noted) = Store::open(StateFolder::new(&places.state), &plan, now)
        .map_err(|error| Failure::refused(error.to_string()).with_hint(error.hint()))?;
    content::report_events(&noted);
    let mut listeners = Listeners::default();
    let content = Content::new(store)?;
    let served = content.of(plan.clone(), None)?;
    let bound = listeners.open(&served.snapshot.planned_ports(), &plan.listen, threads)?;
    let log = AccessLog::start(&plan.log.access).map_err(|error| log_failure(&plan, &error))?;
    let (gate, told) = Gate::start(served, &bound, Some(log.clone()), threads)
        .map_err(|error| Failure::refused(with_causes(&error)))?;
    notices::pass_on(told).map_err(|error| Failure::refused(format!("no thread for notices: {error}")))?;
    greeting::greet(&plan, &bound, threads);
    // A listener that is open anywhere takes connections, which nobody would serve once the gate is ending.
    drop(bound);
    let running =
        Running::new(origin, plan, packets.clone(), content, listeners, gate, log, threads, signals);
    let running = Arc::new(running);
    packets
        .watch(&running)
        .map_err(|error| Failure::refused(format!("no thread for the firewall: {error}")))?;
    let admin = Server::start(&places.admin_socket, Arc::clone(&running) as Arc<_>)?;
    wait(&running, &events);
    drop(admin);
    report::info("stopping: no new connections; requests in flight end (a second signal cuts them)");
    signals::let_the_next_one_kill();
    finish(running);
    Ok(Exit::Done)
}

/// Obeys signals and looks after certificates until the gate is to stop.
fn wait(running: &Running, events: &std::sync::mpsc::Receiver<Signal>) {
    loop {
        match events.recv_timeout(CERTIFICATES) {
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Signal::Reload) => running.reload_and_report(),
            Ok(Signal::ReopenLogs) => running.reopen_log(),
            Err(RecvTimeoutError::Timeout) => running.refresh_certificates(),
        }
    }
}

fn finish(mut running: Arc<Running>) {
    let deadline = Instant::now() + LONGEST_ANSWER;
    let running = loop {
        match Arc::try_unwrap(running) {
            Ok(running) => break running,
            Err(_) if Instant::now() >= deadline => return,
            // Somebody who asked, or the look after the packets, is at its end.
            Err(shared) => running = shared,
        }
        std::thread::sleep(BETWEEN_TRIES);
    };
    let drain = running.drain_timeout();
    let cut = running.into_gate().drain(drain);
    if cut > 0 {
        report::warning(format_args!("connections cut after {} s: {cut}", drain.as_secs()));
    }
    report::info("stopped");
}

fn log_failure(plan: &Plan, error: &std::io::Error) -> Failure {
    let place = match &plan.log.access {
        model::plan::AccessLog::File(path) => path.display().to_string(),
        _ => "standard output".to_owned(),
    };
    Failure::refused(format!("cannot write the access log to {place}: {error}"))
        .with_hint("[log] access names another file, \"stdout\" or \"off\"")
}

/// A gate needs two descriptors for each connection. The hard limit is what the operator allows.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, fewer connections are taken.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
