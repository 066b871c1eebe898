//! Listeners: sockets that somebody else opened and handed over as values.

use crate::snapshot::{PlannedPort, Speaks};
use crate::stream::udp::tell_destinations;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Threads that share one listening socket of TCP. Each further four have their own (SO_REUSEPORT): sharing keeps the
/// queue of a busy thread from being stranded, and more than four sharing would all be woken for each connection.
pub const THREADS_PER_SOCKET: usize = 4;

/// What is known of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortFacts {
    pub(crate) planned: PlannedPort,
    pub(crate) local: SocketAddr,
}

/// A listener: one local address, and sockets for the threads.
#[derive(Clone, Debug)]
pub struct Listener {
    pub(crate) facts: PortFacts,
    sockets: Sockets,
}

#[derive(Clone, Debug)]
enum Sockets {
    /// One for each four threads.
    Tcp(Vec<Arc<TcpListener>>),
    /// One for each thread: the kernel gives all datagrams of a client to the same one.
    Udp(Vec<Arc<UdpSocket>>),
}

impl Listener {
    /// A listener of TCP that serves a port of the plan. All sockets are bound to `local` and do not block.
    ///
    /// # Panics
    ///
    /// There is no socket.
    #[must_use]
    pub fn new(planned: PlannedPort, local: SocketAddr, sockets: Vec<TcpListener>) -> Self {
        assert!(!sockets.is_empty(), "a listener has a socket");
        let sockets = Sockets::Tcp(sockets.into_iter().map(Arc::new).collect());
        Self { facts: PortFacts { planned, local }, sockets }
    }

    /// A listener of UDP that serves a port of the plan. All sockets are bound to `local` and do not block.
    ///
    /// # Errors
    ///
    /// The sockets of a wildcard address cannot be asked to tell to which address a datagram came.
    ///
    /// # Panics
    ///
    /// There is no socket.
    pub fn datagrams(planned: PlannedPort, local: SocketAddr, sockets: Vec<UdpSocket>) -> io::Result<Self> {
        assert!(!sockets.is_empty(), "a listener has a socket");
        for socket in &sockets {
            tell_destinations(socket, local.ip())?;
        }
        let sockets = Sockets::Udp(sockets.into_iter().map(Arc::new).collect());
        Ok(Self { facts: PortFacts { planned, local }, sockets })
    }

    /// How many sockets a listener needs for so many threads.
    #[must_use]
    pub fn sockets_for(speaks: Speaks, threads: usize) -> usize {
        match speaks {
            Speaks::Udp => threads.max(1),
            _ => threads.div_ceil(THREADS_PER_SOCKET).max(1),
        }
    }

    /// The same sockets for another port of the plan; nothing where they are of another kind.
    #[must_use]
    pub fn serving(&self, planned: PlannedPort) -> Option<Self> {
        let fits = (planned.speaks == Speaks::Udp) == matches!(self.sockets, Sockets::Udp(_));
        let facts = PortFacts { planned, local: self.facts.local };
        fits.then(|| Self { facts, sockets: self.sockets.clone() })
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

    /// The sockets as descriptors, in their order.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match &self.sockets {
            Sockets::Tcp(sockets) => sockets.iter().map(|socket| socket.as_fd()).collect(),
            Sockets::Udp(sockets) => sockets.iter().map(|socket| socket.as_fd()).collect(),
        }
    }

    /// The socket of TCP for a thread.
    pub(crate) fn tcp_of(&self, thread: usize) -> Option<&TcpListener> {
        match &self.sockets {
            Sockets::Tcp(sockets) => {
                sockets.get(thread / THREADS_PER_SOCKET % sockets.len()).map(Arc::as_ref)
            }
            Sockets::Udp(_) => None,
        }
    }

    /// The socket of UDP for a thread; a thread without one of its own takes no datagrams.
    pub(crate) fn udp_of(&self, thread: usize) -> Option<&UdpSocket> {
        match &self.sockets {
            Sockets::Udp(sockets) => sockets.get(thread).map(Arc::as_ref),
            Sockets::Tcp(_) => None,
        }
    }
}
