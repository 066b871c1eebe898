//! What changes packet by packet between the imported rules and a policy of ours.
//!
//! Exact for what the rules say; what was not taken over is not in the comparison and is listed with the import.

use super::{Imported, ImportedRule};
use crate::addresses::{AddressSet, Family};
use crate::compiled::Compiled;
use crate::difference::ReachInterface;
use crate::foreign::{Owner, Published};
use crate::judge::cells;
use crate::rule::icmp;
use model::plan::{InterfaceName, Traffic, Transport};
use std::collections::BTreeSet;
use std::fmt;

/// Inbound packets that are judged otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketDifference {
    /// Which way.
    pub change: Change,
    /// What they are about.
    pub traffic: Traffic,
    /// Their sources.
    pub sources: AddressSet,
    /// The interfaces that they come in by.
    pub interface: ReachInterface,
    /// What it comes from, where it is more than the rules.
    pub why: Option<String>,
}

/// Which way packets are judged otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// They were refused and are admitted.
    Opened,
    /// They were admitted and are refused.
    Closed,
}

/// Differences as a few lines: what opens comes first, and traffic of the same sources stands in one line. A long list
/// of it is cut.
#[must_use]
pub fn summary(differences: &[PacketDifference]) -> Vec<String> {
    const SHOWN: usize = 4;
    let mut groups: Vec<(&PacketDifference, Vec<String>)> = Vec::new();
    for one in differences {
        let is_alike = |other: &PacketDifference| {
            (other.change, &other.sources, &other.interface, &other.why)
                == (one.change, &one.sources, &one.interface, &one.why)
        };
        match groups.iter_mut().find(|(first, _)| is_alike(first)) {
            Some((_, traffic)) => traffic.push(one.traffic.to_string()),
            None => groups.push((one, vec![one.traffic.to_string()])),
        }
    }
    groups.sort_by_key(|(first, _)| first.change);
    let line = |(first, traffic): &(&PacketDifference, Vec<String>)| {
        let shown = if traffic.len() == SHOWN + 1 { SHOWN + 1 } else { SHOWN.min(traffic.len()) };
        let more = match traffic.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        first.said(&format!("{}{more}", traffic[..shown].join(", ")))
    };
    groups.iter().map(line).collect()
}

impl fmt::Display for PacketDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said(&self.traffic.to_string()))
    }
}

impl PacketDifference {
    /// What is said of some traffic.
    fn said(&self, traffic: &str) -> String {
        let word = match self.change {
            Change::Opened => "opened",
            Change::Closed => "closed",
        };
        let on = match &self.interface {
            ReachInterface::Every => String::new(),
            ReachInterface::Named(name) => format!(" on {name}"),
            ReachInterface::Others => " on other interfaces".to_owned(),
        };
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{word}: {traffic} from {}{on}{why}", self.sources)
    }
}

/// Every difference of inbound packets: of the rules by interface, of what the other firewall admits by itself, and of
/// ports that containers published around it.
#[must_use]
pub fn compare(old: &Imported, new: &Compiled, published: &[Published]) -> Vec<PacketDifference> {
    let inbound = &new.canonical.inbound;
    let named: BTreeSet<&InterfaceName> = inbound
        .interfaces
        .keys()
        .chain(old.rules.iter().filter_map(|rule| rule.interface.as_ref()))
        .collect();
    let mut differences = of_rules(old, new, None);
    let mut own: Vec<_> = named.iter().map(|name| of_rules(old, new, Some(name))).collect();
    for difference in &mut differences {
        let is_same = |one: &PacketDifference| {
            (one.change, one.traffic, &one.sources)
                == (difference.change, difference.traffic, &difference.sources)
        };
        if own.iter().all(|list| list.iter().any(is_same)) {
            own.iter_mut().for_each(|list| list.retain(|one| !is_same(one)));
            difference.interface = ReachInterface::Every;
        }
    }
    differences.extend(own.into_iter().flatten());
    differences.extend(built_in(old, new));
    differences.extend(published.iter().filter_map(|port| around(new, port)));
    differences
}

/// The differences of what the other firewall admits by itself, those of both families in one.
fn built_in(old: &Imported, new: &Compiled) -> Vec<PacketDifference> {
    let mut found: Vec<(&'static str, Traffic, AddressSet, Vec<String>)> = Vec::new();
    for open in &old.built_in {
        let on = open.essential.is_some_and(|essential| new.canonical.essentials.contains(&essential));
        let before = match open.destination {
            Some(address) => AddressSet::everything().only(Family::of(address)),
            None => of_family(open.traffic),
        };
        let sources = before.subtract(&admitted(new, None, open.traffic));
        if on || sources.is_empty() {
            continue;
        }
        let to = open.destination.map(|address| address.to_string());
        match found.iter_mut().find(|one| (one.0, one.1) == (open.name, open.traffic)) {
            Some(same) => {
                same.2 = same.2.union(&sources);
                same.3.extend(to);
            }
            None => found.push((open.name, open.traffic, sources, to.into_iter().collect())),
        }
    }
    let difference = |(name, traffic, sources, to): (&str, Traffic, AddressSet, Vec<String>)| {
        let to = if to.is_empty() { String::new() } else { format!(" to {}", to.join(" and ")) };
        closed(traffic, sources, format!("{name}{to}, which was admitted without a rule"))
    };
    found.into_iter().map(difference).collect()
}

fn closed(traffic: Traffic, sources: AddressSet, why: String) -> PacketDifference {
    PacketDifference {
        change: Change::Closed,
        traffic,
        sources,
        interface: ReachInterface::Every,
        why: Some(why),
    }
}

/// The difference of a published port, which the other firewall did not see.
fn around(new: &Compiled, port: &Published) -> Option<PacketDifference> {
    let transport = Transport::ALL.into_iter().find(|transport| Some(transport.number()) == port.protocol)?;
    let (first, last) = port.ports?;
    let traffic = Traffic::Ports { transport, first, last };
    let before =
        port.family.map_or_else(AddressSet::everything, |family| AddressSet::everything().only(family));
    let sources = before.subtract(&admitted(new, None, traffic));
    let why = match port.owner {
        Some(owner) if owner.is_host_firewall() => {
            format!("forwarded by {}: a forward of [nat] does the same", owner.name())
        }
        owner => {
            let owner = owner.map_or("a container", Owner::name);
            format!("published by {owner}, which the other firewall did not judge")
        }
    };
    (!sources.is_empty()).then(|| closed(traffic, sources, why))
}

/// The addresses that packets of some traffic can have.
fn of_family(traffic: Traffic) -> AddressSet {
    match traffic {
        Traffic::Icmp { v6, .. } => AddressSet::everything().only(if v6 { Family::V6 } else { Family::V4 }),
        _ => AddressSet::everything(),
    }
}

fn of_rules(old: &Imported, new: &Compiled, interface: Option<&InterfaceName>) -> Vec<PacketDifference> {
    let rules: Vec<&ImportedRule> = old
        .rules
        .iter()
        .filter(|rule| rule.interface.is_none() || rule.interface.as_ref() == interface)
        .collect();
    let mut differences: Vec<PacketDifference> = Vec::new();
    for change in [Change::Opened, Change::Closed] {
        for traffic in pieces(&rules, new) {
            let before = before(old, &rules, traffic);
            let after = admitted(new, interface, traffic);
            let sources = match change {
                Change::Opened => after.subtract(&before),
                Change::Closed => before.subtract(&after),
            };
            if sources.is_empty() {
                continue;
            }
            let why = (traffic == Traffic::All).then(|| "protocols that no rule names".to_owned());
            let interface = interface.cloned().map_or(ReachInterface::Others, ReachInterface::Named);
            let difference = PacketDifference { change, traffic, sources, interface, why };
            match differences.last_mut() {
                Some(last) if last.joins(&difference) => last.extend(traffic),
                _ => differences.push(difference),
            }
        }
    }
    differences
}

impl PacketDifference {
    /// Whether the other one begins where this one ends.
    fn joins(&self, other: &Self) -> bool {
        let next = match (self.traffic, other.traffic) {
            (Traffic::Ports { transport, last, .. }, Traffic::Ports { transport: same, first, .. }) => {
                transport == same && last.checked_add(1) == Some(first)
            }
            (Traffic::Icmp { v6, last, .. }, Traffic::Icmp { v6: same, first, .. }) => {
                v6 == same && last.checked_add(1) == Some(first)
            }
            _ => false,
        };
        next && self.change == other.change && self.sources == other.sources
    }

    fn extend(&mut self, by: Traffic) {
        match (&mut self.traffic, by) {
            (Traffic::Ports { last, .. }, Traffic::Ports { last: end, .. })
            | (Traffic::Icmp { last, .. }, Traffic::Icmp { last: end, .. }) => *last = end,
            _ => {}
        }
    }
}

/// The sources that the imported rules admit to traffic that lies within one piece.
fn before(old: &Imported, rules: &[&ImportedRule], piece: Traffic) -> AddressSet {
    let about = |rule: &&&ImportedRule| rule.traffic.iter().any(|traffic| holds(*traffic, piece));
    let admitted = rules.iter().filter(about).fold(AddressSet::empty(), |set, rule| set.union(&rule.peers));
    admitted.subtract(&old.deny).intersect(&of_family(piece))
}

/// Whether a piece of traffic is a part of other traffic.
pub(super) fn holds(traffic: Traffic, piece: Traffic) -> bool {
    match (traffic, piece) {
        (Traffic::All, _) => true,
        (
            Traffic::Ports { transport, first, last },
            Traffic::Ports { transport: same, first: start, last: end },
        ) => transport == same && first <= start && end <= last,
        (Traffic::Icmp { v6, first, last }, Traffic::Icmp { v6: same, first: start, last: end }) => {
            v6 == same && first <= start && end <= last
        }
        (one, other) => one == other,
    }
}

/// The sources that the new policy admits to traffic within one piece, with or without a limit.
fn admitted(new: &Compiled, interface: Option<&InterfaceName>, piece: Traffic) -> AddressSet {
    let canonical = &new.canonical;
    let matrix = interface.map_or(&canonical.inbound.elsewhere, |name| canonical.inbound.matrix(name));
    let of = |family: Family| {
        let (protocol, key) = match piece {
            Traffic::All => (u8::MAX, 0),
            Traffic::Ports { transport, first, .. } => (transport.number(), first),
            Traffic::Icmp { v6, first, .. } if v6 == (family == Family::V6) => (icmp(family), first),
            Traffic::Icmp { .. } => return AddressSet::empty(),
            Traffic::Protocol(number) => (number, 0),
        };
        let peers = cells(matrix, family, protocol, key);
        AddressSet::from_intervals(peers.iter().map(|cell| (family, cell.first, cell.last)))
    };
    let denied = Family::BOTH.iter().flat_map(|&family| {
        let half = if family == Family::V4 { &canonical.denied.v4 } else { &canonical.denied.v6 };
        half.iter().map(move |&(first, last)| (family, first, last))
    });
    of(Family::V4).union(&of(Family::V6)).subtract(&AddressSet::from_intervals(denied))
}

/// Traffic that neither side splits further.
fn pieces(rules: &[&ImportedRule], new: &Compiled) -> Vec<Traffic> {
    let old = || rules.iter().flat_map(|rule| &rule.traffic);
    let inbound = &new.canonical.inbound;
    let matrices: Vec<_> = std::iter::once(&inbound.elsewhere).chain(inbound.interfaces.values()).collect();
    let keyed = |protocol: u8| {
        let halves = matrices.iter().flat_map(|matrix| [&matrix.v4, &matrix.v6]);
        let cells = halves.filter_map(move |half| half.keyed.get(&protocol)).flatten();
        cells.map(|cell| (cell.first, cell.last)).collect::<Vec<_>>()
    };
    let mut pieces = Vec::new();
    for transport in Transport::ALL {
        let mut ends = keyed(transport.number());
        ends.extend(old().filter_map(|traffic| match *traffic {
            Traffic::Ports { transport: own, first, last } if own == transport => Some((first, last)),
            _ => None,
        }));
        pieces.extend(super::ordered::pieces(1, ends.into_iter()).map(|(first, last)| Traffic::Ports {
            transport,
            first,
            last,
        }));
    }
    for (v6, protocol) in [(false, 1), (true, 58)] {
        let mut ends = keyed(protocol);
        ends.extend(old().filter_map(|traffic| match *traffic {
            Traffic::Icmp { v6: own, first, last } if own == v6 => Some((first, last)),
            _ => None,
        }));
        pieces.extend(super::ordered::pieces(0, ends.into_iter()).map(|(first, last)| Traffic::Icmp {
            v6,
            first,
            last,
        }));
    }
    let halves = matrices.iter().flat_map(|matrix| [&matrix.v4, &matrix.v6]);
    let mut plain: BTreeSet<u8> = halves.flat_map(|half| half.plain.keys().copied()).collect();
    plain
        .extend(old().filter_map(
            |traffic| if let Traffic::Protocol(number) = traffic { Some(*number) } else { None },
        ));
    pieces.extend(plain.into_iter().map(Traffic::Protocol));
    // Every other protocol.
    pieces.push(Traffic::All);
    pieces
}
