//! A connection as connection tracking knows it, read from ctnetlink's attributes.

use crate::interfaces::{arriving, having, reaching, stays_within};
use crate::netlink::{Attributes, Malformed, u32_network};
use firewall::connections::{Connection, Opener};
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
    /// Whether it is TCP without both ends: over, or not answered yet.
    pub ended: bool,
}

impl Flow {
    /// The flow as a policy judges it; `None` for one within this machine, or within one network behind it. For a port
    /// that leads to a container the local end is the one that the client asked for.
    #[must_use]
    pub fn connection(&self, interfaces: &[Interface]) -> Option<Connection> {
        let Tuple { source, destination } = self.original;
        let towards = |end: SocketAddr| reaching(interfaces, end.ip());
        let ours = (stays_within(interfaces, source.ip()), is_for_us(interfaces, destination.ip()));
        let (opened_by, local, peer, interface) = match ours {
            (true, true) => return None,
            (false, true) => {
                let by = arriving(interfaces, source.ip(), destination.ip());
                (Opener::Peer, destination, source, by)
            }
            (true, false) => {
                let by = towards(destination).or_else(|| having(interfaces, source.ip()));
                (Opener::ThisHost, source, destination, by.map(|one| &one.name))
            }
            (false, false) => {
                let by = &towards(source)?.name;
                if towards(destination).is_some_and(|to| to.name == *by) {
                    return None;
                }
                (Opener::Behind, source, destination, Some(by))
            }
        };
        Some(Connection { protocol: self.protocol, local, peer, opened_by, interface: interface.cloned() })
    }

    /// The two ends as a socket has them that is on this machine, if one is: its own, and the other.
    #[must_use]
    pub const fn ends(&self, opened_by: Opener) -> (SocketAddr, SocketAddr) {
        match opened_by {
            Opener::Peer => (self.reply.source, self.reply.destination),
            Opener::ThisHost | Opener::Behind => (self.original.source, self.original.destination),
        }
    }
}

/// Whether packets to an address are judged as packets to this machine.
fn is_for_us(interfaces: &[Interface], address: IpAddr) -> bool {
    let networks = || interfaces.iter().flat_map(|one| &one.addresses).filter(|own| own.prefix_len() < 31);
    let is_broadcast = || match address {
        IpAddr::V4(four) => four.is_broadcast() || networks().any(|own| own.broadcast() == address),
        IpAddr::V6(_) => false,
    };
    stays_within(interfaces, address) || address.is_multicast() || is_broadcast()
}

/// A message of the kernel; `None` for a family other than IPv4 and IPv6.
pub(super) fn read(body: &[u8]) -> Result<Option<Flow>, Malformed> {
    const ORIGINAL: u16 = 1;
    const REPLY: u16 = 2;
    const STATUS: u16 = 3;
    const PROTOCOL_STATE: u16 = 4;
    const SEEN_REPLY: u32 = 1 << 1;
    const SOURCE_TRANSLATED: u32 = 1 << 4;
    const DESTINATION_TRANSLATED: u32 = 1 << 5;
    let attributes = Attributes(body.get(4..).ok_or(Malformed("flow"))?);
    let original = tuple(attributes.find(ORIGINAL)?)?;
    let reply = tuple(attributes.find(REPLY)?)?;
    let ended = attributes.find(PROTOCOL_STATE)?.map(tcp_ended).transpose()?.unwrap_or_default();
    let status = attributes.find(STATUS)?.map(u32_network).transpose()?.unwrap_or_default();
    Ok(original.zip(reply).map(|((protocol, original), (_, reply))| Flow {
        protocol,
        original,
        reply,
        answered: status & SEEN_REPLY != 0,
        redirected: status & DESTINATION_TRANSLATED != 0,
        masqueraded: status & SOURCE_TRANSLATED != 0,
        ended,
    }))
}

/// Whether the state of a connection of TCP (`enum tcp_conntrack`) says that no data flows; of other protocols none does.
fn tcp_ended(state: &[u8]) -> Result<bool, Malformed> {
    const TCP: u16 = 1;
    const STATE: u16 = 1;
    /// `SYN_RECV`, `ESTABLISHED`, `FIN_WAIT`, `CLOSE_WAIT`.
    const CARRYING: std::ops::RangeInclusive<u8> = 2..=5;
    let Some(tcp) = Attributes(state).find(TCP)? else { return Ok(false) };
    let state = Attributes(tcp).find(STATE)?.and_then(|value| value.first());
    Ok(state.is_some_and(|state| !CARRYING.contains(state)))
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
    use firewall::observed::InterfaceKind;
    use model::plan::InterfaceName;

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
    fn tcp_that_is_over_only_waits_to_be_forgotten() {
        let ends: [(u16, &[u8]); 3] = [(1, &[6]), (2, &[0xc3, 0x50]), (3, &[0, 80])];
        for (state, ended) in [(1, true), (2, false), (3, false), (5, false), (6, true), (7, true), (8, true)]
        {
            let mut body = vec![2, 0, 0, 0];
            body.extend(direction(1, [192, 0, 2, 9], [198, 51, 100, 1], &ends));
            body.extend(direction(2, [198, 51, 100, 1], [192, 0, 2, 9], &ends));
            body.extend(attribute(0x8004, &attribute(0x8001, &attribute(1, &[state]))));
            assert_eq!(read(&body).expect("well formed").expect("IPv4").ended, ended, "{state}");
        }
    }

    #[test]
    fn who_opened_a_flow_says_where_it_is_judged() {
        let net = |text: &str| text.parse().expect("a prefix");
        let interface = |name: &str, addresses: &[&str], kind| Interface {
            name: InterfaceName(name.to_owned()),
            addresses: addresses.iter().map(|text| net(text)).collect(),
            kind,
        };
        let interfaces = [
            interface("eth0", &["192.0.2.1/24"], InterfaceKind::Other),
            interface("docker0", &["172.17.0.1/16"], InterfaceKind::Containers),
        ];
        for (source, destination, expected) in [
            ("203.0.113.9:5000", "192.0.2.1:53", Some((Opener::Peer, "eth0"))),
            ("172.17.0.2:5000", "192.0.2.1:53", Some((Opener::Peer, "docker0"))),
            ("192.0.2.9:5353", "224.0.0.251:5353", Some((Opener::Peer, "eth0"))),
            ("192.0.2.9:137", "192.0.2.255:137", Some((Opener::Peer, "eth0"))),
            ("192.0.2.1:5000", "172.17.0.2:53", Some((Opener::ThisHost, "docker0"))),
            ("192.0.2.1:5000", "203.0.113.9:53", Some((Opener::ThisHost, "eth0"))),
            ("172.17.0.2:5000", "203.0.113.9:53", Some((Opener::Behind, "docker0"))),
            ("172.17.0.2:5000", "172.17.0.3:53", None),
            ("127.0.0.1:5000", "192.0.2.1:53", None),
            ("203.0.113.9:5000", "198.51.100.9:53", None),
        ] {
            let at = |text: &str| text.parse().expect("an address");
            let original = Tuple { source: at(source), destination: at(destination) };
            let reply = Tuple { source: at(destination), destination: at(source) };
            let [answered, redirected, masqueraded, ended] = [false; 4];
            let flow = Flow { protocol: 17, original, reply, answered, redirected, masqueraded, ended };
            let found = flow.connection(&interfaces);
            let told = found.map(|one| (one.opened_by, one.interface.map_or(String::new(), |name| name.0)));
            assert_eq!(told, expected.map(|(by, name)| (by, name.to_owned())), "{source} {destination}");
        }
    }

    #[test]
    fn a_flow_without_a_direction_is_refused() {
        let mut body = vec![2, 0, 0, 0];
        assert!(read(&body).is_err());
        body.extend(direction(1, [192, 0, 2, 9], [198, 51, 100, 1], &[(1, &[6])]));
        assert!(read(&body).is_err());
    }
}
