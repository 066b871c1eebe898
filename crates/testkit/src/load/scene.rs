//! What the clients of a load share: what to ask, what is right, and where to write down what came of it.

use super::outcome::{Client, Event, Outcome, Tally};
use super::{Instant, PoisonError, Shape, Target};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long an answer may take. A client of the real world gives up later.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What the test sees of a load.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) started: Instant,
    tally: Mutex<Tally>,
    warm: AtomicUsize,
    over: AtomicBool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            tally: Mutex::default(),
            warm: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn warm(&self) -> usize {
        self.warm.load(Ordering::Relaxed)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// A request that is sent again and again.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) body: &'static [u8],
    /// The right answer, once there was one.
    learned: RefCell<Option<Vec<u8>>>,
}

impl Ask {
    fn new(method: &'static str, target: &str, body: &'static [u8]) -> Self {
        Self { method, target: target.to_owned(), body, learned: RefCell::default() }
    }

    /// Whether an answer is right.
    pub(super) fn judge(&self, status: u16, body: &[u8]) -> Result<(), Fault> {
        if status != 200 {
            return Err(Fault::new(Outcome::WrongStatus, format!("status {status}")));
        }
        let mut learned = self.learned.borrow_mut();
        if learned.get_or_insert_with(|| body.to_vec()) == body {
            return Ok(());
        }
        Err(Fault::new(
            Outcome::WrongBody,
            format!("another body: {}", body[..body.len().min(80)].escape_ascii()),
        ))
    }
}

/// What went wrong, with the words for it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) outcome: Outcome,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self { outcome, text: text.into() }
    }
}

/// What the clients share.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) target: Target,
    pub(super) shape: Shape,
    asks: [Ask; 2],
    watch: Arc<Watch>,
}

impl Scene {
    pub(super) fn new(target: Target, shape: Shape, watch: Arc<Watch>) -> Self {
        let asks = [Ask::new("GET", &target.get, b""), Ask::new("POST", &target.post, &[b'x'; 2000])];
        Self { target, shape, asks, watch }
    }

    /// The `number`th request of a client: every fourth has a body.
    pub(super) fn ask(&self, number: usize) -> &Ask {
        &self.asks[usize::from(number % 4 == 3)]
    }

    /// Whether the clients are to end.
    pub(super) fn is_over(&self) -> bool {
        self.watch.over.load(Ordering::Relaxed)
    }

    /// The time since the load began.
    pub(super) fn now(&self) -> Duration {
        self.watch.started.elapsed()
    }

    /// A client was served. `first` says whether it never was before.
    pub(super) fn answered(&self, client: Client, latency: Duration, first: &mut bool) {
        if std::mem::take(first) {
            self.watch.warm.fetch_add(1, Ordering::Relaxed);
        }
        self.watch.tally().answered(client, latency);
    }

    /// Writes down what happened on a connection that was opened at a time.
    pub(super) fn note(&self, client: Client, opened: Duration, outcome: Outcome, text: &str) {
        let event = Event { client, outcome, opened, at: self.now() };
        self.watch.tally().note(event, text);
    }

    /// So that clients of a kind do not all ask in the same moment.
    pub(super) async fn stagger(&self, number: usize, of: usize, over: Duration) {
        tokio::time::sleep(over.mul_f64(number as f64 / of.max(1) as f64)).await;
    }
}
