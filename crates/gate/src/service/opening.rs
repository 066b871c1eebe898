//! Who opens the next shared connection to an instance, and who waits for one that is being opened.

use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::Notify;

/// The shared connections to one instance that are being opened, and the requests that wait for them.
#[derive(Debug, Default)]
pub(super) struct Openings {
    begun: Cell<usize>,
    waiting: Cell<usize>,
    /// Connections that could not be opened.
    failures: Cell<u64>,
    /// There may be room now, or nothing to wait for.
    changed: Rc<Notify>,
}

/// What a request for which no connection has room is to do.
#[derive(Debug)]
pub(super) enum Claim<'a> {
    /// Open one for all.
    Open(Opening<'a>),
    /// Open one for itself: as many as are kept are there.
    Alone,
    /// Wait: one that is being opened will have room.
    Wait,
}

/// The duty to open a connection, and to say whether it could be.
#[derive(Debug)]
pub(super) struct Opening<'a>(&'a Openings);

impl Opening<'_> {
    /// Notes what came of it. A request that is given up has found out nothing: another one tries.
    pub(super) fn ended(self, opened: bool) {
        let failures = &self.0.failures;
        failures.set(failures.get() + u64::from(!opened));
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.begun.set(self.0.begun.get() - 1);
        self.0.changed.notify_waiters();
    }
}

/// Counts a request that waits.
struct Waiting<'a>(&'a Openings);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Openings {
    /// Decides for a request, when `open` connections are there, `kept` are kept at most, and each is expected to take
    /// `takes` requests at once.
    pub(super) fn claim(&self, open: usize, kept: usize, takes: usize) -> Claim<'_> {
        let begun = self.begun.get();
        // Whoever opens one has the first place on it.
        if self.waiting.get() < begun * takes.saturating_sub(1) {
            Claim::Wait
        } else if open + begun < kept {
            self.begun.set(begun + 1);
            Claim::Open(Opening(self))
        } else {
            Claim::Alone
        }
    }

    /// Waits until it is worth looking again.
    pub(super) async fn wait(&self) {
        self.waiting.set(self.waiting.get() + 1);
        let _waiting = Waiting(self);
        self.changed.notified().await;
    }

    /// Who is to be told when a place on a connection is free.
    pub(super) fn changed(&self) -> &Rc<Notify> {
        &self.changed
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// Whether there were failures since there were `before`, and nothing is being tried any more.
    pub(super) fn have_failed(&self, before: u64) -> bool {
        self.begun.get() == 0 && self.failures.get() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_opened_when_those_on_their_way_are_spoken_for() {
        let openings = Openings::default();
        // Two waiting for each that takes three.
        let first = openings.claim(0, 2, 3);
        assert!(matches!(first, Claim::Open(_)));
        openings.waiting.set(1);
        assert!(matches!(openings.claim(0, 2, 3), Claim::Wait));
        openings.waiting.set(2);
        let second = openings.claim(0, 2, 3);
        assert!(matches!(second, Claim::Open(_)));
        openings.waiting.set(4);
        assert!(matches!(openings.claim(0, 2, 3), Claim::Alone), "no more are kept");
        drop((first, second));
        assert_eq!(openings.begun.get(), 0);
        openings.waiting.set(0);
        assert!(matches!(openings.claim(2, 2, 3), Claim::Alone));
        assert!(matches!(openings.claim(0, 0, 3), Claim::Alone));
    }

    #[test]
    fn a_failure_is_one_once_nothing_is_being_tried() {
        let openings = Openings::default();
        let open = || match openings.claim(0, 2, 1) {
            Claim::Open(opening) => Some(opening),
            Claim::Alone | Claim::Wait => None,
        };
        let (first, second) = (open().expect("one is opened"), open().expect("another is opened"));
        first.ended(false);
        assert!(!openings.have_failed(0));
        drop(second);
        assert!(openings.have_failed(0) && !openings.have_failed(1));
    }
}
