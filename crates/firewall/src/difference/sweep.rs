//! Set arithmetic on two canonical forms of one direction.

use super::{Change, Reach, ReachInterface, ReachProtocol};
use crate::addresses::{AddressSet, Family};
use crate::canonical::{Canonical, Directed, Facts, KEYED, Matrix, PeerCell};
use crate::judge::cells;
use crate::rule::{Direction, RuleView, icmp};
use model::plan::{InterfaceName, Traffic};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What changes from one form to another; `None` admits everything.
pub(super) fn change(direction: Direction, old: Option<&Directed>, new: Option<&Directed>) -> Change {
    if old == new {
        return Change::default();
    }
    let all = everything();
    let (old, new) = (old.unwrap_or(&all), new.unwrap_or(&all));
    let named: BTreeSet<&InterfaceName> = old.interfaces.keys().chain(new.interfaces.keys()).collect();
    let elsewhere = parts(&old.elsewhere, &new.elsewhere);
    let own: Vec<(&InterfaceName, Parts)> =
        named.into_iter().map(|name| (name, parts(old.matrix(name), new.matrix(name)))).collect();
    // What all interfaces share is said once.
    let shared = own
        .iter()
        .fold(elsewhere.clone(), |shared, (_, parts)| combine(&shared, parts, AddressSet::intersect));
    let mut change = Change::default();
    let rest = combine(&elsewhere, &shared, unless_covered);
    for (name, parts) in own {
        let rest = combine(&parts, &shared, unless_covered);
        add(&mut change, direction, &ReachInterface::Named(name.clone()), rest);
    }
    add(&mut change, direction, &ReachInterface::Others, rest);
    let mut all = Change::default();
    add(&mut all, direction, &ReachInterface::Every, shared);
    all.opened.append(&mut change.opened);
    all.closed.append(&mut change.closed);
    all.conditions.append(&mut change.conditions);
    all
}

/// The form that admits everything.
fn everything() -> Directed {
    let rule = RuleView { traffic: vec![Traffic::All], ..crate::canonical::sshd(0) };
    let mut form = Canonical::of(&[rule], Facts::default()).erased();
    std::mem::take(&mut form.inbound)
}

/// Disjoint intervals of keys that cover all of them, and addresses for each.
type Slices = Vec<(u16, u16, AddressSet)>;

/// What is admitted to some packets of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    keyed: BTreeMap<u8, Slices>,
    plain: BTreeMap<u8, AddressSet>,
    rest: AddressSet,
    every: AddressSet,
}

/// Opened, closed, and admitted under other conditions.
type Parts = [Part; 3];

fn parts(old: &Matrix, new: &Matrix) -> Parts {
    let mut parts = Parts::default();
    if old == new {
        return parts;
    }
    for protocol in KEYED.into_iter().chain(Family::BOTH.map(icmp)) {
        for (first, last) in slices(protocol, [old, new]) {
            let changes = compare(
                |family| keyed(old, family, protocol, first),
                |family| keyed(new, family, protocol, first),
            );
            for (part, peers) in parts.iter_mut().zip(changes) {
                push(part.keyed.entry(protocol).or_default(), first, last, peers);
            }
        }
    }
    for protocol in named(old).union(&named(new)) {
        let changes =
            compare(|family| cells(old, family, *protocol, 0), |family| cells(new, family, *protocol, 0));
        for (part, peers) in parts.iter_mut().zip(changes) {
            part.plain.insert(*protocol, peers);
        }
    }
    let rest = compare(|family| &old.of(family).rest, |family| &new.of(family).rest);
    for (part, peers) in parts.iter_mut().zip(rest) {
        part.rest = peers;
    }
    parts
}

/// Who is admitted to a key; the ICMP of the other family has none and is a protocol like any other there.
fn keyed(matrix: &Matrix, family: Family, protocol: u8, key: u16) -> &[PeerCell] {
    if matrix.of(family).keyed.contains_key(&protocol) { cells(matrix, family, protocol, key) } else { &[] }
}

/// Protocols without ports that a matrix names.
fn named(matrix: &Matrix) -> BTreeSet<u8> {
    Family::BOTH.iter().flat_map(|&family| matrix.of(family).plain.keys().copied()).collect()
}

/// Intervals of keys in which neither matrix changes.
fn slices(protocol: u8, matrices: [&Matrix; 2]) -> Vec<(u16, u16)> {
    let mut starts = BTreeSet::from([0]);
    for matrix in matrices {
        for family in Family::BOTH {
            for cell in matrix.of(family).keyed.get(&protocol).into_iter().flatten() {
                starts.insert(cell.first);
                starts.extend(cell.last.checked_add(1));
            }
        }
    }
    let ends: Vec<u16> = starts.iter().skip(1).map(|start| start - 1).chain([u16::MAX]).collect();
    starts.into_iter().zip(ends).collect()
}

/// Opened, closed, and admitted under other conditions.
fn compare<'a>(
    old: impl Fn(Family) -> &'a [PeerCell],
    new: impl Fn(Family) -> &'a [PeerCell],
) -> [AddressSet; 3] {
    if Family::BOTH.iter().all(|&family| old(family) == new(family)) {
        return Default::default();
    }
    let addresses = |cells: &dyn Fn(Family) -> &'a [PeerCell]| {
        AddressSet::from_intervals(
            Family::BOTH
                .into_iter()
                .flat_map(|family| cells(family).iter().map(move |cell| (family, cell.first, cell.last))),
        )
    };
    let (was, is) = (addresses(&old), addresses(&new));
    let differs = AddressSet::from_intervals(Family::BOTH.into_iter().flat_map(|family| {
        differing(old(family), new(family)).into_iter().map(move |(first, last)| (family, first, last))
    }));
    [is.subtract(&was), was.subtract(&is), differs]
}

/// Addresses that both admit, each in another way.
fn differing(old: &[PeerCell], new: &[PeerCell]) -> Vec<(u128, u128)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut differing = Vec::new();
    while let (Some(a), Some(b)) = (old.peek(), new.peek()) {
        let (first, last) = (a.first.max(b.first), a.last.min(b.last));
        if first <= last && a.admission != b.admission {
            differing.push((first, last));
        }
        if a.last < b.last {
            old.next()
        } else {
            new.next()
        };
    }
    differing
}

fn push(slices: &mut Slices, first: u16, last: u16, peers: AddressSet) {
    match slices.last_mut() {
        Some(before) if before.1.checked_add(1) == Some(first) && before.2 == peers => before.1 = last,
        _ => slices.push((first, last, peers)),
    }
}

impl Part {
    /// Says what all protocols have in common in one line, if it is all that the unnamed ones have.
    fn take_every(&mut self) {
        let common = self.rest.clone();
        let of = |protocol: u8| match protocol {
            1 => common.only(Family::V4),
            58 => common.only(Family::V6),
            _ => common.clone(),
        };
        let has_all = |(&protocol, slices): (&u8, &Slices)| {
            slices.iter().all(|(.., peers)| peers.covers(&of(protocol)))
        };
        let is_every = !common.is_empty()
            && self.keyed.iter().all(has_all)
            && self.plain.values().all(|peers| peers.covers(&common));
        if !is_every {
            return;
        }
        for (&protocol, slices) in &mut self.keyed {
            let mut less = Slices::new();
            for (first, last, peers) in std::mem::take(slices) {
                push(&mut less, first, last, unless_covered(&peers, &of(protocol)));
            }
            *slices = less;
        }
        for peers in self.plain.values_mut() {
            *peers = unless_covered(peers, &common);
        }
        self.every = std::mem::take(&mut self.rest);
    }

    /// One line for every protocol and set of peers.
    fn reaches(self, direction: Direction, interface: &ReachInterface) -> Vec<Reach> {
        let line =
            |protocol, keys, peers| Reach { direction, protocol, keys, interface: interface.clone(), peers };
        let mut reaches = vec![line(ReachProtocol::Every, Vec::new(), self.every)];
        for (protocol, slices) in self.keyed {
            let mut keys: Vec<(AddressSet, Vec<(u16, u16)>)> = Vec::new();
            let mut known: HashMap<AddressSet, usize> = HashMap::new();
            for (first, last, peers) in slices {
                let at = *known.entry(peers.clone()).or_insert_with(|| {
                    keys.push((peers, Vec::new()));
                    keys.len() - 1
                });
                keys[at].1.push((first, last));
            }
            let number = ReachProtocol::Number(protocol);
            reaches.extend(keys.into_iter().map(|(peers, keys)| line(number, keys, peers)));
        }
        let plain = self.plain.into_iter();
        reaches.extend(plain.map(|(number, peers)| line(ReachProtocol::Number(number), Vec::new(), peers)));
        reaches.push(line(ReachProtocol::Other, Vec::new(), self.rest));
        reaches.retain(|reach| !reach.peers.is_empty());
        reaches
    }
}

fn add(change: &mut Change, direction: Direction, interface: &ReachInterface, parts: Parts) {
    let [opened, closed, conditions] = parts.map(|mut part| {
        part.take_every();
        part.reaches(direction, interface)
    });
    change.opened.extend(opened);
    change.closed.extend(closed);
    change.conditions.extend(conditions);
}

/// What another line does not say already. Lines may overlap, so that they stay short: `anywhere` is easier to read than
/// all addresses but one.
fn unless_covered(peers: &AddressSet, said: &AddressSet) -> AddressSet {
    if said.covers(peers) { AddressSet::empty() } else { peers.clone() }
}

/// Combines what two interfaces have, packet by packet.
fn combine(a: &Parts, b: &Parts, with: fn(&AddressSet, &AddressSet) -> AddressSet) -> Parts {
    std::array::from_fn(|at| combine_part(&a[at], &b[at], with))
}

fn combine_part(a: &Part, b: &Part, with: fn(&AddressSet, &AddressSet) -> AddressSet) -> Part {
    let none = Slices::new();
    let keyed: BTreeSet<u8> = a.keyed.keys().chain(b.keyed.keys()).copied().collect();
    let slices = |protocol| {
        let of = |part: &'_ Part| part.keyed.get(&protocol).unwrap_or(&none).clone();
        (protocol, combine_slices(&of(a), &of(b), with))
    };
    let plain: BTreeSet<u8> = a.plain.keys().chain(b.plain.keys()).copied().collect();
    let peers = |protocol| {
        let of = |part: &Part| part.plain.get(&protocol).unwrap_or(&part.rest).clone();
        (protocol, with(&of(a), &of(b)))
    };
    Part {
        keyed: keyed.into_iter().map(slices).collect(),
        plain: plain.into_iter().map(peers).collect(),
        rest: with(&a.rest, &b.rest),
        every: AddressSet::empty(),
    }
}

fn combine_slices(a: &Slices, b: &Slices, with: fn(&AddressSet, &AddressSet) -> AddressSet) -> Slices {
    let starts: BTreeSet<u16> = a.iter().chain(b).map(|slice| slice.0).chain([0]).collect();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([u16::MAX]);
    let at = |slices: &Slices, key: u16| {
        let after = slices.partition_point(|slice| slice.0 <= key);
        after.checked_sub(1).map(|at| slices[at].2.clone()).unwrap_or_default()
    };
    let mut combined = Slices::new();
    for (&first, last) in starts.iter().zip(ends) {
        push(&mut combined, first, last, with(&at(a, first), &at(b, first)));
    }
    combined
}
