//! Packets at the borders of a policy, for tests of tables.

use crate::addresses::Family;
use crate::canonical::{Admission, Canonical, Directed, Matrix};
use crate::compile::rule::address_bytes;
use crate::nft::{Connection, Device, Facts, Hook, Tracking, Tuple};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const PROTOCOLS: [u8; 8] = [1, 6, 17, 33, 47, 50, 58, 132];

fn device(index: u32, name: &str) -> Device {
    Device { index, name: name.to_owned() }
}

fn address(family: Family, number: u128) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from(u32::try_from(number).expect("IPv4")).into(),
        Family::V6 => Ipv6Addr::from(number).into(),
    }
}

/// The header of a packet between two addresses.
fn header(family: Family, source: u128, destination: u128) -> Vec<u8> {
    let (length, at) = if family == Family::V4 { (20, 12) } else { (40, 8) };
    let mut header = vec![0; length];
    let addresses = [address_bytes(family, source), address_bytes(family, destination)].concat();
    header[at..at + addresses.len()].copy_from_slice(&addresses);
    header
}

/// A packet that opens a connection from a source to this host, by an interface.
pub(crate) fn inbound(
    family: Family,
    source: u128,
    (protocol, key): (u8, u16),
    interface: &str,
    here: bool,
) -> Facts {
    let destination = if family == Family::V4 { 0xcb00_7101 } else { 0x2001_0db8 << 96 };
    let mut transport = vec![0; 20];
    let at = if matches!(protocol, 1 | 58) { 0 } else { 2 };
    transport[at..at + 2].copy_from_slice(&key.to_be_bytes());
    transport[13] = if protocol == 6 { 2 } else { 0 };
    let original = Tuple {
        source: address(family, source),
        destination: address(family, destination),
        source_port: 40_000,
        destination_port: key,
        protocol,
    };
    Facts {
        hook: Hook::Prerouting,
        family,
        input: Some(device(2, interface)),
        output: None,
        user: None,
        network: header(family, source, destination),
        protocol: Some(protocol),
        transport,
        tracking: Tracking::Known(Connection { state: 8, reply: false, status: 0, original }),
        destination_type: if here { 2 } else { 1 },
        route: Some(device(3, "eth9")),
        above_limits: false,
    }
}

/// The answer to such a packet.
pub(crate) fn answer(mut facts: Facts) -> Facts {
    facts.hook = Hook::Output;
    facts.output = facts.input.take();
    if let Tracking::Known(connection) = &mut facts.tracking {
        (connection.state, connection.reply) = (2, true);
    }
    let at = if facts.family == Family::V4 { 12 } else { 8 };
    let half = (facts.network.len() - at) / 2;
    facts.network[at..].rotate_left(half);
    facts
}

/// The packet that opens a connection from this host.
pub(crate) fn outbound(mut facts: Facts) -> Facts {
    facts = answer(facts);
    if let Tracking::Known(connection) = &mut facts.tracking {
        (connection.state, connection.reply) = (8, false);
        std::mem::swap(&mut connection.original.source, &mut connection.original.destination);
    }
    facts
}

/// The packet of a container to another host.
pub(crate) fn through(mut facts: Facts) -> Facts {
    let interface = facts.input.clone();
    facts = outbound(facts);
    (facts.hook, facts.input, facts.output) = (Hook::Prerouting, interface, None);
    facts.destination_type = 1;
    facts
}

/// The answer to it, on its way to the container.
pub(crate) fn answered(mut facts: Facts) -> Facts {
    facts = through(facts);
    (facts.hook, facts.output) = (Hook::Forward, facts.input.take());
    facts.input = facts.route.clone();
    if let Tracking::Known(connection) = &mut facts.tracking {
        (connection.state, connection.reply) = (2, true);
    }
    let at = if facts.family == Family::V4 { 12 } else { 8 };
    let half = (facts.network.len() - at) / 2;
    facts.network[at..].rotate_left(half);
    facts
}

fn matrices(policy: &Canonical) -> Vec<&Matrix> {
    let directed = [Some(&policy.inbound), policy.outbound.as_ref(), policy.container_outbound.as_ref()];
    let all = directed.into_iter().flatten();
    all.flat_map(|directed| std::iter::once(&directed.elsewhere).chain(directed.interfaces.values()))
        .collect()
}

/// Numbers at the ends of intervals, and beside them.
fn around(spans: impl Iterator<Item = (u128, u128)>, last: u128) -> BTreeSet<u128> {
    let near = |number: u128| [number.checked_sub(1), Some(number), number.checked_add(1)];
    let all = spans.flat_map(|(first, last)| [first, last]).chain([0, last]).flat_map(near).flatten();
    all.filter(|&number| number <= last).collect()
}

fn borders(policy: &Canonical, family: Family) -> (Vec<u16>, Vec<u128>) {
    let cells =
        || matrices(policy).into_iter().flat_map(move |matrix| matrix.of(family).keyed.values().flatten());
    let of_protocols = matrices(policy).into_iter().map(move |matrix| matrix.of(family));
    let peers = of_protocols.flat_map(|protocols| {
        let keyed = protocols.keyed.values().flatten().flat_map(|cell| &cell.peers);
        keyed.chain(protocols.plain.values().flatten()).chain(&protocols.rest)
    });
    let keys = around(cells().map(|cell| (cell.first.into(), cell.last.into())), 65_535);
    let addresses = around(peers.map(|peer| (peer.first, peer.last)), family.last());
    (keys.into_iter().filter_map(|key| key.try_into().ok()).collect(), addresses.into_iter().collect())
}

/// New connections to this host at every border.
fn openings(policy: &Canonical, most: usize) -> Vec<Facts> {
    let mut packets = Vec::new();
    for family in Family::BOTH {
        let (keys, addresses) = borders(policy, family);
        for interface in ["eth0", "eth1", "tailscale0", "docker0"] {
            for protocol in PROTOCOLS {
                for &key in &keys {
                    for &address in &addresses {
                        packets.push(inbound(family, address, (protocol, key), interface, true));
                    }
                }
            }
        }
    }
    // Every so many-th, so that each border still meets many others.
    let step = (packets.len() / most).max(1) | 1;
    packets.into_iter().step_by(step).collect()
}

/// Packets of every way.
pub(crate) fn at_borders(policy: &Canonical) -> Vec<Facts> {
    let openings = openings(policy, 400);
    let more = openings.iter().flat_map(|facts| {
        [answer, outbound, through, answered].map(|of: fn(Facts) -> Facts| of(facts.clone()))
    });
    let above = openings.iter().map(|facts| Facts { above_limits: true, ..facts.clone() });
    let mut all: Vec<Facts> = more.chain(above).collect();
    all.extend(openings);
    all
}

/// Packets that no essential, list or forward is about, and whether the trees admit them; elements of live sets are
/// absent, and limits are not reached.
pub(crate) fn expected(policy: &Canonical) -> Vec<(Facts, bool)> {
    let mut all = Vec::new();
    for facts in openings(policy, 200) {
        let Tracking::Known(connection) = &facts.tracking else { continue };
        let (protocol, key) = (connection.original.protocol, connection.original.destination_port);
        let essential = matches!(protocol, 1 | 58) || matches!((protocol, key), (6 | 17, 53 | 67 | 123));
        let interface = facts.input.as_ref().map_or("", |device| device.name.as_str()).to_owned();
        let source = crate::compile::rule::number(connection.original.source);
        if essential || forged_or_denied(policy, source) {
            continue;
        }
        let question = (facts.family, protocol, key, source.1);
        let inside = |directed: &Directed, name: &str| admits(directed, Some(name), question);
        let any = admits_answer(&policy.inbound, question);
        all.push((facts.clone(), inside(&policy.inbound, &interface)));
        all.push((answer(facts.clone()), any));
        let out = policy.outbound.as_ref().is_none_or(|directed| inside(directed, &interface));
        all.push((outbound(facts.clone()), out));
        if interface == "docker0" {
            let out = policy.container_outbound.as_ref().is_none_or(|directed| inside(directed, &interface));
            all.push((through(facts.clone()), out));
            let directed = policy.container_outbound.as_ref();
            all.push((answered(facts), directed.is_none_or(|directed| inside(directed, &interface))));
        }
    }
    all
}

fn forged_or_denied(policy: &Canonical, (family, source): (Family, u128)) -> bool {
    let denied = if family == Family::V4 { &policy.denied.v4 } else { &policy.denied.v6 };
    let forged = if family == Family::V4 { source >> 24 == 127 } else { source == 1 };
    forged || denied.iter().any(|&(first, last)| (first..=last).contains(&source))
}

type Question = (Family, u8, u16, u128);

fn admits(directed: &Directed, interface: Option<&str>, question: Question) -> bool {
    let named = directed.interfaces.iter().find(|(name, _)| Some(name.0.as_str()) == interface);
    let matrix = named.map_or(&directed.elsewhere, |(_, matrix)| matrix);
    admission(matrix, question).is_some_and(|admission| match admission {
        Admission::Open(_) => true,
        Admission::Guarded(guards) => guards.iter().any(|guard| guard.expires.is_none()),
    })
}

fn admits_answer(directed: &Directed, question: Question) -> bool {
    let interfaces = directed.interfaces.keys().map(|name| Some(name.0.as_str()));
    interfaces.chain([None]).any(|interface| admits(directed, interface, question))
}

fn admission(matrix: &Matrix, (family, protocol, key, source): Question) -> Option<&Admission> {
    let protocols = matrix.of(family);
    let peers = match protocols.keyed.get(&protocol) {
        Some(cells) => &cells.iter().find(|cell| (cell.first..=cell.last).contains(&key))?.peers,
        None => protocols.plain.get(&protocol).unwrap_or(&protocols.rest),
    };
    peers.iter().find(|peer| (peer.first..=peer.last).contains(&source)).map(|peer| &peer.admission)
}
