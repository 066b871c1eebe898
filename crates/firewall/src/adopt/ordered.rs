//! Rules where the first match decides, turned into the set that allow-only rules say.
//!
//! Each rule contributes what it matches and no earlier one denied or limited, so a limit stays with the packets that it
//! was for; what an earlier one admits anyway may be said again, because that keeps a rule whole. What cannot be said
//! without "except" is returned as lost, never widened.

use super::ImportedRule;
use crate::addresses::AddressSet;
use model::plan::{InterfaceName, RuleLimit, Traffic, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// A rule in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    /// Whether it admits, and how.
    pub(super) allow: bool,
    pub(super) limit: Option<RuleLimit>,
    /// What it is about; never empty.
    pub(super) traffic: Vec<Traffic>,
    pub(super) peers: AddressSet,
    pub(super) interface: Option<InterfaceName>,
    pub(super) note: Option<String>,
}

/// The allow-only form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) rules: Vec<ImportedRule>,
    /// Places in the order of rules that lose a part, and what is lost.
    pub(super) lost: Vec<(usize, &'static str)>,
}

/// Traffic that every rule either matches wholly or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    One(Traffic),
    /// Every protocol without ports that is not named.
    Rest,
}

/// Protocols without ports that stand for the rest, where it cannot be said as `all`: IGMP, IP in IP, IPv6 in IPv4, GRE,
/// ESP, AH, OSPF, PIM, VRRP, L2TP.
const REST: [u8; 10] = [2, 4, 41, 47, 50, 51, 89, 103, 112, 115];

/// Turns an order into a set. `interfaces` are those of the machine, which a denial for one of them is written with.
pub(super) fn allowed(rules: &[Ordered], interfaces: &[InterfaceName]) -> Allowed {
    let cells = cells(rules);
    let named: BTreeSet<&InterfaceName> = rules.iter().filter_map(|rule| rule.interface.as_ref()).collect();
    let elsewhere = contributions(rules, &cells, None);
    let own: BTreeMap<&InterfaceName, Shares> =
        named.iter().map(|name| (*name, contributions(rules, &cells, Some(name)))).collect();
    let mut result = Pieces::default();
    let nothing = Share::new();
    let useful: BTreeSet<usize> =
        own.values().chain([&elsewhere]).flat_map(|shares| &shares.useful).copied().collect();
    for (index, rule) in useful.into_iter().filter_map(|index| Some((index, rules.get(index)?))) {
        let start = elsewhere.of.get(&index).cloned().unwrap_or_default();
        let everywhere =
            own.values().fold(start, |share, shares| meet(&share, shares.of.get(&index).unwrap_or(&nothing)));
        result.emit(index, rule, None, &everywhere, &cells);
        // Where a rule adds nothing to what others admit, it need not be said again.
        for (name, shares) in own.iter().filter(|(_, shares)| shares.useful.contains(&index)) {
            let more = less(shares.of.get(&index).unwrap_or(&nothing), &everywhere);
            result.emit(index, rule, Some(name), &more, &cells);
        }
        let rest = less(elsewhere.of.get(&index).unwrap_or(&nothing), &everywhere);
        if rest.is_empty() || !elsewhere.useful.contains(&index) {
            continue;
        }
        let others: Vec<_> =
            interfaces.iter().filter(|name| !named.contains(name) && name.0 != "lo").collect();
        for name in &others {
            result.emit(index, rule, Some(name), &rest, &cells);
        }
        if interfaces.is_empty() {
            result
                .lost
                .push((index, "an earlier rule denies it on one interface, and the others are not known"));
        }
    }
    result.lost.dedup();
    Allowed { rules: joined(result.rules), lost: result.lost }
}

/// Rules in pieces, each about one interval of traffic, with the place of the rule that they are of.
#[derive(Default)]
struct Pieces {
    rules: Vec<(usize, ImportedRule)>,
    lost: Vec<(usize, &'static str)>,
}

/// Sources by cell; never empty ones.
type Share = BTreeMap<Cell, AddressSet>;

/// What each rule contributes on an interface.
#[derive(Default)]
struct Shares {
    of: BTreeMap<usize, Share>,
    /// Rules that admit what no earlier one does.
    useful: BTreeSet<usize>,
}

fn contributions(rules: &[Ordered], cells: &[Cell], interface: Option<&InterfaceName>) -> Shares {
    let mut shares = Shares::default();
    let about: Vec<(usize, &Ordered)> = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| rule.interface.is_none() || rule.interface.as_ref() == interface)
        .collect();
    for cell in cells {
        let (mut undecided, mut open) = (AddressSet::everything(), AddressSet::empty());
        for (index, rule) in about.iter().filter(|(_, rule)| rule.matches(*cell)) {
            let decided = rule.peers.intersect(&undecided);
            if rule.allow {
                let share = decided.union(&rule.peers.intersect(&open));
                if !decided.is_empty() {
                    shares.useful.insert(*index);
                }
                if !share.is_empty() {
                    shares.of.entry(*index).or_default().insert(*cell, share);
                }
                if rule.limit.is_none() {
                    open = open.union(&decided);
                }
            }
            undecided = undecided.subtract(&decided);
        }
    }
    shares
}

fn meet(one: &Share, other: &Share) -> Share {
    let both = one.iter().filter_map(|(cell, peers)| Some((*cell, peers.intersect(other.get(cell)?))));
    both.filter(|(_, peers)| !peers.is_empty()).collect()
}

fn less(one: &Share, other: &Share) -> Share {
    let nobody = AddressSet::empty();
    let left = one.iter().map(|(cell, peers)| (*cell, peers.subtract(other.get(cell).unwrap_or(&nobody))));
    left.filter(|(_, peers)| !peers.is_empty()).collect()
}

/// The cells that the rules' traffic makes, those of one protocol in ascending order.
fn cells(rules: &[Ordered]) -> Vec<Cell> {
    let traffic = || rules.iter().flat_map(|rule| &rule.traffic);
    let mut cells = Vec::new();
    for transport in Transport::ALL {
        let own = traffic().filter_map(|traffic| match *traffic {
            Traffic::Ports { transport: own, first, last } if own == transport => Some((first, last)),
            _ => None,
        });
        // No packet that matters has port 0, and no rule can name it.
        cells
            .extend(pieces(1, own).map(|(first, last)| Cell::One(Traffic::Ports { transport, first, last })));
    }
    for v6 in [false, true] {
        let own = traffic().filter_map(|traffic| match *traffic {
            Traffic::Icmp { v6: own, first, last } if own == v6 => Some((first, last)),
            _ => None,
        });
        cells.extend(pieces(0, own).map(|(first, last)| Cell::One(Traffic::Icmp { v6, first, last })));
    }
    let named: BTreeSet<u8> = traffic()
        .filter_map(|traffic| if let Traffic::Protocol(number) = traffic { Some(*number) } else { None })
        .collect();
    cells.extend(named.into_iter().map(|number| Cell::One(Traffic::Protocol(number))));
    cells.push(Cell::Rest);
    cells
}

/// The intervals between all ends.
pub(super) fn pieces(
    start: u16,
    intervals: impl Iterator<Item = (u16, u16)>,
) -> impl Iterator<Item = (u16, u16)> {
    let mut starts: BTreeSet<u32> = BTreeSet::from([u32::from(start), 0x1_0000]);
    for (first, last) in intervals {
        starts.extend([u32::from(first.max(start)), u32::from(last) + 1]);
    }
    let ends: Vec<u32> = starts.iter().copied().skip(1).collect();
    starts
        .into_iter()
        .zip(ends)
        .filter_map(|(first, next)| Some((u16::try_from(first).ok()?, u16::try_from(next - 1).ok()?)))
}

impl Ordered {
    fn matches(&self, cell: Cell) -> bool {
        self.traffic.iter().any(|traffic| match (*traffic, cell) {
            (Traffic::All, _) => true,
            (_, Cell::Rest) => false,
            (traffic, Cell::One(cell)) => contains(traffic, cell),
        })
    }
}

/// Whether traffic holds all of a cell's.
fn contains(traffic: Traffic, cell: Traffic) -> bool {
    match (traffic, cell) {
        (
            Traffic::Ports { transport, first, last },
            Traffic::Ports { transport: other, first: from, last: to },
        ) => transport == other && first <= from && to <= last,
        (Traffic::Icmp { v6, first, last }, Traffic::Icmp { v6: other, first: from, last: to }) => {
            v6 == other && first <= from && to <= last
        }
        (one, other) => one == other,
    }
}

impl Pieces {
    /// Adds the rules that say a share.
    fn emit(
        &mut self,
        index: usize,
        rule: &Ordered,
        interface: Option<&InterfaceName>,
        share: &Share,
        cells: &[Cell],
    ) {
        let mut groups: Vec<(&AddressSet, Vec<Cell>)> = Vec::new();
        for (cell, peers) in cells.iter().filter_map(|cell| Some((*cell, share.get(cell)?))) {
            match groups.iter_mut().find(|(group, _)| *group == peers) {
                Some((_, cells)) => cells.push(cell),
                None => groups.push((peers, vec![cell])),
            }
        }
        let matched = cells.iter().filter(|cell| rule.matches(**cell)).count();
        for (peers, group) in groups {
            let traffic = if group.len() == matched {
                rule.traffic.clone()
            } else {
                if group.contains(&Cell::Rest) {
                    self.lost.push((index, "protocols that are rare: all of them but some cannot be said"));
                }
                traffic(&group, cells)
            };
            self.rules.extend(traffic.into_iter().map(|traffic| {
                let piece = ImportedRule {
                    traffic: vec![traffic],
                    peers: peers.clone(),
                    interface: interface.cloned(),
                    limit: rule.limit,
                    note: rule.note.clone(),
                };
                (index, piece)
            }));
        }
    }
}

/// Cells as traffic, neighbours joined.
fn traffic(group: &[Cell], cells: &[Cell]) -> Vec<Traffic> {
    let mut list: Vec<Traffic> = Vec::new();
    for cell in group {
        match (list.last_mut(), *cell) {
            (
                Some(Traffic::Ports { transport, last, .. }),
                Cell::One(Traffic::Ports { transport: next, first, last: end }),
            ) if *transport == next && first.checked_sub(1) == Some(*last) => *last = end,
            (
                Some(Traffic::Icmp { v6, last, .. }),
                Cell::One(Traffic::Icmp { v6: next, first, last: end }),
            ) if *v6 == next && first.checked_sub(1) == Some(*last) => {
                *last = end;
            }
            (_, Cell::One(traffic)) => list.push(traffic),
            (_, Cell::Rest) => {
                let free = |number: &u8| !cells.contains(&Cell::One(Traffic::Protocol(*number)));
                list.extend(REST.into_iter().filter(free).map(Traffic::Protocol));
            }
        }
    }
    list
}

/// Pieces that differ in their peers alone become one, so do those of IPv4 and IPv6; then those of one rule that have
/// the same peers.
fn joined(pieces: Vec<(usize, ImportedRule)>) -> Vec<ImportedRule> {
    let mut peers: Vec<(usize, ImportedRule)> = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces {
        let same =
            |(_, other): &&mut (usize, ImportedRule)| other.traffic == piece.traffic && other.is_like(&piece);
        match peers.iter_mut().find(same) {
            Some((_, other)) => other.peers = other.peers.union(&piece.peers),
            None => peers.push((index, piece)),
        }
    }
    let mut rules: Vec<(usize, ImportedRule)> = Vec::with_capacity(peers.len());
    for (index, piece) in peers {
        let same = |(of, other): &&mut (usize, ImportedRule)| {
            *of == index && other.peers == piece.peers && other.is_like(&piece)
        };
        match rules.iter_mut().find(same) {
            Some((_, other)) => other.traffic.extend(piece.traffic),
            None => rules.push((index, piece)),
        }
    }
    rules.into_iter().map(|(_, rule)| rule).collect()
}

impl ImportedRule {
    /// Whether nothing but traffic and peers differs.
    fn is_like(&self, other: &Self) -> bool {
        (&self.interface, &self.limit, &self.note) == (&other.interface, &other.limit, &other.note)
    }
}
