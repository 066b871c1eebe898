//! Listeners: sockets that somebody else opened and handed over as values.

use crate::snapshot::PlannedPort;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Threads that share one socket. Each further four have their own (SO_REUSEPORT): sharing keeps the queue of a busy
/// thread from being stranded, and more than four sharing would all be woken for each connection.
pub const THREADS_PER_SOCKET: usize = 4;

/// What is known of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortFacts {
    pub(crate) planned: PlannedPort,
    pub(crate) local: SocketAddr,
}

/// A listener: one local address, and a socket for each four threads.
#[derive(Clone, Debug)]
pub struct Listener {
    pub(crate) facts: PortFacts,
    sockets: Vec<Arc<TcpListener>>,
}

impl Listener {
    /// A listener that serves a port of the plan. All sockets are bound to `local` and do not block.
    ///
    /// # Panics
    ///
    /// There is no socket.
    #[must_use]
    pub fn new(planned: PlannedPort, local: SocketAddr, sockets: Vec<TcpListener>) -> Self {
        assert!(!sockets.is_empty(), "a listener has a socket");
        let sockets = sockets.into_iter().map(Arc::new).collect();
        Self { facts: PortFacts { planned, local }, sockets }
    }

    /// How many sockets a listener needs for so many threads.
    #[must_use]
    pub fn sockets_for(threads: usize) -> usize {
        threads.div_ceil(THREADS_PER_SOCKET).max(1)
    }

    /// The port of the plan that it serves.
    #[must_use]
    pub fn planned(&self) -> PlannedPort {
        self.facts.planned
    }

    /// The address it is bound to.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.facts.local
    }

    pub(crate) fn socket_of(&self, thread: usize) -> &TcpListener {
        &self.sockets[thread / THREADS_PER_SOCKET % self.sockets.len()]
    }
}
