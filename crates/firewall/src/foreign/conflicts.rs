//! Rules of ours that a foreign chain defeats: a drop anywhere is final, so we can only subtract from what others allow.
//!
//! Each rule is asked with a few representative packets, not with every one; what they show is certain, what they do
//! not show may still be there.

use super::judge::Judge;
use super::{Facts, ForeignTable, Judgement, Place};
use crate::addresses::{Family, Intervals, number};
use crate::compiled::Compiled;
use crate::observed::{InterfaceKind, Observed};
use crate::packet::{Packet, Way};
use crate::rule::{Direction, RuleView, icmp};
use model::plan::{InterfaceName, RuleId, Traffic};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A rule of ours that foreign tables defeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The rule.
    pub rule: RuleId,
    /// What it is about, as it was written.
    pub label: String,
    /// A packet that the rule admits and the table drops.
    pub packet: Packet,
    /// Where it is dropped.
    pub place: Place,
    /// Whether it is dropped in any case, or only depending on what is not known.
    pub certain: bool,
    /// Whether every packet that was tried with this rule is dropped, or some.
    pub whole: bool,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rule {} ({})", self.place, self.verb(), self.rule, self.label)
    }
}

impl Conflict {
    /// What the place does to the rule, as a verb.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match (self.certain, self.whole) {
            (true, true) => "defeats",
            (true, false) => "defeats part of",
            (false, _) => "may defeat",
        }
    }
}

/// The conflicts of inbound rules, at most one a rule and family, in the order of the rules.
#[must_use]
pub fn conflicts(compiled: &Compiled, tables: &[ForeignTable], facts: &Facts<'_>) -> Vec<Conflict> {
    let judge = Judge::new(tables);
    let inbound = compiled.rules.iter().filter(|rule| rule.direction == Direction::Inbound);
    let each = inbound.flat_map(|rule| Family::BOTH.map(|family| (rule, family)));
    each.filter_map(|(rule, family)| conflict(compiled, rule, family, &judge, facts)).collect()
}

fn conflict(
    compiled: &Compiled,
    rule: &RuleView,
    family: Family,
    judge: &Judge<'_>,
    facts: &Facts<'_>,
) -> Option<Conflict> {
    let packets = representatives(rule, family, facts.observed);
    let tracked = Facts { untracked: false, ..facts.clone() };
    let untracked = Facts { untracked: true, ..facts.clone() };
    let administration = &compiled.canonical.administration;
    let verdicts = packets.iter().map(|packet| {
        let ours = packet.protocol == 6 && administration.contains(&packet.key);
        (packet, judge.packet(packet, if ours { &untracked } else { &tracked }))
    });
    let found: Vec<(&Packet, Place, bool)> = verdicts
        .filter_map(|(packet, judgement)| match judgement {
            Judgement::Passes => None,
            Judgement::Dropped(place) => Some((packet, place, true)),
            Judgement::Unknown(place) => Some((packet, place, false)),
        })
        .collect();
    let dropped = found.iter().filter(|(_, _, certain)| *certain).count();
    let (packet, place, certain) = found.into_iter().max_by_key(|(_, _, certain)| *certain)?;
    let whole = if certain { dropped == packets.len() } else { false };
    Some(Conflict {
        rule: rule.id.clone(),
        label: rule.label.clone(),
        packet: packet.clone(),
        place,
        certain,
        whole,
    })
}

/// A few packets of a family that a rule admits: the ends of each of its ports' intervals, from a few sources.
fn representatives(rule: &RuleView, family: Family, observed: Option<&Observed>) -> Vec<Packet> {
    let Some((interface, destination)) = arrival(rule, family, observed) else { return Vec::new() };
    let mut packets = Vec::new();
    for source in sources(rule.peers.of(family), family) {
        for (protocol, key) in keys(rule, family) {
            packets.push(Packet {
                way: Way::In,
                interface: interface.clone(),
                source,
                destination,
                protocol,
                key,
                source_port: if matches!(protocol, 6 | 17 | 33 | 132 | 136) { 50_000 } else { 0 },
                opens: true,
                user: None,
            });
        }
    }
    packets
}

/// Where packets of a rule arrive: the interface, and an own address; `None` where the host has none of the family.
fn arrival(rule: &RuleView, family: Family, observed: Option<&Observed>) -> Option<(InterfaceName, IpAddr)> {
    let documentation: IpAddr = match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let named = |interface: &Option<InterfaceName>| {
        interface.clone().unwrap_or_else(|| InterfaceName("eth0".to_owned()))
    };
    let Some(observed) = observed.filter(|observed| !observed.interfaces.is_empty()) else {
        return Some((named(&rule.interface), documentation));
    };
    let mut usable = observed.interfaces.iter().filter(|interface| match &rule.interface {
        Some(name) => interface.name == *name,
        None => matches!(interface.kind, InterfaceKind::Other | InterfaceKind::Vrf),
    });
    usable.find_map(|interface| {
        let address =
            interface.addresses.iter().map(ipnet::IpNet::addr).find(|a| Family::of(*a) == family)?;
        Some((interface.name.clone(), address))
    })
}

/// A few sources: one of the internet where it is admitted, else the ends of the first interval.
fn sources(admitted: &Intervals, family: Family) -> Vec<IpAddr> {
    /// Addresses of no meaning here; lists of bogus sources, which foreign tables may have, do not hold them.
    const INTERNET: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(93, 184, 216, 34)),
        IpAddr::V6(Ipv6Addr::new(0x2606, 0x2800, 0x220, 1, 0, 0, 0, 0x22)),
    ];
    let internet = INTERNET.into_iter().filter(|address| Family::of(*address) == family);
    let mut sources: Vec<IpAddr> = internet.filter(|address| admitted.contains(number(*address))).collect();
    if sources.is_empty() {
        for (first, last) in admitted.iter().take(2) {
            // The first and the last address of a prefix are often not a host's.
            let (low, high) = if last - first > 2 { (first + 1, last - 1) } else { (first, last) };
            sources.extend([family.address(low), family.address(high)]);
        }
        sources.dedup();
    }
    sources
}

/// Protocols and keys: the ends of each interval.
fn keys(rule: &RuleView, family: Family) -> Vec<(u8, u16)> {
    let mut keys = Vec::new();
    for traffic in &rule.traffic {
        match *traffic {
            Traffic::All => keys.extend([(6, 443), (17, 443), (icmp(family), 8 << 8)]),
            Traffic::Ports { transport, first, last } => {
                keys.extend([(transport.number(), first), (transport.number(), last)]);
            }
            Traffic::Icmp { v6, first, .. } if v6 == (family == Family::V6) => {
                keys.push((icmp(family), first));
            }
            Traffic::Icmp { .. } => {}
            Traffic::Protocol(number) => keys.push((number, 0)),
        }
    }
    keys.dedup();
    keys
}
