//! The inbound policy as it is asked about answers: of the first packet of their connection, by nobody in particular.
//!
//! Interfaces, limits and counters play no part, since a connection was admitted by its own packets before. What remains
//! is who may reach what, and until when.

use super::rule::{ICMP, ICMP6, rule};
use super::{InSlot, back, essentials, names};
use crate::addresses::Family;
use crate::canonical::{Admission, Canonical, Directed, Guard, KeyCell, Matrix, PeerCell, Protocols};
use crate::nft::Table;
use model::plan::RuleId;
use std::collections::BTreeSet;

/// Writes `X_mirror`.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let mut rules = [ICMP, ICMP6].map(|protocol| rule().protocol(protocol).accept()).to_vec();
    rules.extend(essentials::mirrored(generation));
    rules.push(rule().goto(&names::of(generation.slot, "from")));
    table.chain(&names::of(generation.slot, "mirror"), rules);
}

/// What answers are asked about.
pub(super) struct Mirrored {
    /// Of connections to this host: the union over all interfaces.
    pub(super) inbound: Matrix,
    /// Of connections of containers, where they are restricted.
    pub(super) containers: Option<Directed>,
}

impl Mirrored {
    /// The rules in it have no names, because nothing counts.
    pub(super) fn of(canonical: &Canonical) -> Self {
        let inbound = &canonical.inbound;
        let all: Vec<&Matrix> =
            std::iter::once(&inbound.elsewhere).chain(inbound.interfaces.values()).collect();
        let containers = canonical.container_outbound.as_ref().filter(|_| back::restricts(canonical));
        let containers = containers.map(|directed| Directed {
            elsewhere: united(&[&directed.elsewhere]),
            interfaces: directed
                .interfaces
                .iter()
                .map(|(name, matrix)| (name.clone(), united(&[matrix])))
                .collect(),
        });
        Self { inbound: united(&all), containers }
    }
}

fn united(matrices: &[&Matrix]) -> Matrix {
    let of = |family| protocols(&matrices.iter().map(|matrix| matrix.of(family)).collect::<Vec<_>>());
    Matrix { v4: of(Family::V4), v6: of(Family::V6) }
}

fn protocols(all: &[&Protocols]) -> Protocols {
    let rest: Vec<&[PeerCell]> = all.iter().map(|protocols| protocols.rest.as_slice()).collect();
    let mut united = Protocols { rest: peers(&rest), ..Protocols::default() };
    let keyed: BTreeSet<u8> = all.iter().flat_map(|protocols| protocols.keyed.keys().copied()).collect();
    for protocol in keyed.into_iter().filter(|protocol| ![ICMP, ICMP6].contains(protocol)) {
        let lists: Vec<&[KeyCell]> =
            all.iter().filter_map(|protocols| protocols.keyed.get(&protocol)).map(Vec::as_slice).collect();
        united.keyed.insert(protocol, keys(&lists));
    }
    let plain: BTreeSet<u8> = all.iter().flat_map(|protocols| protocols.plain.keys().copied()).collect();
    for protocol in plain {
        let lists: Vec<&[PeerCell]> = all
            .iter()
            .map(|protocols| protocols.plain.get(&protocol).unwrap_or(&protocols.rest).as_slice())
            .collect();
        united.plain.insert(protocol, peers(&lists));
    }
    united
}

/// An interval of anything.
trait Span {
    fn span(&self) -> (u128, u128);
}

impl Span for KeyCell {
    fn span(&self) -> (u128, u128) {
        (u128::from(self.first), u128::from(self.last))
    }
}

impl Span for PeerCell {
    fn span(&self) -> (u128, u128) {
        (self.first, self.last)
    }
}

/// Every largest interval that meets the same cells of each list, in order, with those cells; lists are sorted and
/// disjoint.
fn overlay<'a, T: Span>(lists: &[&'a [T]]) -> Vec<(u128, u128, Vec<&'a T>)> {
    let spans = || lists.iter().flat_map(|list| list.iter()).map(Span::span);
    let starts: BTreeSet<u128> =
        spans().flat_map(|(first, last)| [Some(first), last.checked_add(1)]).flatten().collect();
    let starts: Vec<u128> = starts.into_iter().collect();
    let mut next = vec![0; lists.len()];
    let mut pieces = Vec::with_capacity(starts.len());
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(u128::MAX, |next| next - 1);
        let mut met = Vec::new();
        for (list, next) in lists.iter().zip(&mut next) {
            while list.get(*next).is_some_and(|cell| cell.span().1 < start) {
                *next += 1;
            }
            met.extend(list.get(*next).filter(|cell| cell.span().0 <= start));
        }
        if !met.is_empty() {
            pieces.push((start, end, met));
        }
    }
    pieces
}

fn keys(lists: &[&[KeyCell]]) -> Vec<KeyCell> {
    let mut united: Vec<KeyCell> = Vec::new();
    for (first, last, met) in overlay(lists) {
        let lists: Vec<&[PeerCell]> = met.into_iter().map(|cell| cell.peers.as_slice()).collect();
        let port = |key: u128| u16::try_from(key).expect("spans of keys are of 16 bits");
        let cell = KeyCell { first: port(first), last: port(last), peers: peers(&lists) };
        match united.last_mut() {
            Some(before) if before.peers == cell.peers && u128::from(before.last) + 1 == first => {
                before.last = cell.last;
            }
            _ => united.push(cell),
        }
    }
    united
}

fn peers(lists: &[&[PeerCell]]) -> Vec<PeerCell> {
    let mut united: Vec<PeerCell> = Vec::new();
    for (first, last, met) in overlay(lists) {
        let admission = admission(met.into_iter().map(|cell| &cell.admission));
        match united.last_mut() {
            Some(before) if before.admission == admission && before.last.checked_add(1) == Some(first) => {
                before.last = last;
            }
            _ => united.push(PeerCell { first, last, admission }),
        }
    }
    united
}

fn admission<'a>(all: impl Iterator<Item = &'a Admission>) -> Admission {
    let nobody = || RuleId(String::new());
    let mut ends = BTreeSet::new();
    for admission in all {
        match admission {
            Admission::Open(_) => return Admission::Open(nobody()),
            Admission::Guarded(guards) => ends.extend(guards.iter().map(|guard| guard.expires)),
        }
    }
    if ends.contains(&None) {
        return Admission::Open(nobody());
    }
    let guard = |expires| Guard { rule: nobody(), limit: None, expires };
    Admission::Guarded(ends.into_iter().map(guard).collect())
}
