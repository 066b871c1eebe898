//! Asks from a host whether addresses answer: many at once, so that two hundred silent ports cost one wait.

use super::host::Host;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with, sockopt,
};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How long silence lasts until a port counts as filtered. Answers come in microseconds here; the margin is for a busy
/// machine.
pub const SILENCE: Duration = Duration::from_millis(500);

/// The same for TCP, where the kernel answers and no program has to run.
const TCP_SILENCE: Duration = Duration::from_millis(250);

/// Probes that wait at the same time, below the usual limit of descriptors.
const AT_ONCE: usize = 400;

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Somebody answers.
    Open,
    /// The answer was a refusal: a reset, or an ICMP error.
    Refused,
    /// Silence. An ICMPv6 error is silence too for TCP: the kernel of the client goes on trying.
    Filtered,
}

impl Host {
    /// Connects over TCP.
    #[must_use]
    pub fn tcp(&self, to: SocketAddr) -> Reach {
        self.tcp_all(&[to])[0]
    }

    /// Connects over TCP to all of them at once.
    #[must_use]
    pub fn tcp_all(&self, to: &[SocketAddr]) -> Vec<Reach> {
        self.probe(SocketType::STREAM, to)
    }

    /// Sends a datagram; [`Reach::Open`] when a [`Service`](super::Service) answers it.
    #[must_use]
    pub fn udp(&self, to: SocketAddr) -> Reach {
        self.udp_all(&[to])[0]
    }

    /// Sends a datagram to all of them at once.
    #[must_use]
    pub fn udp_all(&self, to: &[SocketAddr]) -> Vec<Reach> {
        self.probe(SocketType::DGRAM, to)
    }

    fn probe(&self, kind: SocketType, to: &[SocketAddr]) -> Vec<Reach> {
        self.run(|| to.chunks(AT_ONCE).flat_map(|some| all(kind, some)).collect())
    }
}

/// Probes from the namespace, and as the user, of the calling thread; for [`Host::run_as`].
///
/// # Panics
/// When there is no route at all, which is a fault of the test.
#[must_use]
pub fn tcp_from_here(to: SocketAddr) -> Reach {
    all(SocketType::STREAM, &[to])[0]
}

fn all(kind: SocketType, to: &[SocketAddr]) -> Vec<Reach> {
    let mut pending: Vec<Pending> = to.iter().map(|address| Pending::begin(kind, *address)).collect();
    let deadline = Instant::now() + if kind == SocketType::STREAM { TCP_SILENCE } else { SILENCE };
    while pending.iter().any(|one| one.found.is_none()) {
        let left = deadline.saturating_duration_since(Instant::now());
        // A thread that was not run for so long looks once more.
        wait(&mut pending, left);
        if left.is_zero() {
            break;
        }
    }
    pending.iter().map(|one| one.found.unwrap_or(Reach::Filtered)).collect()
}

fn wait(pending: &mut [Pending], left: Duration) {
    let mut open: Vec<&mut Pending> = pending.iter_mut().filter(|one| one.found.is_none()).collect();
    let ready: Vec<bool> = {
        let mut list: Vec<PollFd<'_>> =
            open.iter().map(|one| PollFd::new(&one.socket, one.waits_for())).collect();
        let left = Timespec::try_from(left).expect("less than a second");
        // An interrupted wait is looked at like one that found nothing.
        let _ = poll(&mut list, Some(&left));
        list.iter().map(|one| !one.revents().is_empty()).collect()
    };
    for (one, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        one.found = Some(one.look());
    }
}

struct Pending {
    kind: SocketType,
    socket: OwnedFd,
    found: Option<Reach>,
}

impl Pending {
    fn begin(kind: SocketType, to: SocketAddr) -> Self {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, kind, flags, None).expect("a socket");
        let begun = connect(&socket, &to).and_then(|()| match kind {
            SocketType::DGRAM => send(&socket, b"who", SendFlags::empty()).map(|_| None),
            _ => Ok(Some(Reach::Open)),
        });
        let found = match begun {
            Ok(found) => found,
            Err(Errno::INPROGRESS) => None,
            Err(Errno::NETUNREACH) => panic!("the lab has no route to {to}"),
            Err(error) => Some(meaning(error)),
        };
        Self { kind, socket, found }
    }

    fn waits_for(&self) -> PollFlags {
        if self.kind == SocketType::DGRAM { PollFlags::IN } else { PollFlags::OUT }
    }

    fn look(&self) -> Reach {
        let outcome = match self.kind {
            SocketType::DGRAM => recv(&self.socket, &mut [0; 64], RecvFlags::empty()).map(|_| ()),
            _ => sockopt::socket_error(&self.socket).and_then(|result| result),
        };
        outcome.map_or_else(meaning, |()| Reach::Open)
    }
}

/// What an error of a connection says about the way.
fn meaning(error: Errno) -> Reach {
    match error {
        // A rule of the sender's own output dropped it, or nobody answered.
        Errno::PERM | Errno::TIMEDOUT => Reach::Filtered,
        Errno::CONNREFUSED
        | Errno::CONNRESET
        | Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::ACCESS
        | Errno::NOPROTOOPT => Reach::Refused,
        error => panic!("a probe that nobody foresaw: {error}"),
    }
}
