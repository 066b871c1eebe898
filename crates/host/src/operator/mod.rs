//! How the person who calls is connected to this machine: the sessions that a new policy must not cut.
//!
//! It decides on what `ancestry` and the sockets tell. A variable of the environment alone is never believed: what
//! counts are live connections.

mod ancestry;
mod terminal;

use crate::sockets::{Doors, Socket, SocketsError, TCP, carrying, listeners, listening};
use ancestry::{Ancestry, SshConnection};
use firewall::observed::administration;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The person who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Connections that may be the way in, the caller's own first.
    pub sessions: Vec<Session>,
    /// Whether the caller sits at the machine's own screen or serial line.
    pub console: bool,
}

/// A live TCP connection through which a person may be working here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// This machine's end.
    pub local: SocketAddr,
    /// The person's end.
    pub peer: SocketAddr,
    /// Whether the person's end opened it; a tunnel or an agent may have been opened from here.
    pub opened_by_peer: bool,
    /// Whether it carries the caller. Where that cannot be known, every session of ssh is told, and none as the
    /// caller's own.
    pub own: bool,
}

/// Who calls, where `process` is the calling process.
///
/// # Errors
/// When the kernel does not list its sockets or processes.
pub fn operator(process: u32) -> Result<Operator, SocketsError> {
    let doors = Doors::of(&listening()?);
    let connections: Vec<Live> = carrying()?.iter().filter_map(|socket| Live::of(socket, &doors)).collect();
    let ssh = administration(&listeners()?);
    Ok(decide(&ancestry::read(Path::new("/"), process), &connections, &ssh))
}

/// A connection that may be a session.
#[derive(Clone, Copy, Debug)]
struct Live {
    inode: u32,
    local: SocketAddr,
    peer: SocketAddr,
    opened_by_peer: bool,
}

impl Live {
    /// `None` for what is not TCP or stays within this machine.
    fn of(socket: &Socket, doors: &Doors) -> Option<Self> {
        let (local, peer) = (socket.local, socket.peer);
        let within = peer.ip().is_loopback() || peer.ip() == local.ip();
        (socket.protocol() == TCP && !within).then(|| Self {
            inode: socket.inode,
            local,
            peer,
            opened_by_peer: doors.lead_to(TCP, local),
        })
    }

    fn session(&self, own: bool) -> Session {
        Session { local: self.local, peer: self.peer, opened_by_peer: self.opened_by_peer, own }
    }
}

/// Programs that go on when the connection from which they were started ends. What runs under them may be watched
/// from another connection than the one that its environment names.
const DETACHING: [&str; 9] =
    ["tmux", "screen", "SCREEN", "zellij", "dtach", "abduco", "shpool", "mosh-server", "dvtm"];

fn decide(ancestry: &Ancestry, connections: &[Live], ssh: &BTreeSet<u16>) -> Operator {
    let (own, others): (Vec<&Live>, Vec<&Live>) =
        connections.iter().partition(|live| carries(ancestry, live));
    // A connection that was opened from here may be a tunnel to the caller, or the update check of his editor.
    let entered = own.iter().any(|live| live.opened_by_peer);
    let console = !entered && ancestry.processes.iter().any(|process| process.console);
    let certain = entered && ancestry.complete && !detached(ancestry) || console;
    let mut sessions: Vec<Session> = own.into_iter().map(|live| live.session(true)).collect();
    if !certain {
        let by_ssh =
            others.into_iter().filter(|live| live.opened_by_peer && ssh.contains(&live.local.port()));
        sessions.extend(by_ssh.map(|live| live.session(false)));
    }
    Operator { sessions, console }
}

/// Whether an ancestor holds the connection, or was told of it by the ssh server.
fn carries(ancestry: &Ancestry, live: &Live) -> bool {
    let told = |told: SshConnection| same(told.local, live.local) && same(told.peer, live.peer);
    ancestry.processes.iter().any(|process| {
        live.inode != 0 && process.sockets.contains(&live.inode) || process.ssh_connection.is_some_and(told)
    })
}

/// The same end, where one side may have been written as IPv4 within IPv6.
fn same(one: SocketAddr, other: SocketAddr) -> bool {
    let plain = |end: SocketAddr| -> (IpAddr, u16) { (end.ip().to_canonical(), end.port()) };
    plain(one) == plain(other)
}

fn detached(ancestry: &Ancestry) -> bool {
    let detaches = |program: &str| DETACHING.iter().any(|name| program.starts_with(name));
    ancestry.processes.iter().any(|process| detaches(&process.program))
}

#[cfg(test)]
mod tests;
