//! Rules that another rule makes superfluous.

use super::finding::{Finding, FindingKind};
use crate::rule::{Owner, RuleView};
use model::plan::Traffic;
use std::collections::HashMap;

/// Comparisons after which no more are made: a policy that large is not read by a person.
const BUDGET: usize = 2_000_000;

/// Written rules whose traffic and peers another, unconditional rule admits as well. Of two that admit the same, the
/// later one is found.
pub(super) fn find(rules: &[RuleView]) -> Vec<Finding> {
    let index = Index::of(rules);
    let mut budget = BUDGET;
    let mut findings = Vec::new();
    for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| is_candidate(rule)) {
        let by = index.candidates(rule).find(|&other| {
            budget = budget.saturating_sub(1);
            budget > 0 && other != at && covers(&rules[other], rule, other < at)
        });
        if let Some(by) = by.map(|by| rules[by].id.clone()) {
            let rule_id = rule.id.clone();
            let kind = if rule.is_unconditional() {
                FindingKind::Redundant { rule: rule_id, by }
            } else {
                FindingKind::ConditionWithoutEffect { rule: rule_id, by }
            };
            findings.push(Finding { kind, place: rule.place.clone() });
        }
    }
    findings
}

fn is_candidate(rule: &RuleView) -> bool {
    let is_written = !matches!(rule.owner, Owner::Derived(_));
    is_written && !rule.peers.is_empty() && rule.domains.is_empty() && !rule.this_host
}

/// Whether `wide` admits all that `narrow` does; of two equal rules only the earlier one covers the other.
pub(super) fn covers(wide: &RuleView, narrow: &RuleView, earlier: bool) -> bool {
    wide.is_unconditional()
        && wide.direction == narrow.direction
        && (wide.interface.is_none() || wide.interface == narrow.interface)
        && narrow.traffic.iter().all(|&traffic| wide.traffic.iter().any(|&other| includes(other, traffic)))
        && wide.peers.covers(&narrow.peers)
        && (earlier || !is_same(wide, narrow))
}

fn is_same(a: &RuleView, b: &RuleView) -> bool {
    b.is_unconditional() && a.peers == b.peers && a.interface == b.interface && {
        let includes = |a: &RuleView, b: &RuleView| {
            a.traffic.iter().all(|&one| b.traffic.iter().any(|&other| includes(other, one)))
        };
        includes(a, b) && includes(b, a)
    }
}

/// Whether one piece of traffic is part of another.
fn includes(wide: Traffic, narrow: Traffic) -> bool {
    match (wide, narrow) {
        (Traffic::All, _) => true,
        (
            Traffic::Ports { transport: a, first, last },
            Traffic::Ports { transport: b, first: f, last: l },
        ) => a == b && first <= f && l <= last,
        (Traffic::Icmp { v6: a, first, last }, Traffic::Icmp { v6: b, first: f, last: l }) => {
            a == b && first <= f && l <= last
        }
        (Traffic::Protocol(a), Traffic::Protocol(b)) => a == b,
        _ => false,
    }
}

/// Rules by their traffic: what covers a rule has the very traffic that the rule has first, or is about more than one
/// port.
struct Index {
    exact: HashMap<Traffic, Vec<usize>>,
    wide: Vec<usize>,
}

impl Index {
    fn of(rules: &[RuleView]) -> Self {
        let mut index = Self { exact: HashMap::new(), wide: Vec::new() };
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.is_unconditional()) {
            for &traffic in &rule.traffic {
                index.exact.entry(traffic).or_default().push(at);
            }
            if rule.traffic.iter().any(|&traffic| !is_single(traffic)) {
                index.wide.push(at);
            }
        }
        index
    }

    fn candidates(&self, rule: &RuleView) -> impl Iterator<Item = usize> + '_ {
        let exact = rule.traffic.first().and_then(|traffic| self.exact.get(traffic));
        exact.into_iter().flatten().chain(&self.wide).copied()
    }
}

const fn is_single(traffic: Traffic) -> bool {
    match traffic {
        Traffic::All => false,
        Traffic::Ports { first, last, .. } | Traffic::Icmp { first, last, .. } => first == last,
        Traffic::Protocol(_) => true,
    }
}
