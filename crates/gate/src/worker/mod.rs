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
use crate::shared::Shared;
use active::Active;
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
    pub(crate) draining: Cell<bool>,
    /// Connections of this thread.
    pub(crate) connections: Cell<usize>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, active: Active, log: LogBuffer) -> Self {
        let file_cache = FileCache::new(active.served.snapshot.plan.limits.file_cache);
        Self {
            file_cache,
            shared,
            active: RefCell::new(Rc::new(active)),
            log: RefCell::new(log),
            draining: Cell::new(false),
            connections: Cell::new(0),
        }
    }

    /// The snapshot that new requests are answered with.
    pub(crate) fn active(&self) -> Rc<Active> {
        Rc::clone(&self.active.borrow())
    }

    pub(crate) fn install(&self, active: Active) {
        *self.active.borrow_mut() = Rc::new(active);
    }
}
