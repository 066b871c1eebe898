//! Gates end: with the service, after another one took their place, or because nobody took them over.

use super::conversation::{Conversation, Ears};
use super::offer::Offer;
use super::predecessors::{Predecessor, find_but};
use super::supervisor::Supervisor;
use crate::report;
use link::{Answer, Order, Patience};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Beyond the time that its connections have, until an ending gate is cut off.
const LEAVING: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Has gates end that somebody left in our folder and nobody took over.
    pub(crate) fn dismiss_strangers(&self) {
        let mut state = self.state();
        let known: Vec<PathBuf> =
            state.gate.iter().chain(&state.ending).map(|gate| gate.place.clone()).collect();
        let (predecessors, _) = find_but(&self.settings.folder, &known).split();
        let ending =
            predecessors.gates.into_iter().filter_map(|gate| send_off(gate, &self.ears, &state.offer));
        let ending: Vec<_> = ending.collect();
        state.ending.extend(ending);
    }

    /// Leaves the gate without a keeper: another one takes it over.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.gate = None;
        state.ending.clear();
    }

    /// Ends the service: no new connections, the open ones have so long. Answers how many were cut.
    pub(crate) fn end(&self, total: Duration) -> u64 {
        let (gate, ending) = {
            let mut state = self.state();
            state.is_over = true;
            // Nobody may connect to what is still open here once the gate takes no more.
            state.offer.listeners.clear();
            (state.gate.take(), std::mem::take(&mut state.ending))
        };
        let deadline = Instant::now() + total;
        let cut = gate.map_or(0, |gate| drain(&gate, total));
        for former in ending {
            // It has longer from its own keeper, and as long as everybody from who ends the service.
            former.process.is_over_within(deadline.saturating_duration_since(Instant::now()));
            former.end();
        }
        cut
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

/// Ends a gate with what it serves. Answers how many connections were cut.
fn drain(gate: &Conversation, total: Duration) -> u64 {
    gate.ending.store(true, Ordering::Relaxed);
    let order = Order::Drain(Patience { total, handed_over: false });
    let cut = match gate.ask(order, &[], total + LEAVING) {
        Ok((Answer::Drained { cut }, _)) => cut,
        _ => 0,
    };
    gate.end();
    cut
}

impl Drop for Supervisor {
    /// A gate that was started here and whose keeper comes to no beginning ends with it. One that served before goes on,
    /// and so does one that a former program takes over.
    fn drop(&mut self) {
        if self.is_first && !self.state().is_over {
            self.end(Duration::ZERO);
        }
    }
}
