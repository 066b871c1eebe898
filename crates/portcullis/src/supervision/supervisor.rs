//! Keeping a gate running: it serves what it is offered, and is replaced when it dies.

use super::asks::Asked;
use super::conversation::{Conversation, Ears};
use super::ending::send_off;
use super::offer::Offer;
use super::predecessors::Predecessor;
use super::replacing::{bring_up, serve, supervise};
use super::settings::Settings;
use super::start;
use crate::failure::Failure;
use crate::report;
use link::PROTOCOL;
use std::collections::VecDeque;
use std::fs::File;
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
    pub(super) state: Mutex<State>,
    /// When the gate was looked after last.
    pub(super) looked: Mutex<Instant>,
    /// Whether no gate of a former keeper was there when this began.
    pub(super) is_first: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) gate: Option<Arc<Conversation>>,
    pub(super) ending: Vec<Arc<Conversation>>,
    pub(super) offer: Offer,
    pub(super) log: Option<File>,
    /// When gates died lately.
    pub(super) deaths: VecDeque<Instant>,
    /// The last of them whose pause was told.
    pub(super) told: Option<Instant>,
    pub(super) dead: u64,
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

impl Supervisor {
    /// Starts a gate that serves an offer, and keeps it running from now on. One of a former keeper that is of the same
    /// build goes on; all others end once another serves.
    pub(crate) fn start(
        settings: Settings,
        offer: Offer,
        log: Option<File>,
        predecessors: Predecessors,
    ) -> Result<(Arc<Self>, Heard), Failure> {
        let (events, happened) = sync_channel(WAITING);
        let (notices, told) = sync_channel(WAITING);
        let (asks, asked) = sync_channel(WAITING);
        let ears = Ears { events, notices, asks };
        let (same, mut others): (Vec<_>, Vec<_>) = predecessors.gates.into_iter().partition(|gate| {
            let hello = &gate.hello;
            hello.protocol == PROTOCOL && hello.build == settings.build && !hello.draining
        });
        let mut same = same.into_iter();
        let adopted = same.next().and_then(|former| {
            let pid = former.process.pid();
            let adopted = start::adopt(&settings, ears.clone(), &offer, former);
            let adopted = adopted.and_then(|gate| match serve(&gate, &offer, log.as_ref()) {
                Ok(()) => Ok(gate),
                Err(failure) => {
                    // One that does not obey would go on taking connections.
                    gate.end();
                    Err(failure)
                }
            });
            match adopted {
                Ok(gate) => {
                    report::info(format_args!("the gate of the former keeper serves on (process {pid})"));
                    Some(gate)
                }
                Err(failure) => {
                    report::warning(format_args!("{}; another gate replaces it", failure.reason));
                    None
                }
            }
        });
        others.extend(same);
        let is_first = adopted.is_none() && others.is_empty();
        let gate = match adopted {
            Some(gate) => gate,
            None => bring_up(&settings, &ears, &offer, log.as_ref())?,
        };
        let ending = others.into_iter().filter_map(|former| send_off(former, &ears, &offer)).collect();
        let deaths = VecDeque::new();
        let state =
            State { gate: Some(gate), ending, offer, log, deaths, told: None, dead: 0, is_over: false };
        let supervisor = Arc::new(Self {
            settings,
            ears,
            state: Mutex::new(state),
            looked: Mutex::new(Instant::now()),
            is_first,
        });
        let theirs = Arc::downgrade(&supervisor);
        let thread = std::thread::Builder::new().name("supervisor".to_owned());
        let started = thread.spawn(move || supervise(&theirs, &happened));
        started.map_err(|error| Failure::refused(format!("no thread for the gate: {error}")))?;
        Ok((supervisor, Heard { notices: told, asks: asked }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
