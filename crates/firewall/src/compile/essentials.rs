//! Traffic without which a host does not work, as far as the policy leaves it on.

use super::rule::{ICMP, ICMP6, Part, Position, Sentence, UDP, address_bytes, number, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::essentials::{LINK_LOCAL, PASSAGES, Passage, PassagePeers};
use crate::nft::{Element, Field, Rule, Table};
use model::plan::Essential;

/// RFC 4861, 6.1 and 7.1: what a router has forwarded has less.
const NOT_FORWARDED: u8 = 255;
/// Echo requests a second, of both families together.
const PINGS: u64 = 20;
const PING_BURST: u32 = 20;

impl InSlot<'_> {
    fn has(&self, essential: Essential) -> bool {
        self.canonical.essentials.contains(&essential)
    }

    fn name(&self, what: &str) -> String {
        names::of(self.slot, what)
    }

    /// The passages of a direction that are on.
    fn passages(&self, outbound: bool) -> impl Iterator<Item = &'static Passage> {
        PASSAGES.iter().filter(move |one| one.outbound == outbound && self.has(one.essential))
    }
}

/// Writes the chains of essentials that others jump to.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    for (name, protocol) in [("icmp", ICMP), ("icmp6", ICMP6)] {
        let passages = generation.passages(false).filter(|one| one.protocol == protocol);
        table.chain(&generation.name(name), passages.map(|one| passes(generation, one)).collect());
    }
    table.chain(&generation.name("ping"), vec![rule().at_most(PINGS, PING_BURST).accept()]);
    if services(generation) {
        let passages = of(generation, Essential::ContainerServices);
        table.chain(&generation.name("services"), passages.map(|one| passes(generation, one)).collect());
    }
    if generation.canonical.outbound.is_some() {
        write_resolvers(table, generation);
        table.chain(&generation.name("ess_out"), outbound(generation));
    }
}

/// The passages to this host of an essential that is on.
fn of(generation: &InSlot<'_>, essential: Essential) -> impl Iterator<Item = &'static Passage> {
    generation.passages(false).filter(move |one| one.essential == essential)
}

/// The rule that lets through what a passage is about.
fn passes(generation: &InSlot<'_>, passage: &Passage) -> Rule {
    let sentence = sentence(passage);
    match passage.essential {
        Essential::NeighborDiscovery | Essential::RouterAdvertisements => {
            sentence.hop_limit(NOT_FORWARDED).accept()
        }
        Essential::Ping => sentence.jump(&generation.name("ping")),
        _ => sentence.accept(),
    }
}

/// What a passage is about. ICMPv6 is told by `l4proto` and not by the next header: reports of listeners carry a hop-by-hop
/// header.
fn sentence(passage: &Passage) -> Sentence {
    let of_family = match passage.family {
        Some(family) => rule().family(family),
        None => rule(),
    };
    let peers = match passage.peers {
        PassagePeers::LinkLocal => {
            of_family.prefix(Family::V6, Position::Source, LINK_LOCAL.0, LINK_LOCAL_BITS)
        }
        // The rule that leads to the chain tells containers, and a set the resolvers.
        PassagePeers::Anyone | PassagePeers::Containers | PassagePeers::Resolvers => of_family,
    };
    let sentence = peers.protocol(passage.protocol);
    match (passage.protocol, passage.source_port) {
        (ICMP | ICMP6, _) => {
            let ([first, _], [last, _]) = (passage.keys.0.to_be_bytes(), passage.keys.1.to_be_bytes());
            if first == last { sentence.icmp_type(first) } else { sentence.icmp_types(first, last) }
        }
        (_, Some(source)) => sentence.ports(source, passage.keys.0),
        (_, None) => sentence.destination_port(passage.keys.0),
    }
}

/// `fe80::/10`.
const LINK_LOCAL_BITS: u8 = 10;

/// The rules that `X_host` begins with.
///
/// An answer of DHCP to the address that a host is still to have does not get here. No client needs it to: without an
/// address they ask for answers by broadcast, or read them from a packet socket, before any hook.
pub(super) fn inbound(generation: &InSlot<'_>) -> Vec<Rule> {
    let icmp = [(Family::V4, ICMP, "icmp"), (Family::V6, ICMP6, "icmp6")].map(|(family, protocol, chain)| {
        rule().family(family).protocol(protocol).jump(&generation.name(chain))
    });
    let dhcp = of(generation, Essential::DhcpClient).map(|one| passes(generation, one));
    icmp.into_iter().chain(dhcp).collect()
}

fn services(generation: &InSlot<'_>) -> bool {
    !generation.canonical.containers.is_empty() && generation.has(Essential::ContainerServices)
}

/// What containers ask of this host itself.
pub(super) fn container_services(generation: &InSlot<'_>) -> Option<Rule> {
    services(generation).then(|| rule().input_in(&generation.name("ct")).jump(&generation.name("services")))
}

/// The answers to essentials that are asked in ways which connection tracking takes for connections. A renewal of DHCP
/// goes out the way an earlier answer came in.
pub(super) fn mirrored(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for passage in of(generation, Essential::DhcpClient) {
        let (Some(family), Some(source)) = (passage.family, passage.source_port) else { continue };
        let answer = rule().family(family);
        let answer = match passage.peers {
            PassagePeers::LinkLocal => {
                answer.prefix(family, Position::Original, LINK_LOCAL.0, LINK_LOCAL_BITS)
            }
            _ => answer,
        };
        rules.push(answer.protocol(UDP).original_ports(source, passage.keys.0).accept());
    }
    for passage in of(generation, Essential::ContainerServices).filter(|_| services(generation)) {
        let answer = rule().protocol(passage.protocol).original_destination_port(passage.keys.0);
        rules.push(answer.output_in(&generation.name("ct")).accept());
    }
    rules
}

fn outbound(generation: &InSlot<'_>) -> Vec<Rule> {
    let others = generation.passages(true).filter(|one| one.essential != Essential::Resolvers);
    let mut rules = resolvers(generation);
    rules.extend(others.map(|one| passes(generation, one)));
    rules
}

fn resolvers(generation: &InSlot<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for family in Family::BOTH {
        let is_of = |resolver| number(resolver).0 == family;
        if generation.has(Essential::Resolvers) && generation.canonical.resolvers.iter().copied().any(is_of) {
            let parts = [Part::Address(family, Position::Destination), Part::Protocol, Part::DestinationPort];
            let set = names::by_family(generation.slot, "dns", family);
            rules.push(rule().family(family).parts_in(&parts, &set).accept());
        }
    }
    rules
}

fn write_resolvers(table: &mut Table, generation: &InSlot<'_>) {
    for passage in generation.passages(true).filter(|one| one.essential == Essential::Resolvers) {
        for &resolver in &generation.canonical.resolvers {
            let (family, address) = number(resolver);
            let key = vec![sets::address(family), Field::Protocol, Field::Port];
            let name = names::by_family(generation.slot, "dns", family);
            let set = table.sets.entry(name).or_insert_with(|| sets::of(key, Vec::new()));
            let [high, low] = passage.keys.0.to_be_bytes();
            let mut key = address_bytes(family, address);
            key.extend([passage.protocol, 0, 0, 0, high, low, 0, 0]);
            set.elements.push(Element::one(key));
        }
    }
}
