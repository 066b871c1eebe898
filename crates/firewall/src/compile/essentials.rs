//! Traffic without which a host does not work, as far as the policy leaves it on.

use super::rule::{ICMP, ICMP6, Part, Position, Sentence, TCP, UDP, address_bytes, number, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::nft::{Element, Field, Rule, Table};
use model::plan::Essential;

/// `fe80::/10`.
const LINK_LOCAL: u128 = 0xfe80 << 112;
/// RFC 4861, 6.1 and 7.1: what a router has forwarded has less.
const NOT_FORWARDED: u8 = 255;
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST6: u8 = 128;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;
/// Query, report and done (RFC 2710).
const LISTENER: (u8, u8) = (130, 132);
/// Report of version 2 (RFC 3810).
const LISTENER2: u8 = 143;
/// Echo requests a second, of both families together.
const PINGS: u64 = 20;
const PING_BURST: u32 = 20;
const DNS: u16 = 53;
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCP6_CLIENT: u16 = 546;
const DHCP6_SERVER: u16 = 547;
const NTP: u16 = 123;

impl InSlot<'_> {
    fn has(&self, essential: Essential) -> bool {
        self.canonical.essentials.contains(&essential)
    }

    fn name(&self, what: &str) -> String {
        names::of(self.slot, what)
    }
}

/// Writes the chains of essentials that others jump to.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    table.chain(&generation.name("icmp"), icmp(generation));
    table.chain(&generation.name("icmp6"), icmp6(generation));
    table.chain(&generation.name("ping"), vec![rule().at_most(PINGS, PING_BURST).accept()]);
    if services(generation) {
        table.chain(&generation.name("services"), container_ports());
    }
    if generation.canonical.outbound.is_some() {
        write_resolvers(table, generation);
        table.chain(&generation.name("ess_out"), outbound(generation));
    }
}

/// The rules that `X_host` begins with.
pub(super) fn inbound(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = vec![
        rule().family(Family::V4).protocol(ICMP).jump(&generation.name("icmp")),
        rule().family(Family::V6).protocol(ICMP6).jump(&generation.name("icmp6")),
    ];
    if generation.has(Essential::DhcpClient) {
        // An answer to the address that a host is still to have does not get here. No client needs it to: without an
        // address they ask for answers by broadcast, or read them from a packet socket, before any hook.
        rules.push(rule().family(Family::V4).protocol(UDP).ports(DHCP_SERVER, DHCP_CLIENT).accept());
        rules.push(from_link_local().protocol(UDP).ports(DHCP6_SERVER, DHCP6_CLIENT).accept());
    }
    rules
}

fn from_link_local() -> Sentence {
    rule().family(Family::V6).prefix(Family::V6, Position::Source, LINK_LOCAL, 10)
}

/// ICMP of IPv4 (RFC 792): destination unreachable, time exceeded, parameter problem.
fn icmp(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if generation.has(Essential::IcmpErrors) {
        rules.extend(icmp_errors());
    }
    if generation.has(Essential::Ping) {
        rules.push(v4().icmp_type(ECHO_REQUEST).jump(&generation.name("ping")));
    }
    rules
}

fn v4() -> Sentence {
    rule().family(Family::V4).protocol(ICMP)
}

fn v6() -> Sentence {
    rule().family(Family::V6).protocol(ICMP6)
}

fn icmp_errors() -> [Rule; 2] {
    [v4().icmp_type(3).accept(), v4().icmp_types(11, 12).accept()]
}

/// ICMPv6 (RFC 4443, RFC 4861, RFC 3810), as RFC 4890 recommends for hosts.
fn icmp6(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if generation.has(Essential::IcmpErrors) {
        rules.push(v6().icmp_types(1, 4).accept());
    }
    if generation.has(Essential::NeighborDiscovery) {
        let types = v6().icmp_types(NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT);
        rules.push(types.hop_limit(NOT_FORWARDED).accept());
    }
    if generation.has(Essential::RouterAdvertisements) {
        rules.push(v6().icmp_type(ROUTER_ADVERTISEMENT).hop_limit(NOT_FORWARDED).accept());
    }
    if generation.has(Essential::MulticastListener) {
        // They carry a hop-by-hop header, so they are told by `l4proto` and not by the next header.
        let listener = || from_link_local().protocol(ICMP6);
        rules.push(listener().icmp_types(LISTENER.0, LISTENER.1).accept());
        rules.push(listener().icmp_type(LISTENER2).accept());
    }
    if generation.has(Essential::Ping) {
        rules.push(v6().icmp_type(ECHO_REQUEST6).jump(&generation.name("ping")));
    }
    rules
}

fn services(generation: &InSlot<'_>) -> bool {
    !generation.canonical.containers.is_empty() && generation.has(Essential::ContainerServices)
}

/// What containers ask of this host itself.
pub(super) fn container_services(generation: &InSlot<'_>) -> Option<Rule> {
    services(generation).then(|| rule().input_in(&generation.name("ct")).jump(&generation.name("services")))
}

fn container_ports() -> Vec<Rule> {
    let ports = [(UDP, DNS), (TCP, DNS), (UDP, DHCP_SERVER)];
    ports.map(|(protocol, port)| rule().protocol(protocol).destination_port(port).accept()).to_vec()
}

/// The answers to essentials that are asked in ways which connection tracking takes for connections.
pub(super) fn mirrored(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if generation.has(Essential::DhcpClient) {
        // A renewal goes out the way an earlier answer came in.
        let v4 = rule().family(Family::V4).protocol(UDP);
        rules.push(v4.original_ports(DHCP_SERVER, DHCP_CLIENT).accept());
        let v6 = rule().family(Family::V6).prefix(Family::V6, Position::Original, LINK_LOCAL, 10);
        rules.push(v6.protocol(UDP).original_ports(DHCP6_SERVER, DHCP6_CLIENT).accept());
    }
    if services(generation) {
        for (protocol, port) in [(UDP, DNS), (TCP, DNS), (UDP, DHCP_SERVER)] {
            let answer = rule().protocol(protocol).original_destination_port(port);
            rules.push(answer.output_in(&generation.name("ct")).accept());
        }
    }
    rules
}

fn outbound(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if generation.has(Essential::Resolvers) {
        rules.extend(resolvers(generation));
    }
    if generation.has(Essential::Time) {
        rules.push(rule().protocol(UDP).destination_port(NTP).accept());
    }
    if generation.has(Essential::DhcpClient) {
        rules.push(rule().family(Family::V4).protocol(UDP).ports(DHCP_CLIENT, DHCP_SERVER).accept());
        rules.push(rule().family(Family::V6).protocol(UDP).ports(DHCP6_CLIENT, DHCP6_SERVER).accept());
    }
    rules.extend(icmp_outbound(generation));
    rules
}

fn icmp_outbound(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if generation.has(Essential::IcmpErrors) {
        rules.extend(icmp_errors());
        rules.push(v6().icmp_types(1, 4).accept());
    }
    if generation.has(Essential::RouterAdvertisements) {
        rules.push(v6().icmp_type(ROUTER_SOLICITATION).hop_limit(NOT_FORWARDED).accept());
    }
    if generation.has(Essential::NeighborDiscovery) {
        let types = v6().icmp_types(NEIGHBOR_SOLICITATION, NEIGHBOR_ADVERTISEMENT);
        rules.push(types.hop_limit(NOT_FORWARDED).accept());
    }
    if generation.has(Essential::MulticastListener) {
        // From any source: before it has an address a host reports from `::` (RFC 3590).
        rules.push(v6().icmp_types(LISTENER.0, LISTENER.1).accept());
        rules.push(v6().icmp_type(LISTENER2).accept());
    }
    rules
}

fn resolvers(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for family in Family::BOTH {
        if generation.canonical.resolvers.iter().any(|&resolver| number(resolver).0 == family) {
            let parts = [Part::Address(family, Position::Destination), Part::Protocol, Part::DestinationPort];
            let set = names::by_family(generation.slot, "dns", family);
            rules.push(rule().family(family).parts_in(&parts, &set).accept());
        }
    }
    rules
}

fn write_resolvers(table: &mut Table, generation: &InSlot<'_>) {
    if !generation.has(Essential::Resolvers) {
        return;
    }
    for &resolver in &generation.canonical.resolvers {
        let (family, address) = number(resolver);
        let key = vec![sets::address(family), Field::Protocol, Field::Port];
        let name = names::by_family(generation.slot, "dns", family);
        let set = table.sets.entry(name).or_insert_with(|| sets::of(key, Vec::new()));
        for protocol in [TCP, UDP] {
            let mut key = address_bytes(family, address);
            key.extend([protocol, 0, 0, 0, 0, 53, 0, 0]);
            set.elements.push(Element::one(key));
        }
    }
}
