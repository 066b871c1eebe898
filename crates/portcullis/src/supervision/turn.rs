//! Who may tell the gate what it serves: one at a time, and for as long as the gate takes. Whoever wants to know something,
//! or wants the end of a gate, does not wait for that.

use super::start::STARTING;
use super::supervisor::Supervisor;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// The longest that a turn can take: a gate is started, takes its sockets, and takes what it serves.
const LONGEST: Duration = Duration::from_secs(3 * STARTING.as_secs());

/// The right to tell the gate what it serves.
pub(super) struct Turn<'a> {
    supervisor: &'a Supervisor,
    _alone: MutexGuard<'a, ()>,
}

impl Supervisor {
    /// Waits until nobody else tells the gate what it serves.
    pub(super) fn turn(&self) -> Turn<'_> {
        self.begin(self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same where nobody does so now.
    pub(super) fn turn_at_once(&self) -> Option<Turn<'_>> {
        match self.turn.try_lock() {
            Ok(alone) => Some(self.begin(alone)),
            Err(TryLockError::Poisoned(alone)) => Some(self.begin(alone.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether the gate is looked after, and nobody's turn takes longer than any can.
    pub(crate) fn is_well(&self) -> bool {
        let state = self.state();
        let turn = state.busy.map_or(Duration::ZERO, |since| since.elapsed());
        state.looked.elapsed() < LONGEST && turn < LONGEST
    }

    fn begin<'a>(&'a self, alone: MutexGuard<'a, ()>) -> Turn<'a> {
        self.state().busy = Some(Instant::now());
        Turn { supervisor: self, _alone: alone }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.supervisor.state().busy = None;
    }
}
