//! Rules with a condition: a limit for each source, an end.
//!
//! A limit is written in the positive form: a source that finds room in the set and is below its rate goes on to be
//! admitted. So a full set refuses.

use super::rule::{NEW, Sentence, TCP, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::canonical::Guard;
use crate::nft::{Expression, LimitUnit, Rule, Table};
use model::plan::RuleLimit;

/// Writes the sets that guards ask; their elements live.
pub(super) fn write_sets(table: &mut Table, generation: &InSlot<'_>) {
    for index in 0..names::ends(generation.canonical).len() {
        table.sets.insert(names::end(generation.slot, index), sets::families());
    }
    for (rule, limit) in names::limited(generation.canonical) {
        for family in Family::BOTH {
            table.sets.insert(names::limit(rule, limit, family), sets::sources(family));
        }
    }
}

/// The names of the sets that guards ask.
pub(super) struct Guards<'a> {
    generation: InSlot<'a>,
    ends: Vec<u64>,
}

impl<'a> Guards<'a> {
    pub(super) fn of(generation: &InSlot<'a>) -> Self {
        Self { generation: *generation, ends: names::ends(generation.canonical) }
    }

    /// The rules that admit what one of the guards lets through; what none does comes out at the end.
    pub(super) fn rules(&self, guards: &[Guard], family: Family, counted: bool) -> Vec<Rule> {
        guards.iter().flat_map(|guard| self.guard(guard, family, counted)).collect()
    }

    fn guard(&self, guard: &Guard, family: Family, counted: bool) -> Vec<Rule> {
        let counter = counted.then(|| names::counter(&guard.rule));
        let admit = |rule: Sentence| match &counter {
            Some(counter) => rule.count(counter).accept(),
            None => rule.accept(),
        };
        let Some(limit) = guard.limit else { return vec![admit(self.in_time(guard))] };
        let set = names::limit(&guard.rule, limit, family);
        let timeout = u64::try_from(limit.period.as_millis()).unwrap_or(u64::MAX);
        vec![
            admit(self.in_time(guard).tcp_goes_on()),
            admit(self.in_time(guard).protocol_is_not(TCP).state_without(NEW)),
            admit(self.in_time(guard).source_below(family, &set, rate(limit), timeout)),
        ]
    }

    fn in_time(&self, guard: &Guard) -> Sentence {
        match guard.expires {
            None => rule(),
            Some(end) => {
                let index = self.ends.binary_search(&end).expect("`ends` lists every end");
                rule().family_in(&names::end(self.generation.slot, index))
            }
        }
    }
}

/// A bucket of `count` that is full again after `period`; an element that is idle for so long may be forgotten.
fn rate(limit: RuleLimit) -> Expression {
    Expression::Limit {
        rate: u64::from(limit.count),
        unit: LimitUnit(limit.period.as_secs()),
        burst: limit.count,
        over: false,
        bytes: false,
    }
}
