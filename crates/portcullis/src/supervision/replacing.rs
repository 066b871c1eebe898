//! A gate that dies or does not answer is replaced: at once, and after longer and longer pauses where gates die again and
//! again.

use super::conversation::{Conversation, Event, Silence};
use super::offer::{Bound, Offer};
use super::sight;
use super::start;
use super::supervisor::Supervisor;
use super::turn::Turn;
use crate::failure::Failure;
use crate::report;
use link::Order;
use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Between two looks whether it lives, and whether its folders are those that it sees.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long a gate may be silent before it counts as stuck. It is not asked while it takes a plan or certificates, and
/// everything else it answers from memory: this is for a machine that is out of breath.
const STUCK: Duration = Duration::from_secs(5);
/// Until it is looked again for somebody's turn to end, where no gate serves.
const SOON: Duration = Duration::from_millis(20);
/// How a gate ended that is no child of this process, to which alone the kernel tells it (waitid(2)).
const UNKNOWN: &str = "how is not known, for a keeper that is gone had started it; the kernel's log names a call that the \
     system call filter stopped, and what was killed for want of memory";
/// How long a killed gate may take to be gone.
const DYING: Duration = Duration::from_secs(1);

/// Looks after the gate for as long as there is a supervisor.
pub(super) fn supervise(supervisor: &Weak<Supervisor>, happened: &Receiver<Event>) {
    let mut wait = BETWEEN_LOOKS;
    loop {
        let event = happened.recv_timeout(wait);
        let Some(supervisor) = supervisor.upgrade() else { return };
        match event {
            Ok(Event::Gone(gate)) => supervisor.bury(&gate),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        wait = supervisor.look_around().unwrap_or(BETWEEN_LOOKS).min(BETWEEN_LOOKS);
    }
}

impl Supervisor {
    /// Looks once after everything that runs. Answers how long to wait for a start that is due earlier than the next look.
    pub(super) fn look_around(&self) -> Option<Duration> {
        self.end_overdue(Instant::now());
        // A gate that is told something is not asked whether it lives: an order that takes long is not silence, and who
        // gave it ends a gate that takes too long for it.
        let wait = self.turn_at_once().map(|turn| {
            self.look(&turn);
            self.replace(&turn)
        });
        self.state().looked = Instant::now();
        // Whoever has the turn hears at once where the gate is gone, and is done in a moment.
        wait.unwrap_or_else(|| self.is_missing().then_some(SOON))
    }

    /// A gate is gone.
    pub(super) fn bury(&self, gone: &Arc<Conversation>) {
        let was_serving = {
            let mut state = self.state();
            state.ending.retain(|gate| !Arc::ptr_eq(gate, gone));
            state.dying.push(Arc::clone(gone));
            let was_serving =
                state.gate.as_ref().is_some_and(|gate| Arc::ptr_eq(gate, gone)) && !state.is_over;
            if was_serving {
                state.gate = None;
                state.deaths.note(gone.began.elapsed(), Instant::now());
            }
            was_serving
        };
        // One that waits for a disk cannot be ended before that; another one serves meanwhile.
        let how = if gone.process.is_over_within(DYING) {
            gone.process.end().unwrap_or_else(|| UNKNOWN.to_owned())
        } else {
            "it was killed, and has not ended yet".to_owned()
        };
        if !was_serving {
            return;
        }
        report::error(format_args!("the gate (process {}) died: {how}", gone.process.pid()));
    }

    /// Starts a gate that serves what is to be served, while it is this caller's turn or nobody else knows of this.
    pub(super) fn bring_up(&self) -> Result<(), Failure> {
        let (offer, log) = self.served();
        offer.listeners.iter().for_each(Bound::revive);
        let place = start::place(&self.settings.folder);
        self.state().place = Some(place.clone());
        let announce = |gate: &_| self.announce(gate);
        let brought = start::start(&self.settings, self.ears.clone(), &offer, &place, announce);
        let serving = brought.and_then(|gate| match serve(&gate, &offer, log.as_deref()) {
            Ok(()) => Ok(gate),
            Err(failure) => {
                gate.kill();
                Err(failure)
            }
        });
        let mut state = self.state();
        let coming = state.coming.take();
        state.place = None;
        match serving {
            // Who ends the service has taken it, and ends it.
            Ok(gate) => state.gate = coming.map(|_| gate),
            Err(failure) => {
                state.dying.extend(coming);
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Makes a gate known that was just started, so that who ends the service ends it too.
    fn announce(&self, gate: &Arc<Conversation>) -> bool {
        let mut state = self.state();
        if !state.is_over {
            state.coming = Some(Arc::clone(gate));
        }
        !state.is_over
    }

    /// Whether no gate serves though one should.
    pub(super) fn is_missing(&self) -> bool {
        let state = self.state();
        state.gate.is_none() && !state.is_over
    }

    /// Starts a gate where there should be one. Answers how long to wait before it is tried again.
    fn replace(&self, _: &Turn<'_>) -> Option<Duration> {
        let pause = {
            let mut state = self.state();
            if state.is_over || state.gate.is_some() {
                return None;
            }
            state.deaths.pause(Instant::now())
        };
        if let Some(pause) = pause {
            if let Some(news) = pause.news {
                report::error(news);
            }
            return Some(pause.rest);
        }
        let brought = self.bring_up();
        let (process, is_over) = {
            let mut state = self.state();
            if brought.is_err() {
                state.deaths.note_stillborn(Instant::now());
            }
            (state.gate.as_ref().map(|gate| gate.process.pid()), state.is_over)
        };
        match (brought, process) {
            (Ok(()), Some(process)) => {
                report::info(format_args!("another gate serves (process {process})"));
                None
            }
            (_, None) if is_over => None,
            (Ok(()), None) => Some(Duration::ZERO),
            (Err(failure), _) => {
                report::error(format_args!("{}; it is tried again", failure.reason));
                Some(Duration::ZERO)
            }
        }
    }

    /// Ends gates whose time to end is over, and forgets those of which nothing runs any more.
    pub(super) fn end_overdue(&self, now: Instant) {
        let mut state = self.state();
        state.dying.retain(|gate| !gate.process.is_over_within(Duration::ZERO));
        for gate in &state.ending {
            if gate.deadline.get().is_some_and(|deadline| now >= *deadline) {
                gate.kill();
            }
        }
    }

    /// Has the gate see what lies at its folders now. Asks whether it lives, and ends it where it does not say so.
    fn look(&self, _: &Turn<'_>) {
        let Some(gate) = self.state().gate.clone() else { return };
        sight::refresh(&gate);
        let answer = gate.ask(Order::Ping, &[], STUCK);
        // Of one that is gone its event says how.
        if answer.is_err_and(|silence| silence != Silence::Gone) && gate.kill_unless_ending() {
            report::error(format_args!(
                "the gate (process {}) has not answered for {} s and is ended",
                gate.process.pid(),
                STUCK.as_secs()
            ));
        }
    }
}

/// Has a gate serve an offer, of which it knows nothing yet.
pub(super) fn serve(gate: &Conversation, offer: &Offer, log: Option<&File>) -> Result<(), Failure> {
    start::log(gate, log)?;
    start::install(gate, offer, None)
}
