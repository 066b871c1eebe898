//! Limits that keep the wrong people out.

use super::finding::{Finding, FindingKind};
use super::redundant;
use crate::addresses::{AddressSet, Family};
use crate::rule::{Direction, RuleView};
use std::collections::BTreeSet;

/// Rules that limit a port of sshd for sources as many as the internet has. Packets that open connections can claim to
/// come from any of them, so that whoever is to be let in finds the limit used up. A limit without effect keeps
/// nobody out.
pub(super) fn find(
    rules: &[RuleView],
    administration: &BTreeSet<u16>,
    internet: &AddressSet,
) -> Vec<Finding> {
    let is_wide =
        |peers: &AddressSet| Family::BOTH.iter().any(|&family| peers.covers(&internet.only(family)));
    let limited = rules.iter().filter(|rule| rule.direction == Direction::Inbound && rule.limit.is_some());
    limited
        .filter(|rule| is_wide(&rule.peers))
        .filter(|rule| !rules.iter().any(|other| redundant::covers(other, rule, true)))
        .filter_map(|rule| {
            let covers = |port: &&u16| Family::BOTH.iter().any(|&family| rule.is_about(family, TCP, **port));
            let port = *administration.iter().find(covers)?;
            let kind = FindingKind::LimitForAnybody { rule: rule.id.clone(), port };
            Some(Finding { kind, place: rule.place.clone() })
        })
        .collect()
}

const TCP: u8 = 6;
