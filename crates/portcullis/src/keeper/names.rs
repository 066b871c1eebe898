//! DNS names of rules: which addresses they have, until when that is good, and what the kernel's sets hold of it.
//!
//! An address stays in force for an hour after its answer ended, so that a resolver that fails for a moment cuts nothing;
//! then the kernel forgets it, whether anybody is alive or not.

use super::machine::Machine;
use super::policy::Compiled;
use super::tables::Generation;
use crate::watcher::Resolved;
use firewall::addresses::{AddressSet, Family};
use firewall::compile::elements;
use firewall::nft::Element;
use host::nft::{Flush, LiveChange};
use model::plan::{Peer, Plan, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Bounds of the seconds after which a name is asked for again, whatever its record says.
const SOONEST: u64 = 30;
const LATEST: u64 = 3600;
/// How long an address stays after its answer ended.
const GRACE: u64 = 3600;
/// Addresses of one name that are kept.
const MOST: usize = 256;

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Known>);

#[derive(Debug, Default)]
struct Known {
    /// When it is asked for again.
    due: u64,
    /// Each address and when it is forgotten.
    addresses: BTreeMap<IpAddr, u64>,
}

impl Names {
    /// Asks for those names whose answers are not good any more, and forgets what is over. Answers whether anything is
    /// different afterwards.
    pub(super) fn refresh(&mut self, machine: &mut dyn Machine, wanted: &BTreeSet<String>, now: u64) -> bool {
        let is_due = |name: &&String| self.0.get(*name).is_none_or(|known| known.due <= now);
        let due: BTreeSet<String> = wanted.iter().filter(is_due).cloned().collect();
        if due.is_empty() {
            return false;
        }
        let answers = machine.resolve(&due);
        for name in due {
            let known = self.0.entry(name.clone()).or_default();
            known.take(answers.get(&name), now);
        }
        self.0.retain(|name, known| wanted.contains(name) || !known.addresses.is_empty());
        true
    }

    /// The addresses of names, as far as they are known.
    pub(super) fn addresses(&self) -> BTreeMap<String, Vec<IpAddr>> {
        let of = |known: &Known| known.addresses.keys().copied().collect();
        self.0.iter().map(|(name, known)| (name.clone(), of(known))).collect()
    }

    /// What the sets of a policy's names hold: what is known, or else what was known when the policy was made.
    pub(super) fn changes(&self, generation: Generation<'_>, now: u64) -> Vec<LiveChange> {
        let mut changes = Vec::new();
        for (name, sets) in elements::domain_sets(&generation.in_slot()) {
            let held = self.held(&name, generation.compiled, now);
            for set in &sets {
                changes.push(LiveChange { set: set.clone(), flush: Flush::All, elements: Vec::new() });
            }
            for (address, seconds) in held {
                let live = elements::domain(&sets, address, Duration::from_secs(seconds));
                let change = changes.iter_mut().find(|change| change.set == live.set);
                change.into_iter().for_each(|change| change.elements.push(live.element.clone()));
            }
        }
        changes.iter_mut().for_each(|change| sort(&mut change.elements));
        changes
    }

    fn held(&self, name: &str, compiled: &Compiled, now: u64) -> BTreeMap<IpAddr, u64> {
        match self.0.get(name).filter(|known| !known.addresses.is_empty()) {
            Some(known) => {
                let left = |(address, end): (&IpAddr, &u64)| (*address, end.saturating_sub(now));
                known.addresses.iter().map(left).filter(|(_, seconds)| *seconds > 0).collect()
            }
            None => {
                let before = compiled.domains.get(name).map(single).unwrap_or_default();
                before.into_iter().map(|address| (address, GRACE)).collect()
            }
        }
    }
}

impl Known {
    fn take(&mut self, answer: Option<&Resolved>, now: u64) {
        self.addresses.retain(|_, end| *end > now);
        let Some(answer) = answer else {
            self.due = now + SOONEST;
            return;
        };
        let good = answer.seconds.clamp(SOONEST, LATEST);
        self.due = now + good;
        for address in answer.addresses.iter().take(MOST) {
            self.addresses.insert(*address, now + good + GRACE);
        }
        // Of a name that never stops having new addresses the oldest go.
        while self.addresses.len() > MOST {
            let oldest = self.addresses.iter().min_by_key(|(_, end)| **end).map(|(address, _)| *address);
            self.addresses.retain(|address, _| Some(*address) != oldest);
        }
    }
}

/// The names that rules of a plan lead to.
pub(super) fn of_plan(plan: &Plan) -> BTreeSet<String> {
    let policy = &plan.policy;
    let own = policy.firewall.iter().flat_map(|one| [&one.outbound, &one.container_outbound]).flatten();
    let groups = policy.groups.iter().filter_map(|group| group.outbound.as_ref());
    let name = |peer: &Peer| match peer {
        Peer::Domain(name) => Some(name.to_lowercase()),
        _ => None,
    };
    let of_rule = |rule: &Rule| rule.peers.iter().filter_map(name).collect::<Vec<_>>();
    own.chain(groups).flatten().flat_map(of_rule).collect()
}

/// The names that a policy's rules lead to.
pub(super) fn of_policy(compiled: &Compiled) -> BTreeSet<String> {
    compiled.canonical.domains.iter().map(|rule| rule.name.clone()).collect()
}

/// The addresses of a set that stands for addresses alone.
fn single(set: &AddressSet) -> Vec<IpAddr> {
    let of = |family: Family| {
        let each = move |(first, last): (u128, u128)| {
            let last = last.min(first.saturating_add(MOST as u128));
            (first..=last).map(move |number| family.address(number))
        };
        set.of(family).iter().flat_map(each)
    };
    Family::BOTH.into_iter().flat_map(of).take(MOST).collect()
}

fn sort(elements: &mut [Element]) {
    elements.sort_by(|one, other| one.first.cmp(&other.first));
}
