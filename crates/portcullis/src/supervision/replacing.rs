//! A gate that dies or does not answer is replaced: at once, and after longer and longer pauses where gates die again and
//! again.

use super::conversation::{Conversation, Ears, Event, Silence};
use super::offer::{Bound, Offer};
use super::settings::Settings;
use super::sight;
use super::start::{self, STARTING};
use super::supervisor::Supervisor;
use crate::failure::Failure;
use crate::report;
use link::Order;
use std::fs::File;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Between two looks whether it lives, and whether its folders are those that it sees.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long a gate may be silent before it counts as stuck. It is not asked while it takes a plan or certificates, and
/// everything else it answers from memory: this is for a machine that is out of breath.
const STUCK: Duration = Duration::from_secs(5);
/// The longest that looking after it once can take: it is asked, is found to be stuck, and another one is started.
const LONGEST_TURN: Duration = Duration::from_secs(STARTING.as_secs() + 3 * STUCK.as_secs());
/// A gate that served for so long is no part of a crash loop: what ends one now and then must not keep the next one away.
const STEADY: Duration = Duration::from_secs(2);
/// How long a killed gate may take to be gone.
const DYING: Duration = Duration::from_secs(1);
/// Deaths within this time are one crash loop.
const LOOP: Duration = Duration::from_secs(60);
/// Deaths that are answered at once.
const AT_ONCE: usize = 5;
/// The longest pause between a death and the next start.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
        supervisor.look();
        *supervisor.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        wait = supervisor.replace().map_or(BETWEEN_LOOKS, |pause| pause.min(BETWEEN_LOOKS));
    }
}

impl Supervisor {
    /// Whether the gate answers, or is being replaced.
    pub(crate) fn is_well(&self) -> bool {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < LONGEST_TURN
    }

    /// A gate is gone.
    fn bury(&self, gone: &Arc<Conversation>) {
        let was_serving = {
            let mut state = self.state();
            state.ending.retain(|gate| !Arc::ptr_eq(gate, gone));
            let was_serving =
                state.gate.as_ref().is_some_and(|gate| Arc::ptr_eq(gate, gone)) && !state.is_over;
            if was_serving {
                state.gate = None;
                state.dead += 1;
                if gone.began.elapsed() < STEADY {
                    state.deaths.push_back(Instant::now());
                }
            }
            was_serving
        };
        // One that waits for a disk cannot be ended before that; another one serves meanwhile.
        let how = if gone.process.is_over_within(DYING) {
            gone.process.end().unwrap_or_else(|| "it was not this keeper's child".to_owned())
        } else {
            "it was killed, and has not ended yet".to_owned()
        };
        if !was_serving {
            return;
        }
        report::error(format_args!("the gate (process {}) died: {how}", gone.process.pid()));
    }

    /// Starts a gate where there should be one. Answers how long to wait before it is tried again.
    fn replace(&self) -> Option<Duration> {
        let mut state = self.state();
        if state.is_over || state.gate.is_some() {
            return None;
        }
        while state.deaths.front().is_some_and(|death| death.elapsed() > LOOP) {
            state.deaths.pop_front();
        }
        if let Some(pause) = pause(state.deaths.len())
            && let Some(rest) = state.deaths.back().and_then(|last| pause.checked_sub(last.elapsed()))
            && !rest.is_zero()
        {
            if state.told != state.deaths.back().copied() {
                state.told = state.deaths.back().copied();
                report::error(format_args!(
                    "the gate died {} times in a row; the next one is started in {:.1} s",
                    state.deaths.len(),
                    rest.as_secs_f32()
                ));
            }
            return Some(rest);
        }
        match bring_up(&self.settings, &self.ears, &state.offer, state.log.as_ref()) {
            Ok(gate) => {
                report::info(format_args!("another gate serves (process {})", gate.process.pid()));
                state.gate = Some(gate);
                None
            }
            Err(failure) => {
                report::error(format_args!("{}; it is tried again", failure.reason));
                state.deaths.push_back(Instant::now());
                Some(Duration::ZERO)
            }
        }
    }

    /// Has the gate see what lies at its folders now. Asks whether it lives, and ends it where it does not say so.
    fn look(&self) {
        // Held all the while: an order that takes long is not silence.
        let state = self.state();
        for gate in &state.ending {
            if gate.deadline.get().is_some_and(|deadline| Instant::now() >= *deadline) {
                gate.kill();
            }
        }
        let Some(gate) = state.gate.clone() else { return };
        sight::refresh(&gate);
        let answer = gate.ask(Order::Ping, &[], STUCK);
        // Of one that is gone its event says how.
        if answer.is_err_and(|silence| silence != Silence::Gone) {
            report::error(format_args!(
                "the gate (process {}) has not answered for {} s and is ended",
                gate.process.pid(),
                STUCK.as_secs()
            ));
            gate.kill();
        }
    }
}

/// How long to wait after so many deaths within a minute.
fn pause(deaths: usize) -> Option<Duration> {
    let doubled = u32::try_from(deaths.checked_sub(AT_ONCE)?).unwrap_or(u32::MAX).min(16);
    (doubled > 0).then(|| Duration::from_millis(250 << doubled).min(LONGEST_PAUSE))
}

pub(super) fn bring_up(
    settings: &Settings,
    ears: &Ears,
    offer: &Offer,
    log: Option<&File>,
) -> Result<Arc<Conversation>, Failure> {
    offer.listeners.iter().for_each(Bound::revive);
    let gate = start::start(settings, ears.clone(), offer)?;
    match serve(&gate, offer, log) {
        Ok(()) => Ok(gate),
        Err(failure) => {
            gate.kill();
            Err(failure)
        }
    }
}

/// Has a gate serve an offer, of which it knows nothing yet.
pub(super) fn serve(gate: &Conversation, offer: &Offer, log: Option<&File>) -> Result<(), Failure> {
    start::log(gate, log)?;
    start::install(gate, offer, None)
}
