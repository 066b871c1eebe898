//! The connections of this machine that can carry data, and who opened them.

use super::listeners::sockets as listening;
use super::{Owners, Process, Socket, SocketHandle, SocketsError, States, TCP, UDP, list};
use crate::interfaces::{arriving, stays_within};
use crate::netlink::{Exchange, Family, NetlinkError};
use firewall::connections::{Connection, Opener};
use firewall::observed::Interface;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A live connection: what is judged, and the socket that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// What is judged.
    pub connection: Connection,
    /// The socket.
    pub socket: SocketHandle,
    /// The user that owns the socket.
    pub user: u32,
    /// The process that holds it, where it could be found.
    pub process: Option<Process>,
}

/// The TCP connections and the UDP sockets with a peer, except those between programs of this machine.
///
/// # Errors
/// When the kernel does not list its sockets or processes.
pub fn connections(interfaces: &[Interface]) -> Result<Vec<Established>, SocketsError> {
    let sockets = carrying()?;
    // Asked for afterwards: a listener that began in between has no connection yet that would be taken for its own.
    let doors = Doors::of(&listening()?);
    let owners = Owners::read(Path::new("/")).map_err(SocketsError::Processes)?;
    Ok(sockets
        .into_iter()
        .filter(|socket| !stays_within(interfaces, socket.peer.ip()))
        .map(|socket| established(&socket, &doors, &owners, interfaces))
        .collect())
}

/// The sockets that have a peer.
pub(crate) fn carrying() -> Result<Vec<Socket>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Sockets)?;
    let mut found = list(&mut exchange, TCP, States::CARRYING)?;
    found.extend(list(&mut exchange, UDP, States::CONNECTED)?);
    Ok(found)
}

fn established(socket: &Socket, doors: &Doors, owners: &Owners, interfaces: &[Interface]) -> Established {
    let protocol = socket.handle.protocol;
    Established {
        connection: Connection {
            protocol,
            local: socket.local,
            peer: socket.peer,
            opened_by: match doors.lead_to(protocol, socket.local) {
                true => Opener::Peer,
                false => Opener::ThisHost,
            },
            interface: arriving(interfaces, socket.peer.ip(), socket.local.ip()).cloned(),
        },
        socket: socket.handle,
        user: socket.user,
        process: owners.of(socket.inode).cloned(),
    }
}

/// Addresses and ports where peers may begin.
pub(crate) struct Doors(HashSet<(u8, SocketAddr)>);

impl Doors {
    pub(crate) fn of(listening: &[Socket]) -> Self {
        let both = listening.iter().filter(|socket| socket.both_families).map(|socket| {
            (socket.handle.protocol, SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), socket.local.port()))
        });
        Self(listening.iter().map(|socket| (socket.handle.protocol, socket.local)).chain(both).collect())
    }

    /// Whether something listens where a connection ends here.
    ///
    /// A connection outlives the listener that took it, and then seems opened by this machine: it is left alone rather
    /// than cut by mistake, and its packets are judged by the kernel all the same.
    pub(crate) fn lead_to(&self, protocol: u8, local: SocketAddr) -> bool {
        let wildcard = match local.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        self.0.contains(&(protocol, local))
            || self.0.contains(&(protocol, SocketAddr::new(wildcard, local.port())))
    }
}
