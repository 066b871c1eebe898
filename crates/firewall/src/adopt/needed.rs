//! Rules that say something: what another rule admits without a condition need not be written as well.

use super::ImportedRule;
use super::compare::holds;

/// The rules without those that another one admits all of.
pub(super) fn needed(rules: &[ImportedRule]) -> Vec<ImportedRule> {
    let is_needed = |(at, rule): &(usize, &ImportedRule)| {
        let others = rules.iter().enumerate().filter(|(other, _)| other != at);
        !others.into_iter().any(|(other, wide)| covers(wide, rule) && (other < *at || !covers(rule, wide)))
    };
    rules.iter().enumerate().filter(is_needed).map(|(_, rule)| rule.clone()).collect()
}

fn covers(wide: &ImportedRule, narrow: &ImportedRule) -> bool {
    wide.limit.is_none()
        && (wide.interface.is_none() || wide.interface == narrow.interface)
        && narrow.traffic.iter().all(|piece| wide.traffic.iter().any(|all| holds(*all, *piece)))
        && wide.peers.covers(&narrow.peers)
}
