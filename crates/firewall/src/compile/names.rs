//! The names of chains, sets and counters: the same for the same policy, and short.

use super::Slot;
use crate::addresses::Family;
use crate::canonical::{Admission, Canonical, Directed, Guard};
use model::plan::{RuleId, RuleLimit};
use std::collections::BTreeSet;

/// The counter of a rule; both slots share it, so it survives every replacement.
#[must_use]
pub fn counter(rule: &RuleId) -> String {
    format!("r_{rule}")
}

/// A chain or set of a slot.
pub(crate) fn of(slot: Slot, what: &str) -> String {
    format!("{}_{what}", slot.letter())
}

/// A set of a slot that exists for each family.
pub(crate) fn by_family(slot: Slot, what: &str, family: Family) -> String {
    format!("{}_{what}{}", slot.letter(), digit(family))
}

/// A set of the frame that exists for each family.
pub(crate) fn live(what: &str, family: Family) -> String {
    format!("{what}{}", digit(family))
}

const fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
    }
}

/// The set that counts new connections by source for a rule. Both slots share it as long as the limit is the same, so that
/// what a source has used up survives a replacement.
pub(crate) fn limit(rule: &RuleId, limit: RuleLimit, family: Family) -> String {
    live(&format!("l_{rule}_{}_{}_", limit.count, limit.period.as_secs()), family)
}

/// The set that has elements until the end with this index in [`ends`].
pub(crate) fn end(slot: Slot, index: usize) -> String {
    of(slot, &format!("e{index}"))
}

/// The set of addresses of the name with this index in [`domains`].
pub(crate) fn domain(slot: Slot, index: usize, family: Family) -> String {
    by_family(slot, &format!("n{index}_"), family)
}

/// Every end that a guard has, in order.
pub(crate) fn ends(canonical: &Canonical) -> Vec<u64> {
    let mut found = BTreeSet::new();
    each_guard(canonical, |guard| found.extend(guard.expires));
    found.into_iter().collect()
}

/// Every rule with a limit, in order.
pub(crate) fn limited(canonical: &Canonical) -> BTreeSet<(&RuleId, RuleLimit)> {
    let mut found = BTreeSet::new();
    each_guard(canonical, |guard| found.extend(guard.limit.map(|limit| (&guard.rule, limit))));
    found
}

/// Every name of a rule that is resolved while the policy is in force, in order.
pub(crate) fn domains(canonical: &Canonical) -> Vec<&str> {
    let names: BTreeSet<&str> = canonical.domains.iter().map(|rule| rule.name.as_str()).collect();
    names.into_iter().collect()
}

/// Every rule that can count, in order.
pub(crate) fn counted(canonical: &Canonical) -> BTreeSet<&RuleId> {
    let mut found: BTreeSet<&RuleId> = canonical.domains.iter().map(|rule| &rule.rule).collect();
    each_admission(canonical, |admission| match admission {
        Admission::Open(rule) => {
            found.insert(rule);
        }
        Admission::Guarded(guards) => found.extend(guards.iter().map(|guard| &guard.rule)),
    });
    found
}

fn each_guard<'a>(canonical: &'a Canonical, mut see: impl FnMut(&'a Guard)) {
    each_admission(canonical, |admission| {
        if let Admission::Guarded(guards) = admission {
            guards.iter().for_each(&mut see);
        }
    });
}

fn each_admission<'a>(canonical: &'a Canonical, mut see: impl FnMut(&'a Admission)) {
    for directed in directions(canonical) {
        for matrix in std::iter::once(&directed.elsewhere).chain(directed.interfaces.values()) {
            for protocols in Family::BOTH.map(|family| matrix.of(family)) {
                let keyed = protocols.keyed.values().flatten().flat_map(|cell| &cell.peers);
                let plain = protocols.plain.values().flatten();
                keyed.chain(plain).chain(&protocols.rest).for_each(|cell| see(&cell.admission));
            }
        }
    }
}

fn directions(canonical: &Canonical) -> impl Iterator<Item = &Directed> {
    [Some(&canonical.inbound), canonical.outbound.as_ref(), canonical.container_outbound.as_ref()]
        .into_iter()
        .flatten()
}
