//! What the kernel is given: a policy alone, or one on trial beside the one that the kernel goes back to by itself.

use super::machine::Live;
use super::policy::Compiled;
use super::state::Snapshot;
use firewall::compile::{InSlot, Slot, elements, table};
use firewall::connections::Opener;
use firewall::nft::{Chain, Element, Expression, Rule, Table, Verdict};
use host::nft::{Flush, LiveChange};
use std::collections::BTreeMap;
use std::time::Duration;

/// The live set whose elements keep a trial going.
pub(super) const TRIAL: &str = "trial";

/// A policy in its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation<'a> {
    /// The policy.
    pub(super) compiled: &'a Compiled,
    /// The slot.
    pub(super) slot: Slot,
}

impl<'a> Generation<'a> {
    /// The policy of a snapshot.
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        Self { compiled: &snapshot.compiled, slot: slot(snapshot.slot) }
    }

    /// As the compiler takes it.
    pub(super) const fn in_slot(self) -> InSlot<'a> {
        InSlot { slot: self.slot, canonical: &self.compiled.canonical }
    }
}

/// The slot of a letter.
pub(super) const fn slot(letter: char) -> Slot {
    match letter {
        'b' => Slot::B,
        _ => Slot::A,
    }
}

/// The table with one policy alone.
pub(super) fn alone(generation: Generation<'_>) -> Table {
    table(&generation.in_slot(), None)
}

/// The table with a policy on trial. Without one before it, the kernel goes back to a generation that refuses nothing.
pub(super) fn on_trial(before: Option<Generation<'_>>, new: Generation<'_>) -> Table {
    match before {
        Some(before) => table(&before.in_slot(), Some(&new.in_slot())),
        None => {
            let open = Generation { slot: new.slot.other(), ..new };
            opened(table(&open.in_slot(), Some(&new.in_slot())), open.slot)
        }
    }
}

/// The table where a slot refuses nothing: what the frame leads to accepts, and the rest of the slot goes.
fn opened(mut table: Table, slot: Slot) -> Table {
    let prefix = format!("{}_", slot.letter());
    let frame = table.chains.iter().filter(|(name, _)| !is_of_a_slot(name));
    let entered: Vec<String> =
        frame.flat_map(|(_, chain)| targets(chain)).filter(|name| name.starts_with(&prefix)).collect();
    table.chains.retain(|name, _| !name.starts_with(&prefix));
    table.sets.retain(|name, _| !name.starts_with(&prefix));
    let accept = || Rule(vec![Expression::Verdict(Verdict::Accept)]);
    table.chains.extend(entered.into_iter().map(|name| (name, Chain { base: None, rules: vec![accept()] })));
    table
}

fn is_of_a_slot(name: &str) -> bool {
    name.starts_with("a_") || name.starts_with("b_")
}

/// The chains that a chain leads to.
fn targets(chain: &Chain) -> Vec<String> {
    let expressions = chain.rules.iter().flat_map(|rule| &rule.0);
    expressions
        .filter_map(|expression| match expression {
            Expression::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a slot is in a table.
pub(super) fn holds(table: &Table, slot: Slot) -> bool {
    table.chains.contains_key(&format!("{}_in", slot.letter()))
}

/// Whether a table has everything of a slot that another one has.
pub(super) fn has_slot_of(table: &Table, other: &Table, slot: Slot) -> bool {
    let prefix = format!("{}_", slot.letter());
    let chains = other.chains.iter().filter(|(name, _)| name.starts_with(&prefix));
    let sets = other.sets.iter().filter(|(name, _)| name.starts_with(&prefix));
    chains.into_iter().all(|(name, chain)| table.chains.get(name) == Some(chain))
        && sets.into_iter().all(|(name, set)| table.sets.get(name) == Some(set))
}

/// What begins a trial.
pub(super) fn begin(seconds: u64) -> LiveChange {
    let elements =
        elements::trial(Duration::from_secs(seconds)).into_iter().map(|live| live.element).collect();
    LiveChange { set: TRIAL.to_owned(), flush: Flush::All, elements }
}

/// What lets connections go on for so many seconds although a policy forbids them.
pub(super) fn drain(connections: &[Live], seconds: u64) -> Vec<LiveChange> {
    let mut sets: BTreeMap<String, Vec<Element>> = BTreeMap::new();
    // What goes through this host is judged where no list of connections is asked.
    let ours = connections.iter().map(|live| &live.connection);
    for one in ours.filter(|one| one.opened_by != Opener::Behind) {
        let flow =
            elements::drain(one.peer, one.protocol, one.local.port()).lasting(Duration::from_secs(seconds));
        sets.entry(flow.set).or_default().push(flow.element);
    }
    sets.into_iter().map(|(set, elements)| LiveChange { set, flush: Flush::Keep, elements }).collect()
}

/// What ends a trial.
pub(super) fn end() -> LiveChange {
    LiveChange { set: TRIAL.to_owned(), flush: Flush::All, elements: Vec::new() }
}

/// What keeps the rules of a policy that have an end in force until then.
pub(super) fn ends_of_rules(generation: Generation<'_>, now: u64) -> Vec<LiveChange> {
    filled(elements::expiry(&generation.compiled.canonical, generation.slot, now))
}

/// Sets that have exactly these elements.
pub(super) fn filled<Name: Into<String>>(sets: BTreeMap<Name, Vec<Element>>) -> Vec<LiveChange> {
    let changes = sets.into_iter().map(|(set, elements)| (set.into(), elements));
    changes.map(|(set, elements)| LiveChange { set, flush: Flush::All, elements }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::policy;

    #[test]
    fn a_first_policy_goes_back_to_one_that_refuses_nothing() {
        let new = policy::minimum(&[22]);
        let table = on_trial(None, Generation { compiled: &new, slot: Slot::B });
        let accept = Rule(vec![Expression::Verdict(Verdict::Accept)]);
        let open: Vec<_> = table.chains.iter().filter(|(name, _)| name.starts_with("a_")).collect();
        assert!(open.len() >= 6, "{open:?}");
        assert!(open.iter().all(|(_, chain)| chain.rules == [accept.clone()]), "{open:?}");
        assert!(!table.sets.keys().any(|name| name.starts_with("a_")));
        for chain in table.chains.values() {
            let lost = targets(chain).into_iter().find(|name| !table.chains.contains_key(name));
            assert_eq!(lost, None);
        }
        assert!(holds(&table, Slot::A) && holds(&table, Slot::B));
    }

    #[test]
    fn the_policy_on_trial_is_the_one_that_will_be_alone() {
        let (old, new) = (policy::minimum(&[22]), policy::minimum(&[22, 2222]));
        let trial = on_trial(
            Some(Generation { compiled: &old, slot: Slot::A }),
            Generation { compiled: &new, slot: Slot::B },
        );
        let alone = alone(Generation { compiled: &new, slot: Slot::B });
        for (name, chain) in alone.chains.iter().filter(|(name, _)| name.starts_with("b_")) {
            assert_eq!(trial.chains.get(name), Some(chain), "{name}");
        }
    }
}
