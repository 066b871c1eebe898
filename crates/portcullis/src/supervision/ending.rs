//! Gates end: with the service, after another one took their place, or because nobody took them over.

use super::conversation::{Conversation, Ears, Reply};
use super::offer::Offer;
use super::predecessors::{Predecessor, find_but};
use super::supervisor::Supervisor;
use crate::report;
use link::{Answer, Order, Patience};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Beyond the time that its connections have, until an ending gate is cut off.
const LEAVING: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Has gates end that somebody left in our folder and nobody took over.
    pub(crate) fn dismiss_strangers(&self) {
        // Nobody starts a gate meanwhile, which would be taken for one.
        let _turn = self.turn();
        // Who ends the service looks for them, and knows the gate that it ends.
        if !self.state().is_over {
            self.send_off_strangers();
        }
    }

    /// Leaves the gate without a keeper: another one takes it over.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.gate = None;
        state.coming = None;
        state.ending.clear();
    }

    /// Ends the service: no new connections, the open ones have so long. Answers how many were cut.
    pub(crate) fn end(&self, total: Duration) -> u64 {
        let gate = self.close().map(|gate| Draining::begin(gate, total));
        self.end_all(gate, Instant::now() + total)
    }

    /// The same, and of all gates that are in our folder.
    pub(crate) fn end_with_strangers(&self, total: Duration) -> u64 {
        let deadline = Instant::now() + total;
        let gate = self.close().map(|gate| Draining::begin(gate, total));
        self.send_off_strangers();
        let cut = self.end_all(gate, deadline);
        // A rehearsal that was under way may have left one since.
        self.send_off_strangers();
        cut + self.end_all(None, deadline)
    }

    /// Has nothing start or be replaced from now on. Answers with the gate that serves, or would in a moment.
    fn close(&self) -> Option<Arc<Conversation>> {
        let mut state = self.state();
        state.is_over = true;
        // Nobody may connect to what is still open here once the gate takes no more.
        Arc::make_mut(&mut state.offer).listeners.clear();
        let coming = state.coming.take();
        let gate = state.gate.take().or(coming);
        // It is known for what it is as long as it ends, which may take its time.
        state.ending.extend(gate.clone());
        gate
    }

    fn end_all(&self, gate: Option<Draining>, deadline: Instant) -> u64 {
        let left = || deadline.saturating_duration_since(Instant::now());
        let cut = gate.map_or(0, |gate| gate.end(left() + LEAVING));
        let ending = self.state().ending.clone();
        for former in ending {
            // It has longer from its own keeper, and as long as everybody from who ends the service.
            former.process.is_over_within(left());
            former.end();
        }
        cut
    }

    fn send_off_strangers(&self) {
        let known: Vec<PathBuf> = {
            let state = self.state();
            let gates = state.gate.iter().chain(&state.ending);
            gates.map(|gate| gate.place.clone()).chain(state.place.clone()).collect()
        };
        let (strangers, _) = find_but(&self.settings.folder, &known).split();
        self.send_off_all(strangers.gates);
    }
}

/// Has a gate of a former keeper end, now that another one has its sockets.
pub(super) fn send_off(former: Predecessor, ears: &Ears, offer: &Offer) -> Option<Arc<Conversation>> {
    let pid = former.process.pid();
    if !former.hello.draining {
        report::info(format_args!("the former gate ends with its connections (process {pid})"));
    }
    let gate = Conversation::begin(former.process, former.channel, former.place, ears.clone()).ok()?;
    gate.ending.store(true, Ordering::Relaxed);
    let total = offer.edition.plan.limits.handover_timeout;
    let _ = gate.deadline.set(Instant::now() + total + LEAVING);
    // One that ends already was told by its own keeper; what it has beyond that is bounded here.
    let told = gate.tell(Order::Drain(Patience { total, handed_over: true }), &[]);
    if told.is_err() {
        gate.kill();
    }
    Some(gate)
}

/// A gate that ends with what it serves.
struct Draining {
    gate: Arc<Conversation>,
    /// Its last answer, unless it could not be told to end.
    last: Option<Receiver<Reply>>,
}

impl Draining {
    fn begin(gate: Arc<Conversation>, total: Duration) -> Self {
        gate.ending.store(true, Ordering::Relaxed);
        let order = Order::Drain(Patience { total, handed_over: false });
        let last = gate.tell(order, &[]).ok().map(|(_, answer)| answer);
        Self { gate, last }
    }

    /// Waits for its end, and ends it where that takes longer. Answers how many connections were cut.
    fn end(self, patience: Duration) -> u64 {
        let answer = self.last.and_then(|last| last.recv_timeout(patience).ok());
        self.gate.end();
        match answer {
            Some((Answer::Drained { cut }, _)) => cut,
            _ => 0,
        }
    }
}

/// A service that has not begun: where it does not come to that, the gate ends that was started for it. Others may have the
/// supervisor meanwhile, so that it is not enough to let go of it.
#[derive(Debug)]
pub(crate) struct Beginning(Option<Arc<Supervisor>>);

impl Beginning {
    pub(crate) fn of(supervisor: &Arc<Supervisor>) -> Self {
        Self(Some(Arc::clone(supervisor)))
    }

    /// It has begun.
    pub(crate) fn succeed(mut self) {
        self.0 = None;
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if let Some(supervisor) = &self.0 {
            supervisor.give_up();
        }
    }
}

impl Supervisor {
    /// A gate that was started here and whose keeper comes to no beginning ends with it. One that served before goes on,
    /// and so does one that a former program takes over.
    fn give_up(&self) {
        if self.is_first && !self.state().is_over {
            self.end(Duration::ZERO);
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.give_up();
    }
}
