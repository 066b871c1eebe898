//! Keeping a gate running: it serves what it is offered, and is replaced when it dies.

use super::asks::Asked;
use super::conversation::{Conversation, Ears, Event};
use super::deaths::Deaths;
use super::ending::send_off;
use super::offer::Offer;
use super::predecessors::Predecessor;
use super::replacing::{serve, supervise};
use super::settings::Settings;
use super::start;
use crate::failure::Failure;
use crate::report;
use link::PROTOCOL;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What a gate may have told and asked before somebody listens.
const WAITING: usize = 64;

/// Gates of a former keeper.
#[derive(Debug, Default)]
pub(crate) struct Predecessors {
    pub(super) gates: Vec<Predecessor>,
}

/// Keeps a gate running.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(super) settings: Settings,
    pub(super) ears: Ears,
    /// Held by who tells the gate what it serves, which may take it a minute. Nobody takes it who has the state.
    pub(super) turn: Mutex<()>,
    /// Held by who reads metrics.
    pub(super) metering: Mutex<()>,
    /// Held for moments: nobody waits for a gate who has it.
    state: Mutex<State>,
    /// Whether no gate of a former keeper was there when this began.
    pub(super) is_first: bool,
}

/// What there is.
#[derive(Debug)]
pub(super) struct State {
    /// The gate that serves.
    pub(super) gate: Option<Arc<Conversation>>,
    /// Where one will await a later keeper that is being started, before anybody speaks with it.
    pub(super) place: Option<PathBuf>,
    /// One that is being brought up.
    pub(super) coming: Option<Arc<Conversation>>,
    /// Those that end.
    pub(super) ending: Vec<Arc<Conversation>>,
    /// Those that were killed, until nothing of them runs: what they asked of others before may still be looked at.
    pub(super) dying: Vec<Arc<Conversation>>,
    /// What is served; it changes in a turn alone.
    pub(super) offer: Arc<Offer>,
    /// Where the access log is written; it changes in a turn alone.
    pub(super) log: Option<Arc<File>>,
    pub(super) deaths: Deaths,
    /// Since when it is somebody's turn.
    pub(super) busy: Option<Instant>,
    /// When the gate was looked after last.
    pub(super) looked: Instant,
    /// Whether the service ends, so that nothing is replaced.
    pub(super) is_over: bool,
}

/// What comes out of a supervisor.
pub(crate) struct Heard {
    /// What the gate tells the operator.
    pub(crate) notices: Receiver<String>,
    /// What it asks for.
    pub(crate) asks: Receiver<Asked>,
}

impl Predecessors {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.gates.is_empty()
    }
}

/// Takes the gate that was started last: after a rehearsal by a program of the same build, the one that has rehearsed. The
/// names of their sockets are numbers that grow.
fn take_latest(gates: &mut Vec<Predecessor>) -> Option<Predecessor> {
    let name = |gate: &Predecessor| gate.place.file_name().map(|name| (name.len(), name.to_owned()));
    let latest = (0..gates.len()).max_by_key(|index| name(&gates[*index]))?;
    Some(gates.swap_remove(latest))
}

impl Supervisor {
    /// Starts a gate that serves an offer, and keeps it running from now on. The latest of a former keeper that is of the
    /// same build goes on; all others end once another serves.
    pub(crate) fn start(
        settings: Settings,
        offer: Offer,
        log: Option<File>,
        predecessors: Predecessors,
    ) -> Result<(Arc<Self>, Heard), Failure> {
        let (events, happened) = sync_channel(WAITING);
        let (notices, told) = sync_channel(WAITING);
        let (asks, asked) = sync_channel(WAITING);
        let (mut same, mut others): (Vec<_>, Vec<_>) = predecessors.gates.into_iter().partition(|gate| {
            let hello = &gate.hello;
            hello.protocol == PROTOCOL && hello.build == settings.build && !hello.draining
        });
        let former = take_latest(&mut same);
        others.extend(same);
        let is_first = former.is_none() && others.is_empty();
        let supervisor = Self::new(settings, Ears { events, notices, asks }, offer, log, is_first);
        if !former.is_some_and(|former| supervisor.adopt(former)) {
            supervisor.bring_up()?;
        }
        supervisor.send_off_all(others);
        let supervisor = Arc::new(supervisor);
        supervisor.look_after(happened)?;
        Ok((supervisor, Heard { notices: told, asks: asked }))
    }

    /// One that has no gate yet.
    pub(super) fn new(
        settings: Settings,
        ears: Ears,
        offer: Offer,
        log: Option<File>,
        is_first: bool,
    ) -> Self {
        let state = State {
            gate: None,
            place: None,
            coming: None,
            ending: Vec::new(),
            dying: Vec::new(),
            offer: Arc::new(offer),
            log: log.map(Arc::new),
            deaths: Deaths::default(),
            busy: None,
            looked: Instant::now(),
            is_over: false,
        };
        Self {
            settings,
            ears,
            turn: Mutex::default(),
            metering: Mutex::default(),
            state: Mutex::new(state),
            is_first,
        }
    }

    /// Looks after the gate in a thread of its own.
    pub(super) fn look_after(self: &Arc<Self>, happened: Receiver<Event>) -> Result<(), Failure> {
        let theirs = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("supervisor".to_owned());
        let started = thread.spawn(move || supervise(&theirs, &happened));
        started.map(drop).map_err(|error| Failure::refused(format!("no thread for the gate: {error}")))
    }

    /// Has a gate of a former keeper serve on. One that does not obey is ended, for it would go on taking connections.
    pub(super) fn adopt(&self, former: Predecessor) -> bool {
        let pid = former.process.pid();
        let (offer, log) = self.served();
        let adopted = start::adopt(&self.settings, self.ears.clone(), &offer, former);
        let serving = adopted.and_then(|gate| match serve(&gate, &offer, log.as_deref()) {
            Ok(()) => Ok(gate),
            Err(failure) => {
                gate.end();
                Err(failure)
            }
        });
        match serving {
            Ok(gate) => {
                report::info(format_args!("the gate of the former keeper serves on (process {pid})"));
                self.state().gate = Some(gate);
                true
            }
            Err(failure) => {
                report::warning(format_args!("{}; another gate replaces it", failure.reason));
                false
            }
        }
    }

    /// Has gates end that others have replaced.
    pub(super) fn send_off_all(&self, others: Vec<Predecessor>) {
        let (offer, _) = self.served();
        let ending: Vec<_> =
            others.into_iter().filter_map(|former| send_off(former, &self.ears, &offer)).collect();
        self.state().ending.extend(ending);
    }

    /// What is served, and where the access log is written.
    pub(super) fn served(&self) -> (Arc<Offer>, Option<Arc<File>>) {
        let state = self.state();
        (Arc::clone(&state.offer), state.log.clone())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
