//! Running the gate: the only place that wires plan, certificates, listeners and threads together.

mod asks;
mod bind;
mod build;
mod certificates;
mod chores;
mod control;
mod greeting;
mod judge;
mod notices;
mod packets;
mod places;
mod rehearsal;
mod service;
mod signals;
mod stage;
mod turnover;
mod upgrade;

pub(crate) use signals::hold as hold_signals;
pub(crate) use upgrade::fall_back;

use crate::admin::{GateLock, Operators, Server};
use crate::configuration::Origin;
use crate::failure::{Exit, Failure};
use crate::gate_user;
use crate::known;
use crate::place::Places;
use crate::report;
use crate::supervision::{Beginning, find_predecessors};
use chores::{Chore, Chores};
use control::Running;
use model::Compiler;
use model::plan::Plan;
use packets::Packets;
use service::Service;
use signals::{Events, Signal};
use stage::Stage;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How long the end waits for an answer that is still being made.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);
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
    /// Whether a gate is brought up for the next keeper, and nothing else.
    pub(crate) rehearsal: bool,
}

/// How often the service manager hears that this process lives, where it does not want to hear of it more often.
const BETWEEN_SIGNS: Duration = Duration::from_secs(5);

/// Runs the gate until it is told to stop.
pub(crate) fn run(
    origin: Origin,
    (plan, compiler): (Plan, Compiler),
    places: &Places,
    start: Start,
) -> Result<Exit, Failure> {
    if start.rehearsal {
        return rehearse(&plan, places, &start);
    }
    serve(origin, (plan, compiler), places, start)
}

/// Brings up a gate with what the running keeper lends, sees that it serves, and leaves it for the next keeper.
fn rehearse(plan: &Plan, places: &Places, start: &Start) -> Result<Exit, Failure> {
    let (lender, inheritance) = rehearsal::Lender::at_stdin()?;
    let packets = Packets::new(&places.state, start.host.clone());
    raise_descriptor_limit();
    let served = packets.of_this_host(plan).and_then(|plan| {
        let gates = Stage::set(&plan, places, threads(start), inheritance, Vec::new())?.gates;
        match gates.verify().and_then(|()| lender.is_there()) {
            Ok(()) => {
                gates.leave();
                Ok(())
            }
            Err(failure) => {
                lender.tell(&failure.reason);
                // It has the listeners already, and may have taken connections from them.
                gates.end(plan.limits.drain_timeout);
                Err(failure)
            }
        }
    });
    if let Err(failure) = &served {
        lender.tell(&failure.reason);
    }
    served.map(|()| Exit::Done)
}

/// Threads that serve.
fn threads(start: &Start) -> usize {
    start.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn serve(
    origin: Origin,
    (plan, compiler): (Plan, Compiler),
    places: &Places,
    start: Start,
) -> Result<Exit, Failure> {
    let (service, kept) = Service::from_environment();
    let _lock = GateLock::take(&places.state)?;
    if let (Origin::File(file), Some(_), false) = (&origin, &plan.policy.firewall, start.state_is_named)
        && let Err(reason) = known::note(file, places)
    {
        report::warning(format_args!(
            "it cannot be noted where the state is kept ({reason}); --state names it where the file has an error"
        ));
    }
    let threads = threads(&start);
    let packets = Packets::new(&places.state, start.host);
    let whole = plan;
    let plan = packets.of_this_host(&whole)?;
    let no_signals = |error: std::io::Error| Failure::refused(format!("no signals: {error}"));
    signals::hold().map_err(no_signals)?;
    let begin = || packets.begin(&origin, &whole, start.yes);
    if std::io::stdin().is_terminal() {
        signals::let_pass(begin).map_err(no_signals)?;
    } else {
        begin();
    }
    raise_descriptor_limit();
    let (signals, events) = signals::listen().map_err(no_signals)?;
    let inheritance = find_predecessors(&prepared_folder(places)?);
    let Stage { certificates, listeners, bound, gates, heard } =
        Stage::set(&plan, places, threads, inheritance, kept)?;
    let beginning = Beginning::of(&gates);
    service.keep(&bound);
    notices::pass_on(heard.notices)
        .map_err(|error| Failure::refused(format!("no thread for notices: {error}")))?;
    greeting::greet(&plan, &bound, threads);
    greeting::warn_of_confinement(gates.facts().confined.as_ref());
    // A listener that is open anywhere takes connections, which nobody would serve once the gate is ending.
    drop(bound);
    let running = Running::new(
        origin,
        plan,
        packets.clone(),
        certificates,
        listeners,
        gates,
        threads,
        signals,
        compiler,
        service,
    );
    let running = Arc::new(running);
    asks::answer(heard.asks, &running)
        .map_err(|error| Failure::refused(format!("no thread for what gates ask: {error}")))?;
    let chores = Chores::begin(&running)
        .map_err(|error| Failure::refused(format!("no thread for certificates: {error}")))?;
    packets
        .watch(&running)
        .map_err(|error| Failure::refused(format!("no thread for the firewall: {error}")))?;
    let listen = || {
        let ours = places.state.join("admin");
        let operators = Operators::here(gate_user::account());
        Server::start(&places.admin_socket, &ours, operators, Arc::clone(&running) as Arc<_>)
    };
    let mut admin = Some(listen()?);
    beginning.succeed();
    running.announce();
    upgrade::settle();
    while let Some(program) = wait(&running, &chores, &events) {
        drop(admin.take());
        // What comes from here on waits for the program.
        let held = events.hold();
        if held.is_the_end {
            break;
        }
        let error = upgrade::become_program(&program);
        report::error(format_args!("{} cannot be started, this program goes on: {error}", program.display()));
        drop(held);
        running.dismiss_strangers();
        admin = Some(listen()?);
    }
    running.service().stopping(running.drain_timeout() + LONGEST_ANSWER);
    report::info("stopping: no new connections; requests in flight end (a second signal cuts them)");
    events.let_the_next_one_kill();
    // Who asks meanwhile is told how far it is, and nobody takes the packets for nobody's.
    let admin = admin.or_else(|| listen().ok());
    finish(&running);
    drop(admin);
    Ok(Exit::Done)
}

/// Obeys signals until the gate is to stop, or this process to become another program. Nothing here waits for a gate.
fn wait(running: &Running, chores: &Chores, events: &Events) -> Option<PathBuf> {
    let rhythm = running.service().rhythm().map_or(BETWEEN_SIGNS, |rhythm| rhythm.min(BETWEEN_SIGNS));
    loop {
        if running.is_well() {
            running.service().alive();
        }
        match events.wait(rhythm) {
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
            Ok(Signal::Become(program)) => return Some(program),
            Ok(Signal::Reload) => chores.hand_in(Chore::Reload),
            Ok(Signal::ReopenLogs) => chores.hand_in(Chore::ReopenLog),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn finish(running: &Running) {
    let drain = running.drain_timeout();
    let cut = running.end();
    if cut > 0 {
        report::warning(format_args!("connections cut after {} s: {cut}", drain.as_secs()));
    }
    report::info("stopped");
}

/// The folder in which gates await a later keeper: that of the lock, which is its owner's alone.
fn prepared_folder(places: &Places) -> Result<PathBuf, Failure> {
    let folder = places.state.join("admin");
    std::path::absolute(&folder)
        .map_err(|error| Failure::refused(format!("cannot name {}: {error}", folder.display())))
}

/// A gate needs two descriptors for each connection. The hard limit is what the operator allows.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, fewer connections are taken.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
