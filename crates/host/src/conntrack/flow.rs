//! A connection as connection tracking knows it, read from ctnetlink's attributes.

use crate::interfaces::{having, stays_within};
use crate::netlink::{Attributes, Malformed, u32_network};
use firewall::connections::Connection;
use firewall::observed::Interface;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Where packets of this direction come from; the port is 0 for protocols without ports.
    pub source: SocketAddr,
    /// Where they go to.
    pub destination: SocketAddr,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Its protocol's number.
    pub protocol: u8,
    /// As the side that opened it sends, before any translation: the port that was asked for.
    pub original: Tuple,
    /// As the answers come, before they are translated back: what really answers.
    pub reply: Tuple,
    /// Whether an answer was seen.
    pub answered: bool,
    /// Whether its destination was translated, as for published ports of containers.
    pub redirected: bool,
    /// Whether its source was translated.
    pub masqueraded: bool,
}

impl Flow {
    /// The flow as a policy judges it; `None` for one between two other machines, or within this one. For a port that
    /// leads to a container the local end is the one that the client asked for.
    #[must_use]
    pub fn connection(&self, interfaces: &[Interface]) -> Option<Connection> {
        let Tuple { source, destination } = self.original;
        let own = |end: SocketAddr| stays_within(interfaces, end.ip());
        let (local, peer, opened_by_peer) = match (own(source), own(destination)) {
            (false, true) => (destination, source, true),
            (true, false) => (source, destination, false),
            _ => return None,
        };
        let interface = having(interfaces, local.ip()).map(|own| own.name.clone());
        Some(Connection { protocol: self.protocol, local, peer, opened_by_peer, interface })
    }
}

/// A message of the kernel; `None` for a family other than IPv4 and IPv6.
pub(super) fn read(body: &[u8]) -> Result<Option<Flow>, Malformed> {
    const ORIGINAL: u16 = 1;
    const REPLY: u16 = 2;
    const STATUS: u16 = 3;
    const SEEN_REPLY: u32 = 1 << 1;
    const SOURCE_TRANSLATED: u32 = 1 << 4;
    const DESTINATION_TRANSLATED: u32 = 1 << 5;
    let attributes = Attributes(body.get(4..).ok_or(Malformed("flow"))?);
    let original = tuple(attributes.find(ORIGINAL)?)?;
    let reply = tuple(attributes.find(REPLY)?)?;
    let status = attributes.find(STATUS)?.map(u32_network).transpose()?.unwrap_or_default();
    Ok(original.zip(reply).map(|((protocol, original), (_, reply))| Flow {
        protocol,
        original,
        reply,
        answered: status & SEEN_REPLY != 0,
        redirected: status & DESTINATION_TRANSLATED != 0,
        masqueraded: status & SOURCE_TRANSLATED != 0,
    }))
}

/// The protocol and the ends of one direction.
fn tuple(value: Option<&[u8]>) -> Result<Option<(u8, Tuple)>, Malformed> {
    const WHAT: Malformed = Malformed("flow's direction");
    const ADDRESSES: u16 = 1;
    const PROTOCOL: u16 = 2;
    const NUMBER: u16 = 1;
    const SOURCE_PORT: u16 = 2;
    const DESTINATION_PORT: u16 = 3;
    let parts = Attributes(value.ok_or(WHAT)?);
    let addresses = Attributes(parts.find(ADDRESSES)?.ok_or(WHAT)?);
    let protocol = Attributes(parts.find(PROTOCOL)?.ok_or(WHAT)?);
    let Some((source, destination)) = ends(addresses)? else {
        return Ok(None);
    };
    let number = protocol.find(NUMBER)?.and_then(<[u8]>::first).ok_or(WHAT)?;
    let source = SocketAddr::new(source, port(protocol.find(SOURCE_PORT)?)?);
    let destination = SocketAddr::new(destination, port(protocol.find(DESTINATION_PORT)?)?);
    Ok(Some((*number, Tuple { source, destination })))
}

/// The source and the destination; the types say their family.
fn ends(addresses: Attributes<'_>) -> Result<Option<(IpAddr, IpAddr)>, Malformed> {
    let v4 = addresses.find(1)?.zip(addresses.find(2)?);
    let v6 = addresses.find(3)?.zip(addresses.find(4)?);
    Ok(match (v4, v6) {
        (Some((source, destination)), _) => Some((ipv4(source)?, ipv4(destination)?)),
        (None, Some((source, destination))) => Some((ipv6(source)?, ipv6(destination)?)),
        (None, None) => None,
    })
}

fn ipv4(value: &[u8]) -> Result<IpAddr, Malformed> {
    let octets = <[u8; 4]>::try_from(value).map_err(|_| Malformed("flow's address"))?;
    Ok(Ipv4Addr::from(octets).into())
}

fn ipv6(value: &[u8]) -> Result<IpAddr, Malformed> {
    let octets = <[u8; 16]>::try_from(value).map_err(|_| Malformed("flow's address"))?;
    Ok(Ipv6Addr::from(octets).into())
}

/// A port in network byte order; protocols without ports have none.
fn port(value: Option<&[u8]>) -> Result<u16, Malformed> {
    let bytes = value.map(|value| value.try_into().map_err(|_| Malformed("flow's port"))).transpose()?;
    Ok(bytes.map_or(0, u16::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::attribute;

    fn direction(kind: u16, source: [u8; 4], destination: [u8; 4], protocol: &[(u16, &[u8])]) -> Vec<u8> {
        let addresses = [attribute(1, &source), attribute(2, &destination)].concat();
        let protocol = protocol.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect::<Vec<u8>>();
        attribute(kind, &[attribute(0x8001, &addresses), attribute(0x8002, &protocol)].concat())
    }

    #[test]
    fn a_published_port_shows_what_was_asked_and_what_answers() {
        let mut body = vec![2, 0, 0, 0];
        let asked: [(u16, &[u8]); 3] = [(1, &[6]), (2, &[0xc3, 0x50]), (3, &[0, 80])];
        let answers: [(u16, &[u8]); 3] = [(1, &[6]), (2, &[0x1f, 0x90]), (3, &[0xc3, 0x50])];
        body.extend(direction(1, [192, 0, 2, 9], [198, 51, 100, 1], &asked));
        body.extend(direction(2, [172, 17, 0, 2], [192, 0, 2, 9], &answers));
        body.extend(attribute(3, &0x2au32.to_be_bytes()));
        let flow = read(&body).expect("well formed").expect("IPv4");
        assert_eq!(flow.original.destination.to_string(), "198.51.100.1:80");
        assert_eq!(flow.reply.source.to_string(), "172.17.0.2:8080");
        assert!(flow.redirected && flow.answered && !flow.masqueraded, "{flow:?}");
    }

    #[test]
    fn a_flow_without_a_direction_is_refused() {
        let mut body = vec![2, 0, 0, 0];
        assert!(read(&body).is_err());
        body.extend(direction(1, [192, 0, 2, 9], [198, 51, 100, 1], &[(1, &[6])]));
        assert!(read(&body).is_err());
    }
}
