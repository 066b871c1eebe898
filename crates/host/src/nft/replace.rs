//! One transaction that makes the kernel's table another one.
//!
//! What is alike is left alone. The order is what the kernel accepts: nothing is deleted while something refers to it,
//! and nothing refers to what is not there yet.

use super::{
    batch::Batch,
    chain, element,
    kernel::{
        NFPROTO_INET, NFT_MSG_DELOBJ, NFT_MSG_DELSET, NFT_MSG_DELTABLE, NFT_MSG_NEWOBJ, NFT_MSG_NEWSET,
        NFT_MSG_NEWTABLE, NFT_OBJECT_COUNTER, NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS, NFTA_OBJ_DATA,
        NFTA_OBJ_NAME, NFTA_OBJ_TABLE, NFTA_OBJ_TYPE, NFTA_SET_NAME, NFTA_SET_TABLE, NFTA_TABLE_FLAGS,
        NFTA_TABLE_NAME, NLM_F_CREATE,
    },
    set,
    wire::Body,
};
use firewall::nft::{Base, Chain, Count, Element, Expression, Set, Table};
use std::collections::{BTreeMap, BTreeSet};

/// A change of the elements of a live set, which a replacement otherwise keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChange {
    /// The name of the set.
    pub set: String,
    /// What becomes of the elements that it has.
    pub flush: Flush,
    /// Elements that it has afterwards, their timeouts begun anew.
    pub elements: Vec<Element>,
}

/// What becomes of the elements that a set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// They stay.
    Keep,
    /// They go.
    All,
}

/// A replacement of the kernel's table.
#[derive(Clone, Debug)]
pub struct Replacement<'a> {
    /// The table as it was read (without the elements of live sets will do); `None` where there is none, or where what
    /// there is goes whole.
    pub current: Option<&'a Table>,
    /// What it becomes. Elements of a live set are written where the set is new, and otherwise left out of it.
    pub wanted: &'a Table,
    /// Changes of live sets in the same transaction.
    pub live: &'a [LiveChange],
    /// What counters begin with that are new, after a reboot for instance.
    pub counts: &'a BTreeMap<String, Count>,
    /// Only if nobody changed any rule since this generation.
    pub generation: Option<u32>,
}

impl<'a> Replacement<'a> {
    /// Without changes of live sets, counters from zero, whatever the generation.
    #[must_use]
    pub fn new(current: Option<&'a Table>, wanted: &'a Table) -> Self {
        static NONE: BTreeMap<String, Count> = BTreeMap::new();
        Self { current, wanted, live: &[], counts: &NONE, generation: None }
    }
}

/// The messages that create a table with these flags, or claim it where it is an orphan.
pub(super) fn claim(batch: &mut Batch, name: &str, flags: u32) {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_TABLE_NAME, name).u32(NFTA_TABLE_FLAGS, flags);
    batch.push(NFT_MSG_NEWTABLE, NLM_F_CREATE, &body, format!("table {name}"));
}

/// Deletes a table with everything in it.
pub(super) fn delete_table(batch: &mut Batch, name: &str) {
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_TABLE_NAME, name);
    batch.push(NFT_MSG_DELTABLE, 0, &body, format!("the end of table {name}"));
}

/// The operations that make `current` (in the kernel) `replacement.wanted`; the table is there and ours.
pub(super) fn change(batch: &mut Batch, current: Option<&Table>, replacement: &Replacement<'_>) {
    let empty = Table::default();
    let difference = Difference::between(current.unwrap_or(&empty), replacement.wanted);
    difference.take_away(batch);
    difference.put(batch, replacement.counts);
    for change in replacement.live {
        let Some(set) = difference.to.sets.get(&change.set) else { continue };
        if change.flush == Flush::All {
            element::flush(batch, difference.table(), &change.set);
            element::add(batch, difference.table(), &change.set, set, &change.elements);
        } else {
            element::renew(batch, difference.table(), &change.set, set, &change.elements);
        }
    }
}

struct Difference<'a> {
    from: &'a Table,
    to: &'a Table,
    /// Sets that go, or come back as another kind.
    sets_gone: BTreeSet<&'a str>,
    /// Chains that go, or come back at another hook.
    chains_gone: BTreeSet<&'a str>,
}

impl<'a> Difference<'a> {
    fn between(from: &'a Table, to: &'a Table) -> Self {
        let other_kind =
            |name: &str, set: &Set| to.sets.get(name).is_none_or(|new| !set::same_kind(set, new));
        let other_place = |name: &str, chain: &Chain| {
            to.chains.get(name).is_none_or(|new| place(chain.base) != place(new.base))
        };
        Self {
            from,
            to,
            sets_gone: from.sets.iter().filter(|(n, s)| other_kind(n, s)).map(|(n, _)| n.as_str()).collect(),
            chains_gone: from
                .chains
                .iter()
                .filter(|(n, c)| other_place(n, c))
                .map(|(n, _)| n.as_str())
                .collect(),
        }
    }

    fn table(&self) -> &'a str {
        &self.to.name
    }

    /// Rules first, then elements, which may name chains, then what nothing refers to any more.
    fn take_away(&self, batch: &mut Batch) {
        let table = self.table();
        for (name, chain) in &self.from.chains {
            if !chain.rules.is_empty() && !self.keeps_rules(name, chain) {
                chain::flush(batch, table, name);
            }
        }
        for (name, set) in &self.from.sets {
            let gone = self.sets_gone.contains(name.as_str());
            // The elements of a set go with it; but before 6.4 chains and counters were held by those of a map that was gone.
            let goes = if gone { set.verdicts || set.counters } else { !self.keeps_elements(name, set) };
            if goes && !set.elements.is_empty() {
                element::flush(batch, table, name);
            }
        }
        for name in &self.sets_gone {
            named(batch, table, name, NFT_MSG_DELSET, 0, "the end of set", |_| {});
        }
        for name in &self.chains_gone {
            chain::delete(batch, table, name);
        }
        for name in self.from.counters.difference(&self.to.counters) {
            named(batch, table, name, NFT_MSG_DELOBJ, 0, "the end of counter", |body| {
                body.u32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
            });
        }
    }

    /// Counters, sets and chains first, then what refers to them.
    fn put(&self, batch: &mut Batch, counts: &BTreeMap<String, Count>) {
        let table = self.table();
        for name in self.to.counters.difference(&self.from.counters) {
            create_counter(batch, table, name, counts.get(name).copied().unwrap_or_default());
        }
        for (id, (name, set)) in (1..).zip(&self.to.sets) {
            if self.is_new_set(name) {
                named(batch, table, name, NFT_MSG_NEWSET, NLM_F_CREATE, "set", |body| {
                    set::write(body, set, id);
                });
            }
        }
        for (name, new) in &self.to.chains {
            let old = self.from.chains.get(name).filter(|_| !self.chains_gone.contains(name.as_str()));
            if old.is_none_or(|old| old.base != new.base) {
                chain::create(batch, table, name, new.base);
            }
        }
        for (name, set) in &self.to.sets {
            if self.is_new_set(name)
                || self.from.sets.get(name).is_some_and(|old| !self.keeps_elements(name, old))
            {
                element::add(batch, table, name, set, &set.elements);
            }
        }
        for (name, chain) in &self.to.chains {
            if self.from.chains.get(name).is_none_or(|old| !self.keeps_rules(name, old)) {
                chain::append(batch, table, name, &chain.rules);
            }
        }
    }

    fn is_new_set(&self, name: &str) -> bool {
        !self.from.sets.contains_key(name) || self.sets_gone.contains(name)
    }

    /// Rules that name a set which is deleted and created anew must be written anew, though they read alike.
    fn keeps_rules(&self, name: &str, old: &Chain) -> bool {
        !self.chains_gone.contains(name)
            && self.to.chains.get(name).is_some_and(|new| new.rules == old.rules)
            && (self.sets_gone.is_empty() || !old.rules.iter().any(|rule| self.names_gone_set(&rule.0)))
    }

    fn names_gone_set(&self, expressions: &[Expression]) -> bool {
        expressions.iter().any(|expression| match expression {
            Expression::Lookup { set, .. }
            | Expression::Dynset { set, .. }
            | Expression::CounterBy { map: set, .. } => self.sets_gone.contains(set.as_str()),
            _ => false,
        })
    }

    fn keeps_elements(&self, name: &str, old: &Set) -> bool {
        self.to.sets.get(name).is_some_and(|new| new.live || same_elements(&old.elements, &new.elements))
    }
}

/// What cannot be changed of a chain in place: everything but the policy.
fn place(base: Option<Base>) -> Option<Base> {
    base.map(|base| Base { accept: true, ..base })
}

/// In any order, whatever is left of timeouts.
fn same_elements(one: &[Element], other: &[Element]) -> bool {
    one.len() == other.len()
        && (one.iter().zip(other).all(|(one, other)| alike(one, other))
            || sorted(one).into_iter().zip(sorted(other)).all(|(one, other)| alike(one, other)))
}

fn alike(one: &Element, other: &Element) -> bool {
    // Every field but `expires`, and a new one is not forgotten.
    let Element { first, last, verdict, counter, timeout, expires: _ } = one;
    (first, last) == (&other.first, &other.last)
        && (verdict, counter, timeout) == (&other.verdict, &other.counter, &other.timeout)
}

fn sorted(elements: &[Element]) -> Vec<&Element> {
    let mut elements: Vec<&Element> = elements.iter().collect();
    elements.sort_by(|a, b| a.first.cmp(&b.first));
    elements
}

/// A table for comparison: live sets are empty, what is left of timeouts does not count, and elements are sorted.
#[must_use]
pub fn steady(mut table: Table) -> Table {
    for set in table.sets.values_mut() {
        if set.live {
            set.elements.clear();
        }
        set.elements.iter_mut().for_each(|element| element.expires = None);
        set.elements.sort_by(|a, b| a.first.cmp(&b.first));
    }
    table
}

fn create_counter(batch: &mut Batch, table: &str, name: &str, count: Count) {
    named(batch, table, name, NFT_MSG_NEWOBJ, NLM_F_CREATE, "counter", |body| {
        body.u32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER).nest(NFTA_OBJ_DATA, |body| {
            body.u64(NFTA_COUNTER_BYTES, count.bytes).u64(NFTA_COUNTER_PACKETS, count.packets);
        });
    });
}

/// A message about a set or an object; both have table and name at the same place.
fn named(
    batch: &mut Batch,
    table: &str,
    name: &str,
    message: u16,
    flags: u16,
    what: &str,
    more: impl FnOnce(&mut Body),
) {
    const { assert!(NFTA_SET_TABLE == NFTA_OBJ_TABLE && NFTA_SET_NAME == NFTA_OBJ_NAME) };
    let mut body = Body::new(NFPROTO_INET, 0);
    body.text(NFTA_SET_TABLE, table).text(NFTA_SET_NAME, name);
    more(&mut body);
    batch.push(message, flags, &body, format!("{what} {name}"));
}
