//! One thread of the gate: its runtime, its view of the snapshot, and what its connections share. Nothing here is
//! shared between threads but what a connection needs once in its life.

pub(crate) mod accept;
pub(crate) mod active;
pub(crate) mod buffers;
pub(crate) mod clock;
pub(crate) mod deadlines;
pub(crate) mod scratch;
mod thread;

pub(crate) use thread::{Order, Start, run};

use crate::files::FileCache;
use crate::log::LogBuffer;
use crate::patience::Patience;
use crate::shared::Shared;
use active::Active;
use deadlines::Tick;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// What the connections of a thread share.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    active: RefCell<Rc<Active>>,
    pub(crate) log: RefCell<LogBuffer>,
    pub(crate) file_cache: FileCache,
    /// How the gate is ending, once it is.
    draining: Cell<Option<Patience>>,
    /// When connections end on which nothing is asked.
    idle_end: Cell<Tick>,
    /// Connections of this thread.
    pub(crate) connections: Cell<usize>,
    /// How often something else was installed, so that what lives long sees that it has to look.
    pub(crate) installs: Cell<u64>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, active: Active, log: LogBuffer) -> Self {
        let file_cache = FileCache::new(active.served.snapshot.plan.limits.file_cache);
        Self {
            file_cache,
            shared,
            active: RefCell::new(Rc::new(active)),
            log: RefCell::new(log),
            draining: Cell::new(None),
            idle_end: Cell::new(Tick::NEVER),
            connections: Cell::new(0),
            installs: Cell::new(0),
        }
    }

    /// The snapshot that new requests are answered with.
    pub(crate) fn active(&self) -> Rc<Active> {
        Rc::clone(&self.active.borrow())
    }

    /// From now on every connection ends when it may.
    fn drain(&self, patience: Patience) {
        self.draining.set(Some(patience));
        let now = deadlines::now();
        self.idle_end.set(if patience.idle.is_zero() { now } else { now.after(patience.idle) });
    }

    /// Whether the gate is ending, so that answers announce the end of their connection.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get().is_some()
    }

    /// Whether another gate has the listeners.
    pub(crate) fn is_succeeded(&self) -> bool {
        self.draining.get().is_some_and(|patience| patience.succeeded)
    }

    /// When a connection ends on which nothing is asked, where the gate is ending.
    pub(crate) fn idle_end(&self) -> Tick {
        self.idle_end.get()
    }

    pub(crate) fn install(&self, active: Active) {
        let streams = |active: &Active| !active.streams.is_empty();
        let looked_at = streams(&active) || streams(&self.active());
        *self.active.borrow_mut() = Rc::new(active);
        self.installs.set(self.installs.get() + 1);
        if looked_at {
            // Connections of streams may have to end.
            deadlines::wake_all();
        }
    }
}

/// Counts a connection of a thread, also when its task ends by a panic.
#[derive(Debug)]
pub(crate) struct Counted(Rc<Worker>);

impl Counted {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl std::ops::Deref for Counted {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get().saturating_sub(1));
    }
}
