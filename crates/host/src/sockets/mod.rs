//! The TCP and UDP sockets of this network namespace, through sock_diag(7).
//!
//! It reads them; only `destroy` acts, and on nothing but a socket that was read.

mod activated;
mod connections;
mod destroy;
mod holder;
mod listeners;
mod owners;

pub use connections::{Established, connections};
pub use destroy::{Outcome, destroy};
pub use holder::{Holder, Manager, holder, user_name};
pub use listeners::listeners;
pub use owners::Process;

pub(crate) use connections::{Doors, carrying};
pub(crate) use listeners::sockets as listening;
pub(crate) use owners::{Owners, program, sockets_of};

use crate::netlink::{Attributes, Exchange, Malformed, NetlinkError, u32_at};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `struct inet_diag_sockid`.
const ID: usize = 48;
/// `struct inet_diag_msg`.
const HEADER: usize = 72;

/// Why the sockets of this machine could not be told.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketsError {
    /// The kernel did not list them.
    Netlink(NetlinkError),
    /// The processes that hold them could not be listed.
    Processes(std::io::Error),
}

impl fmt::Display for SocketsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Netlink(_) => "cannot list sockets",
            Self::Processes(_) => "cannot list processes",
        })
    }
}

impl std::error::Error for SocketsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Netlink(error) => Some(error),
            Self::Processes(error) => Some(error),
        }
    }
}

impl From<NetlinkError> for SocketsError {
    fn from(error: NetlinkError) -> Self {
        Self::Netlink(error)
    }
}

/// One socket for as long as it lives: the kernel's cookie is in it, so another that has the same addresses later is
/// never meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketHandle {
    family: u8,
    protocol: u8,
    id: [u8; ID],
}

impl fmt::Debug for SocketHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cookie = self.id.last_chunk::<8>().map(|cookie| u64::from_ne_bytes(*cookie)).unwrap_or_default();
        write!(f, "SocketHandle(protocol {}, cookie {cookie:#x})", self.protocol)
    }
}

/// States of a socket (`net/tcp_states.h`), as bits.
#[derive(Clone, Copy)]
pub(crate) struct States(u32);

impl States {
    /// TCP that waits for connections.
    pub(crate) const LISTENING: Self = Self(1 << 10);
    /// UDP without a peer.
    pub(crate) const UNCONNECTED: Self = Self(1 << 7);
    /// UDP with a peer.
    pub(crate) const CONNECTED: Self = Self(1 << 1);
    /// TCP on which data may still come or go: `ESTABLISHED`, both `FIN_WAIT`, `CLOSE_WAIT`.
    pub(crate) const CARRYING: Self = Self(1 << 1 | 1 << 4 | 1 << 5 | 1 << 8);
}

/// A socket as the kernel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) handle: SocketHandle,
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) user: u32,
    /// 0 when no process holds it any more.
    pub(crate) inode: u32,
    /// A wildcard IPv6 socket to which IPv4 comes too.
    pub(crate) both_families: bool,
}

impl Socket {
    pub(crate) const fn protocol(&self) -> u8 {
        self.handle.protocol
    }
}

/// The sockets of a protocol in some states, of both families.
pub(crate) fn list(
    exchange: &mut Exchange,
    protocol: u8,
    states: States,
) -> Result<Vec<Socket>, NetlinkError> {
    let mut found = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let mut request = vec![family, protocol, 0, 0];
        request.extend(states.0.to_ne_bytes());
        request.extend([0; ID]);
        found.extend(exchange.dump(BY_FAMILY, &request, |kind, body| {
            if kind == BY_FAMILY { socket(protocol, body).map(Some) } else { Ok(None) }
        })?);
    }
    Ok(found)
}

/// `struct inet_diag_msg` and its attributes.
fn socket(protocol: u8, body: &[u8]) -> Result<Socket, Malformed> {
    const ONLY_IPV6: u16 = 11;
    const WHAT: Malformed = Malformed("socket");
    let family = *body.first().ok_or(WHAT)?;
    let id: [u8; ID] = body.get(4..).and_then(|rest| rest.first_chunk()).copied().ok_or(WHAT)?;
    let attributes = Attributes(body.get(HEADER..).ok_or(WHAT)?);
    let only_ipv6 = attributes.find(ONLY_IPV6)?.and_then(<[u8]>::first).is_some_and(|only| *only != 0);
    let local = end(family, &id, 0, 4)?;
    Ok(Socket {
        handle: SocketHandle { family, protocol, id },
        local,
        peer: end(family, &id, 2, 20)?,
        user: u32_at(body, 64)?,
        inode: u32_at(body, 68)?,
        // Where the kernel does not say, the socket counts as open to both: too much seen rather than too little.
        both_families: family == AF_INET6 && local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !only_ipv6,
    })
}

/// The address and port of one end. IPv4 through an IPv6 socket is told as IPv4, since that is what the packets are.
fn end(family: u8, id: &[u8; ID], port: usize, address: usize) -> Result<SocketAddr, Malformed> {
    const WHAT: Malformed = Malformed("socket's address");
    let port = id.get(port..).and_then(|rest| rest.first_chunk()).copied().ok_or(WHAT)?;
    let address: [u8; 16] = id.get(address..).and_then(|rest| rest.first_chunk()).copied().ok_or(WHAT)?;
    let address = match (family, address) {
        (AF_INET, [a, b, c, d, ..]) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        (AF_INET6, address) => Ipv6Addr::from(address).to_canonical(),
        _ => return Err(WHAT),
    };
    Ok(SocketAddr::new(address, u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;

    /// The type of an attribute and its value.
    type Attribute = (u16, &'static [u8]);

    fn told(family: u8, address: [u8; 16], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![family, 10, 0, 0];
        body.extend(443u16.to_be_bytes());
        body.extend([0; 2]);
        body.extend(address);
        body.resize(HEADER, 0);
        body.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        body
    }

    #[test]
    fn a_wildcard_is_open_to_both_families_unless_it_says_otherwise() {
        let cases: [(&[Attribute], bool); 3] = [(&[(11, &[0])], true), (&[(11, &[1])], false), (&[], true)];
        for (attributes, expected) in cases {
            let socket = socket(TCP, &told(AF_INET6, [0; 16], attributes)).expect("well formed");
            assert_eq!(socket.both_families, expected, "{attributes:?}");
        }
    }

    #[test]
    fn ipv4_through_an_ipv6_socket_is_told_as_ipv4() {
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        let socket = socket(TCP, &told(AF_INET6, mapped, &[])).expect("well formed");
        assert_eq!(socket.local, "192.0.2.1:443".parse().expect("an address"));
        assert!(!socket.both_families);
    }

    #[test]
    fn a_short_or_foreign_message_is_refused() {
        let whole = told(AF_INET, [0; 16], &[]);
        for length in [0, 4, 51, HEADER - 1] {
            let part = whole.get(..length).expect("shorter");
            assert_eq!(socket(TCP, part), Err(Malformed("socket")), "{length}");
        }
        assert!(socket(TCP, &told(1, [0; 16], &[])).is_err(), "AF_UNIX");
    }
}
