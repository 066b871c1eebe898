//! What a new policy changes: the rules, and what they make reachable, exactly.

mod reach;
mod sweep;

#[cfg(test)]
mod tests;

pub use reach::{Reach, ReachInterface, ReachProtocol};

use crate::addresses::AddressSet;
use crate::canonical::{Canonical, Denied, DomainRule, LocalPort, LocalUsers};
use crate::compiled::Compiled;
use crate::rule::{Direction, RuleView};
use model::plan::{Essential, Place, RuleId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a new policy changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// There was no policy before: everything that is not said to be open closes.
    pub first: bool,
    /// Rules that are new.
    pub added: Vec<RuleView>,
    /// Rules that are gone.
    pub removed: Vec<RuleView>,
    /// Rules of the same identity that say something else, before and after.
    pub changed: Vec<(RuleView, RuleView)>,
    /// Who may reach this host.
    pub inbound: Change,
    /// What this host may reach.
    pub outbound: Change,
    /// What containers may reach.
    pub containers: Change,
    /// Local ports that more users, or all, may connect to.
    pub local_opened: Vec<LocalChange>,
    /// Local ports that fewer users may connect to.
    pub local_closed: Vec<LocalChange>,
    /// Sources that are on a deny list now.
    pub denied: AddressSet,
    /// Sources that are on none any more.
    pub no_longer_denied: AddressSet,
    /// Essentials that are on now.
    pub essentials_on: BTreeSet<Essential>,
    /// Essentials that are off now.
    pub essentials_off: BTreeSet<Essential>,
    /// Rules to DNS names that are new; rules that only bear another identity are not.
    pub names_opened: Vec<DomainRule>,
    /// Rules to DNS names that are gone.
    pub names_closed: Vec<DomainRule>,
    /// Other facts that decide about packets and are not as before.
    pub facts: BTreeSet<Fact>,
}

/// What a new policy changes in one direction. The lines of a list may overlap; together they say all, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was refused and is admitted.
    pub opened: Vec<Reach>,
    /// What was admitted and is refused.
    pub closed: Vec<Reach>,
    /// What stays admitted with other conditions (limits, ends).
    pub conditions: Vec<Reach>,
}

impl Change {
    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.opened.is_empty() && self.closed.is_empty() && self.conditions.is_empty()
    }
}

/// A port of a local service whose users change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalChange {
    /// The port.
    pub port: LocalPort,
    /// Whose port it is or was: `service NAME` or `stream NAME`.
    pub service: String,
    /// The users that may connect to it now; `None` is all of them.
    pub users: Option<BTreeSet<u32>>,
}

/// A fact that decides about packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// The ports of sshd.
    Administration,
    /// The resolvers of this host.
    Resolvers,
    /// The interfaces of containers, and the addresses behind them.
    Containers,
    /// What this host is a gateway for.
    Gateway,
}

impl Difference {
    /// Whether some packet is judged otherwise than before.
    #[must_use]
    pub fn changes_packets(&self) -> bool {
        let rules = Self {
            added: self.added.clone(),
            removed: self.removed.clone(),
            changed: self.changed.clone(),
            ..Self::default()
        };
        *self != rules
    }

    /// Whether nothing is as before but the places of rules in the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What `new` changes. Without an old policy all of what is admitted counts as opened.
#[must_use]
pub fn difference(old: Option<&Compiled>, new: &Compiled) -> Difference {
    let nothing;
    let before = match old {
        Some(old) => &old.canonical,
        None => {
            nothing = Canonical::of(&[], crate::canonical::Facts::default());
            &nothing
        }
    };
    let mut difference = facts(before, &new.canonical);
    difference.first = old.is_none();
    rules(old.map_or(&[], |old| &old.rules), &new.rules, &mut difference);
    let (before, after) = (before.erased(), new.canonical.erased());
    difference.inbound = sweep::change(Direction::Inbound, Some(&before.inbound), Some(&after.inbound));
    difference.outbound =
        sweep::change(Direction::Outbound, before.outbound.as_ref(), after.outbound.as_ref());
    difference.containers = sweep::change(
        Direction::ContainerOutbound,
        before.container_outbound.as_ref(),
        after.container_outbound.as_ref(),
    );
    difference.names_opened = only_in(&after.domains, &before.domains, &new.canonical.domains);
    difference.names_closed =
        only_in(&before.domains, &after.domains, old.map_or(&[], |old| &old.canonical.domains));
    difference
}

/// Everything but rules and what they admit.
fn facts(old: &Canonical, new: &Canonical) -> Difference {
    let (was, is) = (addresses(&old.denied), addresses(&new.denied));
    let (local_opened, local_closed) = local(&old.local, &new.local);
    let changed = [
        (Fact::Administration, old.administration != new.administration),
        (Fact::Resolvers, old.resolvers != new.resolvers),
        (
            Fact::Containers,
            (&old.containers, &old.container_sources) != (&new.containers, &new.container_sources),
        ),
        (Fact::Gateway, old.nat != new.nat),
    ];
    Difference {
        local_opened,
        local_closed,
        denied: is.subtract(&was),
        no_longer_denied: was.subtract(&is),
        essentials_on: new.essentials.difference(&old.essentials).copied().collect(),
        essentials_off: old.essentials.difference(&new.essentials).copied().collect(),
        facts: changed.into_iter().filter(|(_, changed)| *changed).map(|(fact, _)| fact).collect(),
        ..Difference::default()
    }
}

fn addresses(denied: &Denied) -> AddressSet {
    AddressSet { v4: denied.v4.clone().into(), v6: denied.v6.clone().into() }
}

/// Rules by identity; their places do not matter.
fn rules(old: &[RuleView], new: &[RuleView], difference: &mut Difference) {
    let by_id = |rules: &[RuleView]| -> BTreeMap<RuleId, RuleView> {
        rules.iter().map(|rule| (rule.id.clone(), rule.clone())).collect()
    };
    let (old_rules, new_rules) = (by_id(old), by_id(new));
    let placeless = |rule: &RuleView| RuleView { place: Place::default(), ..rule.clone() };
    for rule in new {
        match old_rules.get(&rule.id) {
            None => difference.added.push(rule.clone()),
            Some(before) if placeless(before) != placeless(rule) => {
                difference.changed.push((before.clone(), rule.clone()));
            }
            Some(_) => {}
        }
    }
    difference.removed = old.iter().filter(|rule| !new_rules.contains_key(&rule.id)).cloned().collect();
}

/// Ports that more and that fewer users may connect to; where users are exchanged it is both.
fn local(
    old: &BTreeMap<LocalPort, LocalUsers>,
    new: &BTreeMap<LocalPort, LocalUsers>,
) -> (Vec<LocalChange>, Vec<LocalChange>) {
    let (mut opened, mut closed) = (Vec::new(), Vec::new());
    let ports: BTreeSet<LocalPort> = old.keys().chain(new.keys()).copied().collect();
    for port in ports {
        let (was, is) = (old.get(&port), new.get(&port));
        let service = is.or(was).map(|users| users.service.clone()).unwrap_or_default();
        let change = LocalChange { port, service, users: is.map(|users| users.users.clone()) };
        // No entry means every user.
        let exceeds = |a: Option<&LocalUsers>, b: Option<&LocalUsers>| match (a, b) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(a), Some(b)) => !a.users.is_subset(&b.users),
        };
        if exceeds(is, was) {
            opened.push(change.clone());
        }
        if exceeds(was, is) {
            closed.push(change);
        }
    }
    (opened, closed)
}

/// Rules to names of one policy that the other has not; both erased. The rule that says so comes from `named`.
fn only_in(one: &[DomainRule], other: &[DomainRule], named: &[DomainRule]) -> Vec<DomainRule> {
    let same = |a: &DomainRule, b: &DomainRule| {
        (&a.name, a.containers, a.traffic) == (&b.name, b.containers, b.traffic)
    };
    one.iter()
        .filter(|domain| !other.contains(domain))
        .filter_map(|domain| named.iter().find(|rule| same(rule, domain)).cloned())
        .collect()
}
