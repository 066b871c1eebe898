//! A packet of the lab as the two models see it: the policy's, and the kernel's.

use crate::borders::has_ports;
use crate::place::{LEGS, Leg};
use firewall::addresses::Family;
use firewall::nft::{Connection, Device, Facts, Hook, Tracking, Tuple};
use firewall::packet::{Packet, Way};
use ipnet::IpNet;
use model::plan::InterfaceName;
use std::net::IpAddr;
use testkit::lab;

/// Unicast, local, broadcast, anycast and multicast (`RTN_*`).
const UNICAST: u32 = 1;
const LOCAL: u32 = 2;
const BROADCAST: u32 = 3;
const ANYCAST: u32 = 4;
const MULTICAST: u32 = 5;
/// The states of connection tracking.
const ESTABLISHED: u32 = 2;
const NEW: u32 = 8;

/// A packet that comes in by a leg.
pub(crate) fn inbound(packet: &lab::Packet, interface: &str) -> (Packet, Facts) {
    let kind = kind(packet.destination);
    let way = if kind == UNICAST { Way::Through } else { Way::In };
    let mut facts = facts(packet, Hook::Prerouting);
    facts.input = Some(device(interface));
    (policy(packet, way, interface, None), facts)
}

/// A packet that the server sends itself, as root.
pub(crate) fn outbound(packet: &lab::Packet) -> (Packet, Facts) {
    let within = [LOCAL, ANYCAST].contains(&kind(packet.destination));
    let interface = if within { "lo" } else { route(packet.destination) };
    let mut facts = facts(packet, Hook::Output);
    facts.output = Some(device(interface));
    facts.user = Some(0);
    let way = if within { Way::Loopback } else { Way::Out };
    (policy(packet, way, interface, Some(0)), facts)
}

/// The answer of the server to a packet that came in by a leg.
pub(crate) fn answer(packet: &lab::Packet, interface: &str) -> Facts {
    let mut facts = facts(packet, Hook::Output);
    facts.output = Some(device(interface));
    let at = if packet.source.is_ipv4() { 12 } else { 8 };
    let length = (facts.network.len() - at) / 2;
    facts.network[at..].rotate_left(length);
    if let Tracking::Known(connection) = &mut facts.tracking {
        (connection.state, connection.reply) = (ESTABLISHED, true);
    }
    facts
}

fn policy(packet: &lab::Packet, way: Way, interface: &str, user: Option<u32>) -> Packet {
    let (source_port, key) = keys(packet);
    Packet {
        way,
        interface: InterfaceName(interface.to_owned()),
        source: packet.source,
        destination: packet.destination,
        protocol: packet.protocol(),
        key,
        source_port,
        opens: true,
        user,
    }
}

fn facts(packet: &lab::Packet, hook: Hook) -> Facts {
    let bytes = packet.bytes(1);
    let (network, transport) = bytes.split_at(if packet.source.is_ipv4() { 20 } else { 40 });
    Facts {
        hook,
        family: Family::of(packet.source),
        input: None,
        output: None,
        user: None,
        network: network.to_vec(),
        protocol: Some(packet.protocol()),
        transport: transport.to_vec(),
        tracking: tracking(packet),
        destination_type: kind(packet.destination),
        route: Some(device(route(packet.destination))),
        above_limits: false,
    }
}

/// The source port and the key.
fn keys(packet: &lab::Packet) -> (u16, u16) {
    let bytes = packet.bytes(1);
    let transport = &bytes[if packet.source.is_ipv4() { 20 } else { 40 }..];
    let word = |at: usize| u16::from_be_bytes([transport[at], transport[at + 1]]);
    match packet.protocol() {
        1 | 58 => (0, word(0)),
        protocol if has_ports(protocol) => (word(0), word(2)),
        _ => (0, 0),
    }
}

/// What connection tracking makes of a packet that belongs to nothing: `icmp_error` and `icmpv6_error` of the kernel,
/// and the types that may open (`valid_new`).
fn tracking(packet: &lab::Packet) -> Tracking {
    let (source_port, key) = keys(packet);
    let kind = key >> 8;
    match packet.protocol() {
        1 if ![8, 13, 15, 17].contains(&kind) => return Tracking::Invalid,
        58 if matches!(kind, 130..=136 | 143) => return Tracking::Untracked,
        58 if ![128, 139].contains(&kind) => return Tracking::Invalid,
        _ => {}
    }
    let original = Tuple {
        source: packet.source,
        destination: packet.destination,
        source_port,
        destination_port: key,
        protocol: packet.protocol(),
    };
    Tracking::Known(Connection { state: NEW, reply: false, status: 0, original })
}

/// What the server's routing table says about an address.
fn kind(address: IpAddr) -> u32 {
    let own = LEGS.iter().flat_map(Leg::own_addresses);
    match address {
        _ if address.is_loopback() || own.into_iter().any(|own| own == address) => LOCAL,
        _ if address.is_multicast() => MULTICAST,
        IpAddr::V4(four) if four.is_broadcast() => BROADCAST,
        _ if LEGS.iter().any(|leg| leg.broadcast() == address) => BROADCAST,
        _ if LEGS.iter().any(|leg| leg.anycast() == address) => ANYCAST,
        _ => UNICAST,
    }
}

/// The interface that the server reaches an address by.
pub(crate) fn route(address: IpAddr) -> &'static str {
    if kind(address) == LOCAL {
        return "lo";
    }
    let on =
        |leg: &&Leg| leg.own().iter().any(|text| text.parse().is_ok_and(|net: IpNet| net.contains(&address)));
    LEGS.iter().find(on).map_or("eth0", |leg| leg.interface)
}

fn device(name: &str) -> Device {
    let index = LEGS.iter().position(|leg| leg.interface == name).map_or(1, |at| 2 + at);
    Device { index: u32::try_from(index).expect("few legs"), name: name.to_owned() }
}
