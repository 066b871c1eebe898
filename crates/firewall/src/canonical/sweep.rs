//! Two sweeps that make overlapping rules disjoint: over keys, and within each interval of keys over addresses.

use super::spans::Span;
use super::{Admission, Guard, KeyCell, PeerCell};
use crate::addresses::Family;
use crate::rule::RuleView;
use std::collections::BTreeSet;

/// Disjoint intervals of keys, joined where neighbours admit the same.
pub(super) fn keys(rules: &[&RuleView], family: Family, spans: &[Span]) -> Vec<KeyCell> {
    // Keys are counted in 32 bits: what ends with the last key ends one behind it.
    let mut events: Vec<(u32, bool, usize)> = Vec::with_capacity(spans.len() * 2);
    for span in spans {
        events.push((u32::from(span.first), true, span.rule));
        events.push((u32::from(span.last) + 1, false, span.rule));
    }
    events.sort_unstable();
    let mut active = BTreeSet::new();
    let mut cells: Vec<KeyCell> = Vec::new();
    let mut rest = events.as_slice();
    while let Some(&(start, ..)) = rest.first() {
        let here = rest.iter().take_while(|event| event.0 == start).count();
        toggle(&mut active, rest[..here].iter().map(|&(_, starts, rule)| (starts, rule)));
        rest = &rest[here..];
        let (Some(&(next, ..)), false) = (rest.first(), active.is_empty()) else { continue };
        push_keys(&mut cells, start, next - 1, peers(rules, family, &active));
    }
    cells
}

fn push_keys(cells: &mut Vec<KeyCell>, first: u32, last: u32, peers: Vec<PeerCell>) {
    let key = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    match cells.last_mut() {
        Some(before) if u32::from(before.last) + 1 == first && before.peers == peers => {
            before.last = key(last);
        }
        _ => cells.push(KeyCell { first: key(first), last: key(last), peers }),
    }
}

/// Disjoint intervals of addresses, joined where neighbours are admitted the same way.
pub(super) fn peers(rules: &[&RuleView], family: Family, active: &BTreeSet<usize>) -> Vec<PeerCell> {
    if let Some(cells) = without_sweep(rules, family, active) {
        return cells;
    }
    let events = address_events(rules, family, active);
    let mut present = Present::default();
    let mut cells: Vec<PeerCell> = Vec::new();
    let mut rest = events.as_slice();
    while let Some(&(start, ..)) = rest.first() {
        let here = rest.iter().take_while(|event| event.0 == start).count();
        for &(_, starts, rule) in &rest[..here] {
            present.toggle(rules[rule], rule, starts);
        }
        rest = &rest[here..];
        let last = rest.first().map_or(family.last(), |&(next, ..)| next - 1);
        if let Some(admission) = present.admission(rules) {
            push_peers(&mut cells, PeerCell { first: start, last, admission });
        }
    }
    cells
}

/// The usual cases need no sweep: one rule alone, or one that is open to everybody.
fn without_sweep(rules: &[&RuleView], family: Family, active: &BTreeSet<usize>) -> Option<Vec<PeerCell>> {
    let open = active.iter().find(|&&rule| rules[rule].is_unconditional());
    let decides = match open {
        Some(&open) if rules[open].peers.of(family).is_all_of(family) => open,
        _ => *active.first().filter(|_| active.len() == 1)?,
    };
    let mut alone = Present::default();
    alone.toggle(rules[decides], decides, true);
    let admission = alone.admission(rules)?;
    let cell = |(first, last)| PeerCell { first, last, admission: admission.clone() };
    Some(rules[decides].peers.of(family).iter().map(cell).collect())
}

/// Where a rule's addresses start, and where they have ended; an interval up to the last address never ends.
fn address_events(rules: &[&RuleView], family: Family, active: &BTreeSet<usize>) -> Vec<(u128, bool, usize)> {
    let mut events = Vec::new();
    for &rule in active {
        for (first, last) in rules[rule].peers.of(family).iter() {
            events.push((first, true, rule));
            if last < family.last() {
                events.push((last + 1, false, rule));
            }
        }
    }
    events.sort_unstable();
    events
}

fn push_peers(cells: &mut Vec<PeerCell>, cell: PeerCell) {
    match cells.last_mut() {
        Some(before) if before.last + 1 == cell.first && before.admission == cell.admission => {
            before.last = cell.last;
        }
        _ => cells.push(cell),
    }
}

/// Rules that admit the address where the sweep is.
#[derive(Default)]
struct Present {
    open: BTreeSet<usize>,
    guarded: BTreeSet<usize>,
}

impl Present {
    fn toggle(&mut self, view: &RuleView, rule: usize, starts: bool) {
        let set = if view.is_unconditional() { &mut self.open } else { &mut self.guarded };
        toggle(set, [(starts, rule)]);
    }

    fn admission(&self, rules: &[&RuleView]) -> Option<Admission> {
        if let Some(&first) = self.open.first() {
            return Some(Admission::Open(rules[first].id.clone()));
        }
        let guard = |&rule: &usize| {
            let view: &RuleView = rules[rule];
            Guard { rule: view.id.clone(), limit: view.limit, expires: view.expires }
        };
        let guards: BTreeSet<Guard> = self.guarded.iter().map(guard).collect();
        (!guards.is_empty()).then(|| Admission::Guarded(guards.into_iter().collect()))
    }
}

fn toggle(set: &mut BTreeSet<usize>, changes: impl IntoIterator<Item = (bool, usize)>) {
    for (starts, rule) in changes {
        if starts {
            set.insert(rule);
        } else {
            set.remove(&rule);
        }
    }
}
