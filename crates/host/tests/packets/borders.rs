//! Packets at the borders of a policy: each number that it names, and those beside it.

use crate::place::{LEGS, Leg};
use firewall::addresses::Family;
use firewall::canonical::{Canonical, Matrix};
use model::plan::Transport;
use std::collections::BTreeSet;
use std::net::IpAddr;
use testkit::lab::packet::{ACK, SYN};
use testkit::lab::{Content, Packet};

const PROTOCOLS: [u8; 14] = [6, 6, 6, 6, 17, 17, 17, 1, 132, 136, 33, 2, 47, 50];
/// Ports of essentials, of sshd and of the service.
const PORTS: [u16; 9] = [22, 53, 67, 68, 123, 546, 547, 3000, 89];
/// Addresses that mean something to a kernel or to an essential, and those of nobody.
const SOURCES: [&str; 11] = [
    "192.0.2.10",
    "192.0.2.1",
    "172.17.0.10",
    "10.0.0.10",
    "127.0.0.9",
    "203.0.113.99",
    "2001:db8::10",
    "fd00:d0c::10",
    "fe80::9",
    "fe80::1:9",
    "2001:db8:9::9",
];
/// Not of this host.
const ELSEWHERE: [&str; 8] = [
    "172.17.0.77",
    "10.0.0.77",
    "203.0.113.99",
    "198.51.100.9",
    "fd00:d0c::77",
    "fd00:a::77",
    "2001:db8:9::9",
    "2001:db8:f::9",
];

/// A generator of numbers that are the same for the same seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % most as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// The numbers that a policy names.
pub(crate) struct Borders {
    keys: Vec<u16>,
    messages: Vec<u16>,
    sources: [Vec<IpAddr>; 2],
    destinations: [Vec<IpAddr>; 2],
}

impl Borders {
    pub(crate) fn of(policy: &Canonical) -> Self {
        let inbound = || std::iter::once(&policy.inbound);
        let outward = || [&policy.outbound, &policy.container_outbound].into_iter().flatten();
        let all: Vec<&Matrix> = inbound().chain(outward()).flat_map(matrices).collect();
        let denied = [&policy.denied.v4, &policy.denied.v6];
        let sources = Family::BOTH.map(|family| {
            let spans = denied[index(family)].iter().copied();
            addresses(family, inbound().flat_map(matrices), spans, &SOURCES)
        });
        let resolvers: Vec<String> = policy.resolvers.iter().map(ToString::to_string).collect();
        let others: Vec<&str> = ELSEWHERE.into_iter().chain(resolvers.iter().map(String::as_str)).collect();
        let destinations = Family::BOTH
            .map(|family| addresses(family, outward().flat_map(matrices), std::iter::empty(), &others))
            .map(|found| found.into_iter().filter(|one| !is_of_a_link(*one)).collect());
        Self {
            keys: keys(&all, &[6, 17, 33, 132, 136], &PORTS),
            messages: keys(&all, &[1, 58], &messages()),
            sources,
            destinations,
        }
    }

    /// A packet of another host that comes by a leg of the server.
    pub(crate) fn inbound(&self, dice: &mut Dice, leg: &Leg) -> Packet {
        let family = dice.below(2);
        let source = *dice.pick(&self.sources[family]);
        let own = |leg: &Leg| address(leg.server[family]);
        let destination = match dice.below(10) {
            0 => self.third_party(dice, leg, family),
            1 => address(["192.0.2.255", "ff02::fb"][family]),
            2 => address(["224.0.0.251", "ff02::1"][family]),
            3 => own(dice.pick(&LEGS)),
            4 if dice.once_in(3) => address(["255.255.255.255", "ff05::2"][family]),
            _ => own(leg),
        };
        self.packet(dice, source, destination)
    }

    /// Neither the server nor the sender.
    fn third_party(&self, dice: &mut Dice, leg: &Leg, family: usize) -> IpAddr {
        let sender = address(leg.client[family]);
        let others: Vec<_> = self.destinations[family].iter().filter(|&&one| one != sender).collect();
        **dice.pick(&others)
    }

    /// A packet of the server itself.
    pub(crate) fn outbound(&self, dice: &mut Dice) -> Packet {
        let family = dice.below(2);
        let destination = match dice.below(12) {
            0 => address(dice.pick(&LEGS).server[family]),
            1 => address(["127.0.0.1", "::1"][family]),
            2 | 3 => address(dice.pick(&LEGS).client[family]),
            _ => *dice.pick(&self.destinations[family]),
        };
        let source = address(LEGS[0].server[family]);
        self.packet(dice, source, destination)
    }

    /// The first packet of a connection to the server by a protocol that tells connections apart.
    pub(crate) fn opening(&self, dice: &mut Dice, leg: &Leg, port: u16) -> Packet {
        let family = dice.below(2);
        let routed: Vec<_> = self.sources[family].iter().copied().filter(|one| is_routed(*one)).collect();
        let (source, destination) = (*dice.pick(&routed), address(leg.server[family]));
        let (to, source_port) = (*dice.pick(&self.keys), port);
        let content = match dice.below(4) {
            0 => Content::Other { protocol: *dice.pick(&[2, 47, 50, 89]), payload: vec![0; 20] },
            1 => Content::UdpLite { source: source_port, destination: to },
            _ => Content::Udp { source: source_port, destination: to },
        };
        Packet { source, destination, content }
    }

    fn packet(&self, dice: &mut Dice, source: IpAddr, destination: IpAddr) -> Packet {
        let to = *dice.pick(&self.keys);
        let from = *dice.pick(&[40_000, 40_001, 22, 67, 68, 546, 547]);
        let content = match *dice.pick(&PROTOCOLS) {
            6 => {
                Content::Tcp { source: from, destination: to, flags: if dice.once_in(6) { ACK } else { SYN } }
            }
            17 => Content::Udp { source: from, destination: to },
            132 => Content::Sctp { source: from, destination: to },
            136 => Content::UdpLite { source: from, destination: to },
            1 => {
                let [kind, code] = dice.pick(&self.messages).to_be_bytes();
                Content::Icmp { kind, code }
            }
            protocol => Content::Other { protocol, payload: payload(protocol, from, to) },
        };
        Packet { source, destination, content }
    }
}

/// The ports of a DCCP request (RFC 4340, 5.1), which nothing here looks further into; zeros for others.
fn payload(protocol: u8, from: u16, to: u16) -> Vec<u8> {
    let mut payload = vec![0; 20];
    if protocol == 33 {
        payload[..2].copy_from_slice(&from.to_be_bytes());
        payload[2..4].copy_from_slice(&to.to_be_bytes());
        payload[4] = 5;
        payload[8] = 1;
    }
    payload
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

const fn index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

fn matrices(directed: &firewall::canonical::Directed) -> impl Iterator<Item = &Matrix> {
    std::iter::once(&directed.elsewhere).chain(directed.interfaces.values())
}

fn messages() -> Vec<u16> {
    let kinds =
        [0_u16, 1, 3, 4, 5, 8, 11, 12, 13, 15, 17, 19, 128, 129, 130, 132, 133, 134, 135, 136, 137, 143];
    kinds.into_iter().flat_map(|kind| [kind << 8, kind << 8 | 1]).collect()
}

fn keys(all: &[&Matrix], protocols: &[u8], more: &[u16]) -> Vec<u16> {
    let mut found: BTreeSet<u16> = more.iter().copied().chain([0, u16::MAX]).collect();
    for matrix in all {
        for family in Family::BOTH {
            let keyed = &matrix.of(family).keyed;
            for cell in protocols.iter().filter_map(|protocol| keyed.get(protocol)).flatten() {
                for key in [cell.first, cell.last] {
                    found.extend([key.saturating_sub(1), key, key.saturating_add(1)]);
                }
            }
        }
    }
    found.into_iter().collect()
}

fn addresses<'a>(
    family: Family,
    matrices: impl Iterator<Item = &'a Matrix>,
    spans: impl Iterator<Item = (u128, u128)>,
    more: &[&str],
) -> Vec<IpAddr> {
    let mut numbers: BTreeSet<u128> = BTreeSet::new();
    let mut add = |first: u128, last: u128| {
        for end in [first, last] {
            numbers.extend([end.saturating_sub(1), end, end.saturating_add(1).min(family.last())]);
        }
    };
    spans.for_each(|(first, last)| add(first, last));
    for matrix in matrices {
        let protocols = matrix.of(family);
        let keyed = protocols.keyed.values().flatten().flat_map(|cell| &cell.peers);
        let cells = keyed.chain(protocols.plain.values().flatten()).chain(&protocols.rest);
        cells.for_each(|cell| add(cell.first, cell.last));
    }
    let named = more.iter().map(|text| address(text)).filter(|address| Family::of(*address) == family);
    let found = numbers.into_iter().map(|number| family.address(number)).filter(|a| is_sendable(*a));
    found.chain(named).collect()
}

/// Whether a raw socket sends from and to it as to any other.
const fn is_sendable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.octets()[0] == 0
                || address.is_loopback()
                || address.is_multicast()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified() && !address.is_loopback(),
    }
}

/// Whether an address means something only together with an interface.
const fn is_of_a_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(six) if six.is_unicast_link_local())
}

/// Whether the server takes it for a source that it can answer.
fn is_routed(source: IpAddr) -> bool {
    let own = LEGS.iter().any(|leg| leg.own_addresses().contains(&source) || leg.broadcast() == source);
    let possible = match source {
        IpAddr::V4(four) => !four.is_loopback() && four.octets()[0] < 224,
        IpAddr::V6(_) => LEGS.iter().all(|leg| leg.anycast() != source),
    };
    possible && !own && !is_of_a_link(source)
}

/// Whether a protocol has ports.
pub(crate) fn has_ports(protocol: u8) -> bool {
    Transport::ALL.iter().any(|transport| transport.number() == protocol)
}
