//! Whether the serving threads run: each counts its ticks, so that somebody else sees which one does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The ticks of all serving threads, in the order of their numbers.
#[derive(Debug)]
pub struct Pulse(Vec<Arc<Beat>>);

#[derive(Debug, Default)]
struct Beat {
    ticks: AtomicU64,
    is_lost: AtomicBool,
}

/// A thread's own hand on its ticks. One that goes away in a panic says so.
#[derive(Debug)]
pub(crate) struct Beating(Arc<Beat>);

impl Pulse {
    /// Of so many threads, and what each of them ticks with.
    pub(crate) fn new(threads: usize) -> (Self, Vec<Beating>) {
        let beats: Vec<Arc<Beat>> = (0..threads).map(|_| Arc::default()).collect();
        let hands = beats.iter().map(Arc::clone).map(Beating).collect();
        (Self(beats), hands)
    }

    /// How often each thread has ticked; `None` for one that ended though nobody told it to. A thread that runs ticks ten
    /// times a second.
    pub fn ticks(&self) -> impl Iterator<Item = Option<u64>> {
        self.0
            .iter()
            .map(|beat| (!beat.is_lost.load(Ordering::Relaxed)).then(|| beat.ticks.load(Ordering::Relaxed)))
    }
}

impl Beating {
    /// The thread runs.
    pub(crate) fn tick(&self) {
        self.0.ticks.fetch_add(1, Ordering::Relaxed);
    }

    /// It ends, though nobody told it to.
    pub(crate) fn lose(&self) {
        self.0.is_lost.store(true, Ordering::Relaxed);
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lose();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_is_lost_and_one_that_ends_is_not() {
        let (pulse, hands) = Pulse::new(2);
        for (number, hand) in hands.into_iter().enumerate() {
            let thread = std::thread::spawn(move || {
                hand.tick();
                assert_ne!(number, 1, "on purpose");
            });
            assert_eq!(thread.join().is_err(), number == 1);
        }
        assert_eq!(pulse.ticks().collect::<Vec<_>>(), [Some(1), None]);
    }
}
