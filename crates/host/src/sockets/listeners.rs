//! What listens on this machine: TCP that takes connections and UDP without a peer.

use super::activated::name_ssh;
use super::{Owners, Socket, SocketsError, States, TCP, UDP, list};
use crate::netlink::{Exchange, Family, NetlinkError};
use firewall::observed::Listener;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Everything that listens, with the process behind it where this user may see it. What systemd holds for another
/// program is told as systemd's, except the sockets of ssh: they are told as `sshd`'s.
///
/// # Errors
/// When the kernel does not list its sockets or processes.
pub fn listeners() -> Result<Vec<Listener>, SocketsError> {
    let sockets = sockets()?;
    let root = Path::new("/");
    let owners = Owners::read(root).map_err(SocketsError::Processes)?;
    let mut listed = listed(&sockets, &owners);
    name_ssh(&mut listed, root);
    Ok(listed)
}

/// The sockets that listen, with their protocols.
pub(crate) fn sockets() -> Result<Vec<Socket>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Sockets)?;
    let mut found = list(&mut exchange, TCP, States::LISTENING)?;
    found.extend(list(&mut exchange, UDP, States::UNCONNECTED)?);
    Ok(found)
}

/// One entry for each socket and family, in the order of ports.
pub(super) fn listed(sockets: &[Socket], owners: &Owners) -> Vec<Listener> {
    let mut listed: Vec<Listener> = sockets.iter().flat_map(|socket| entries(socket, owners)).collect();
    listed.sort_by_key(|listener| (listener.protocol, listener.local.port(), listener.local));
    listed
}

fn entries(socket: &Socket, owners: &Owners) -> impl Iterator<Item = Listener> {
    let ipv4 =
        socket.both_families.then(|| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), socket.local.port()));
    let process = owners.of(socket.inode);
    [Some(socket.local), ipv4].into_iter().flatten().map(move |local| Listener {
        protocol: socket.handle.protocol,
        local,
        user: socket.user,
        program: process.map(|process| process.program.clone()),
        process: process.map(|process| process.id),
    })
}
