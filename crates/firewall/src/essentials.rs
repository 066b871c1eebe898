//! What each essential admits, as data: the compiler makes rules of it and the judge asks it.
//!
//! The kernel checks one thing more that a [`Packet`] does not say: neighbor discovery and router advertisements count
//! only with a hop limit of 255 (RFC 4861, 7.1).

use crate::addresses::{Family, Intervals, number};
use crate::packet::{Packet, Way};
use model::plan::Essential;
use std::net::IpAddr;

/// Traffic that an essential admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// The essential that it belongs to.
    pub essential: Essential,
    /// Whether packets from this host are meant, where outbound traffic is restricted; otherwise those to this host.
    /// What would go through it is neither.
    pub outbound: bool,
    /// The family; `None` is both.
    pub family: Option<Family>,
    /// The protocol's number.
    pub protocol: u8,
    /// Destination ports, or types and codes of ICMP as type × 256 + code; both ends belong to it.
    pub keys: (u16, u16),
    /// The source port.
    pub source_port: Option<u16>,
    /// Who is at the other end.
    pub peers: PassagePeers,
}

/// Who is at the other end of a passage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassagePeers {
    /// Everybody.
    Anyone,
    /// Link-local sources: fe80::/10 (RFC 4291, 2.5.6).
    LinkLocal,
    /// Containers of this host, by the interface.
    Containers,
    /// The resolvers of this host.
    Resolvers,
}

/// fe80::/10.
pub const LINK_LOCAL: (u128, u128) = (0xfe80 << 112, (0xfec0 << 112) - 1);

/// Every passage, in the order in which they are tried.
pub const PASSAGES: &[Passage] = &[
    // Unreachable, time exceeded, parameter problem (RFC 792; RFC 1191 needs the first).
    icmp(Essential::IcmpErrors, false, 3, 3),
    icmp(Essential::IcmpErrors, false, 11, 12),
    icmp(Essential::IcmpErrors, true, 3, 3),
    icmp(Essential::IcmpErrors, true, 11, 12),
    // Unreachable, too big, time exceeded, parameter problem (RFC 4443; RFC 4890, 4.3.1).
    icmp6(Essential::IcmpErrors, false, 1, 4),
    icmp6(Essential::IcmpErrors, true, 1, 4),
    // Echo request.
    icmp(Essential::Ping, false, 8, 8),
    icmp6(Essential::Ping, false, 128, 128),
    // Neighbor solicitation and advertisement.
    icmp6(Essential::NeighborDiscovery, false, 135, 136),
    icmp6(Essential::NeighborDiscovery, true, 135, 136),
    // Router advertisements come in, solicitations go out.
    icmp6(Essential::RouterAdvertisements, false, 134, 134),
    icmp6(Essential::RouterAdvertisements, true, 133, 133),
    // Query, report, done; report of version 2.
    from_link(icmp6(Essential::MulticastListener, false, 130, 132)),
    from_link(icmp6(Essential::MulticastListener, false, 143, 143)),
    icmp6(Essential::MulticastListener, true, 130, 132),
    icmp6(Essential::MulticastListener, true, 143, 143),
    dhcp(false, Family::V4, 67, 68),
    from_link(dhcp(false, Family::V6, 547, 546)),
    dhcp(true, Family::V4, 68, 67),
    dhcp(true, Family::V6, 546, 547),
    service(Essential::ContainerServices, false, 17, 53, PassagePeers::Containers),
    service(Essential::ContainerServices, false, 6, 53, PassagePeers::Containers),
    service(Essential::ContainerServices, false, 17, 67, PassagePeers::Containers),
    service(Essential::Resolvers, true, 17, 53, PassagePeers::Resolvers),
    service(Essential::Resolvers, true, 6, 53, PassagePeers::Resolvers),
    service(Essential::Time, true, 17, 123, PassagePeers::Anyone),
];

const fn icmp(essential: Essential, outbound: bool, first: u16, last: u16) -> Passage {
    Passage {
        essential,
        outbound,
        family: Some(Family::V4),
        protocol: 1,
        keys: (first << 8, (last << 8) | 0xff),
        source_port: None,
        peers: PassagePeers::Anyone,
    }
}

const fn icmp6(essential: Essential, outbound: bool, first: u16, last: u16) -> Passage {
    Passage { family: Some(Family::V6), protocol: 58, ..icmp(essential, outbound, first, last) }
}

const fn from_link(passage: Passage) -> Passage {
    Passage { peers: PassagePeers::LinkLocal, ..passage }
}

const fn dhcp(outbound: bool, family: Family, source: u16, destination: u16) -> Passage {
    Passage {
        essential: Essential::DhcpClient,
        outbound,
        family: Some(family),
        protocol: 17,
        keys: (destination, destination),
        source_port: Some(source),
        peers: PassagePeers::Anyone,
    }
}

const fn service(
    essential: Essential,
    outbound: bool,
    protocol: u8,
    port: u16,
    peers: PassagePeers,
) -> Passage {
    Passage { essential, outbound, family: None, protocol, keys: (port, port), source_port: None, peers }
}

impl Passage {
    /// Whether it is about a packet; `containers` says whether the packet's interface is one of containers, and
    /// `is_resolver` whether an address is one of the resolvers.
    #[must_use]
    pub fn is_about(&self, packet: &Packet, containers: bool, is_resolver: impl Fn(IpAddr) -> bool) -> bool {
        let family = packet.family();
        let way = if self.outbound { Way::Out } else { Way::In };
        packet.way == way
            && self.family.is_none_or(|wanted| wanted == family)
            && self.protocol == packet.protocol
            && (self.keys.0..=self.keys.1).contains(&packet.key)
            && self.source_port.is_none_or(|wanted| wanted == packet.source_port)
            && match self.peers {
                PassagePeers::Anyone => true,
                PassagePeers::LinkLocal => {
                    family == Family::V6 && Intervals::from(vec![LINK_LOCAL]).contains(number(packet.source))
                }
                PassagePeers::Containers => containers,
                PassagePeers::Resolvers => is_resolver(packet.destination),
            }
    }
}
