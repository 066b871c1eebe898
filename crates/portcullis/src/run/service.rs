//! The service manager, seen from a keeper: it hears how the gate is, and keeps the listening sockets while no keeper runs.

use super::bind::describe;
use crate::supervision::Bound;
use host::service_manager::{Message, ServiceManager};
use listenfd::ListenFd;
use model::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the name of a kept socket begins with; the port follows.
const PREFIX: &str = "portcullis-";

/// The service manager, and what it keeps: the numbers of the sockets of each port.
#[derive(Debug)]
pub(super) struct Service {
    manager: ServiceManager,
    kept: Mutex<BTreeMap<u16, BTreeSet<u64>>>,
}

impl Service {
    /// The one of the environment, and the sockets that came from it, each with the port that it is for: those that it
    /// kept, and those that it opened itself. To be called once, before there are other threads.
    pub(super) fn from_environment() -> (Self, Vec<(OwnedFd, u16)>) {
        let came = take_sockets();
        let mut kept = BTreeMap::<u16, BTreeSet<u64>>::new();
        for (socket, port) in &came {
            // One without a number is noted as well, so that its name is told to be forgotten.
            let number = rustix::net::sockopt::socket_cookie(socket).unwrap_or_default();
            kept.entry(*port).or_default().insert(number);
        }
        (Self { manager: ServiceManager::from_environment(), kept: Mutex::new(kept) }, came)
    }

    /// Has it keep exactly the sockets of these listeners.
    pub(super) fn keep(&self, listeners: &[Bound]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = by_port(listeners);
        for change in changes(&kept, &wanted) {
            match change {
                Change::Forget(port) => self.manager.tell(Message::Forget(&name(port))),
                Change::Keep(port) => {
                    let of_port = listeners.iter().filter(|bound| bound.listener.planned().port == port);
                    let sockets: Vec<BorrowedFd<'_>> =
                        of_port.flat_map(|bound| bound.listener.descriptors()).collect();
                    self.manager.keep(&name(port), &sockets);
                }
            }
        }
        *kept = wanted;
    }

    /// It serves, and what.
    pub(super) fn ready(&self, plan: &Plan, listeners: &[Bound]) {
        self.manager.tell(Message::Status(&status(plan, listeners)));
        self.manager.tell(Message::Ready);
    }

    /// It takes another configuration; `ready` follows.
    pub(super) fn reloading(&self) {
        self.manager.tell(Message::Reloading);
    }

    /// It is alive.
    pub(super) fn alive(&self) {
        self.manager.tell(Message::Alive);
    }

    /// It ends within this time.
    pub(super) fn stopping(&self, within: Duration) {
        self.manager.tell(Message::Status("ending with its connections"));
        self.manager.tell(Message::Stopping(within));
    }

    /// How often it is told that this process is alive: twice in the time that it allows.
    pub(super) fn rhythm(&self) -> Option<Duration> {
        self.manager.watchdog().map(|longest| longest / 2)
    }
}

/// What the service manager is told about the sockets of a port.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// To keep none of them.
    Forget(u16),
    /// To keep those that are open now.
    Keep(u16),
}

/// A name that loses a socket is forgotten as a whole, for it cannot be said which one; what is left is kept anew.
fn changes(kept: &BTreeMap<u16, BTreeSet<u64>>, wanted: &BTreeMap<u16, BTreeSet<u64>>) -> Vec<Change> {
    let none = BTreeSet::new();
    let ports: BTreeSet<u16> = kept.keys().chain(wanted.keys()).copied().collect();
    let of_port = |port: u16| {
        let (before, after) = (kept.get(&port).unwrap_or(&none), wanted.get(&port).unwrap_or(&none));
        let forget = (!before.is_subset(after)).then_some(Change::Forget(port));
        let keep = (before != after && !after.is_empty()).then_some(Change::Keep(port));
        forget.into_iter().chain(keep)
    };
    ports.into_iter().flat_map(of_port).collect()
}

fn by_port(listeners: &[Bound]) -> BTreeMap<u16, BTreeSet<u64>> {
    let mut ports = BTreeMap::<u16, BTreeSet<u64>>::new();
    for bound in listeners {
        ports.entry(bound.listener.planned().port).or_default().extend(&bound.numbers);
    }
    ports
}

fn name(port: u16) -> String {
    format!("{PREFIX}{port}")
}

fn status(plan: &Plan, listeners: &[Bound]) -> String {
    let counted = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        several => format!("{several} {one}s"),
    };
    let streams = match plan.streams.len() {
        0 => String::new(),
        some => format!(" and {}", counted(some, "stream")),
    };
    let places: BTreeSet<String> = listeners
        .iter()
        .filter_map(|bound| describe(&bound.listener).rsplit_once(':').map(|(_, port)| port.to_owned()))
        .collect();
    format!("serving {}{streams} on {}", counted(plan.sites.len(), "site"), counted(places.len(), "port"))
}

/// The sockets that this process was started with (sd_listen_fds(3)), of those that are ours by name. They are inherited
/// by nobody from here on; what is no socket of TCP or UDP stays where it is.
fn take_sockets() -> Vec<(OwnedFd, u16)> {
    // Without a process they may be anybody's, and their numbers those of other files here.
    if std::env::var_os("LISTEN_PID").is_none() {
        return Vec::new();
    }
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut came = ListenFd::from_env();
    let mut sockets = Vec::new();
    for (index, name) in names.split(':').enumerate().take(came.len()) {
        let port = name.strip_prefix(PREFIX).and_then(|port| port.parse().ok());
        let socket = match (came.take_tcp_listener(index), came.take_udp_socket(index)) {
            (Ok(Some(socket)), _) => no_waiting(&socket, TcpListener::set_nonblocking).then(|| socket.into()),
            (_, Ok(Some(socket))) => no_waiting(&socket, UdpSocket::set_nonblocking).then(|| socket.into()),
            _ => None,
        };
        sockets.extend(socket.zip(port));
    }
    sockets
}

fn no_waiting<S>(socket: &S, set: impl FnOnce(&S, bool) -> std::io::Result<()>) -> bool {
    set(socket, true).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_manager_is_told_what_changed_and_nothing_else() {
        let ports = |of: &[(u16, &[u64])]| {
            of.iter().map(|(port, numbers)| (*port, numbers.iter().copied().collect())).collect()
        };
        for (kept, wanted, expected) in [
            (ports(&[]), ports(&[(80, &[1]), (443, &[2, 3])]), vec![Change::Keep(80), Change::Keep(443)]),
            (ports(&[(80, &[1])]), ports(&[(80, &[1])]), vec![]),
            (ports(&[(80, &[1])]), ports(&[(80, &[1, 2])]), vec![Change::Keep(80)]),
            (ports(&[(80, &[1, 2])]), ports(&[(80, &[1])]), vec![Change::Forget(80), Change::Keep(80)]),
            (ports(&[(80, &[1])]), ports(&[(80, &[2])]), vec![Change::Forget(80), Change::Keep(80)]),
            (ports(&[(80, &[1]), (443, &[2])]), ports(&[(443, &[2])]), vec![Change::Forget(80)]),
        ] {
            assert_eq!(changes(&kept, &wanted), expected, "{kept:?} to {wanted:?}");
        }
    }
}
