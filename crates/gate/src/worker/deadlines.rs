//! Deadlines of connections: one number for each, swept ten times a second.
//!
//! Setting a deadline is one store, which a timer of the runtime is not. The price is a resolution of 100 ms, always
//! late and never early.

use std::cell::RefCell;
use std::task::Waker;
use std::time::Duration;

/// The length of a tick.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// A deadline that never comes.
const NEVER: u32 = u32::MAX;

thread_local! {
    static WHEEL: RefCell<Wheel> = RefCell::new(Wheel::default());
}

#[derive(Default)]
struct Wheel {
    now: u32,
    due: Vec<u32>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// The current tick of this thread.
pub(crate) fn now() -> Tick {
    WHEEL.with_borrow(|wheel| Tick(wheel.now))
}

/// A moment, in ticks since the thread started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u32);

impl Tick {
    pub(crate) const NEVER: Self = Self(NEVER);

    /// The first tick at which at least `duration` has passed since this one began or ended.
    pub(crate) fn after(self, duration: Duration) -> Self {
        let ticks = duration.as_millis().div_ceil(TICK.as_millis()).saturating_add(1);
        Self(u32::try_from(ticks).unwrap_or(NEVER).saturating_add(self.0))
    }

    /// How long ago `earlier` was.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        TICK * self.0.saturating_sub(earlier.0)
    }
}

/// The deadline of one connection. Its task is woken when it comes.
#[derive(Debug)]
pub(crate) struct Deadline {
    index: usize,
}

impl Deadline {
    /// A deadline that never comes and wakes nobody yet.
    pub(crate) fn new() -> Self {
        let index = WHEEL.with_borrow_mut(|wheel| {
            wheel.free.pop().unwrap_or_else(|| {
                wheel.due.push(NEVER);
                wheel.wakers.push(None);
                wheel.due.len() - 1
            })
        });
        Self { index }
    }

    /// Says which task is woken. It has to stay the one that looks at this deadline.
    pub(crate) fn wake(&self, waker: &Waker) {
        WHEEL.with_borrow_mut(|wheel| wheel.wakers[self.index] = Some(waker.clone()));
    }

    /// Sets the deadline to `duration` from now.
    pub(crate) fn set(&self, duration: Duration) {
        self.set_at(now().after(duration));
    }

    /// Sets the deadline to a moment.
    pub(crate) fn set_at(&self, moment: Tick) {
        WHEEL.with_borrow_mut(|wheel| wheel.due[self.index] = moment.0);
    }

    /// Whether it has come.
    pub(crate) fn is_due(&self) -> bool {
        WHEEL.with_borrow(|wheel| wheel.due[self.index] <= wheel.now)
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let _ = WHEEL.try_with(|wheel| {
            let mut wheel = wheel.borrow_mut();
            wheel.due[self.index] = NEVER;
            wheel.wakers[self.index] = None;
            wheel.free.push(self.index);
        });
    }
}

/// Lets `ticks` pass and wakes the tasks whose deadlines have come.
pub(crate) fn advance(ticks: u32) {
    let woken: Vec<Waker> = WHEEL.with_borrow_mut(|wheel| {
        wheel.now = wheel.now.saturating_add(ticks).min(NEVER - 1);
        let now = wheel.now;
        let due = wheel.due.iter().zip(&wheel.wakers).filter(|(due, _)| **due <= now);
        due.filter_map(|(_, waker)| waker.clone()).collect()
    });
    for waker in woken {
        waker.wake();
    }
}

/// Wakes every task that has a deadline, so that it looks at what changed.
pub(crate) fn wake_all() {
    let wakers: Vec<Waker> = WHEEL.with_borrow(|wheel| wheel.wakers.iter().flatten().cloned().collect());
    for waker in wakers {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_comes_late_and_never_early() {
        let deadline = Deadline::new();
        deadline.set(Duration::from_millis(250));
        advance(3);
        assert!(!deadline.is_due());
        advance(1);
        assert!(deadline.is_due());
        deadline.set_at(Tick::NEVER);
        assert!(!deadline.is_due());
    }
}
