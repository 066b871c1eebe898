//! The rules of the file that hold on this host.

use super::finding::{Finding, FindingKind};
use super::resolve::{Resolver, texts};
use crate::addresses::AddressSet;
use crate::rule::{Direction, Owner, RuleView};
use model::plan::{Firewall, Group, InterfaceName, Name, Peer, Rule};
use std::collections::BTreeSet;

/// The groups whose rules hold here: those of this host and of services that run on it, in the order of the file.
pub(super) fn groups<'a>(resolver: &Resolver<'a>) -> Vec<&'a Group> {
    let plan = resolver.plan;
    let services = plan.services.iter().filter(|s| !s.groups.is_empty() && resolver.runs_here(s));
    let carried: BTreeSet<&Name> =
        resolver.own_groups().iter().chain(services.flat_map(|service| &service.groups)).collect();
    plan.policy.groups.iter().filter(|group| carried.contains(&group.name)).collect()
}

/// Whether only rules let this host reach others.
pub(super) fn restricts_outbound(firewall: &Firewall, groups: &[&Group]) -> bool {
    firewall.outbound.is_some() || groups.iter().any(|group| group.outbound.is_some())
}

/// Every rule of the file that holds here, expired ones too: rules of the machine first, then groups in the order of
/// the file.
pub(super) fn rules<'a>(firewall: &'a Firewall, groups: &[&'a Group]) -> Vec<(Owner, Direction, &'a Rule)> {
    let mut rules = Vec::new();
    let mut add = |owner: Owner, direction, list: &'a [Rule]| {
        rules.extend(list.iter().map(|rule| (owner.clone(), direction, rule)));
    };
    add(Owner::Machine, Direction::Inbound, &firewall.inbound);
    for group in groups {
        add(Owner::Group(group.name.clone()), Direction::Inbound, &group.inbound);
    }
    add(Owner::Machine, Direction::Outbound, firewall.outbound.as_deref().unwrap_or(&[]));
    for group in groups {
        let owner = Owner::Group(group.name.clone());
        add(owner, Direction::Outbound, group.outbound.as_deref().unwrap_or(&[]));
    }
    let containers = firewall.container_outbound.as_deref().unwrap_or(&[]);
    add(Owner::Machine, Direction::ContainerOutbound, containers);
    rules
}

/// A rule with its names resolved; `None`, with a finding, where its time is over.
pub(super) fn view(
    resolver: &Resolver<'_>,
    owner: Owner,
    direction: Direction,
    rule: &Rule,
    findings: &mut Vec<Finding>,
) -> Option<RuleView> {
    let mut find = |kind| findings.push(Finding { kind, place: rule.place.clone() });
    if rule.expires.is_some_and(|end| end <= resolver.observed.now) {
        find(FindingKind::Expired { rule: rule.id.clone(), label: rule.label.clone() });
        return None;
    }
    let subject = || format!("rule {}", rule.id);
    for peer in rule.peers.iter().filter(|peer| is_stale(resolver, peer)) {
        find(FindingKind::StalePeer { subject: subject(), peer: peer.to_string() });
    }
    if let Some(interface) = rule.interface.as_ref().filter(|name| !is_there(resolver, name)) {
        find(FindingKind::MissingInterface { subject: subject(), interface: interface.clone() });
    }
    let domains = domains(rule, direction);
    if !domains.is_empty() && (rule.limit.is_some() || rule.expires.is_some() || rule.interface.is_some()) {
        find(FindingKind::ConditionOnName { rule: rule.id.clone() });
    }
    Some(RuleView {
        id: rule.id.clone(),
        label: rule.label.clone(),
        owner,
        direction,
        traffic: rule.traffic.clone(),
        peers_text: texts(&rule.peers),
        peers: union(resolver, &rule.peers),
        domains,
        this_host: direction == Direction::Inbound && rule.peers.contains(&Peer::ThisHost),
        interface: rule.interface.clone(),
        limit: rule.limit,
        expires: rule.expires,
        note: rule.note.clone(),
        place: rule.place.clone(),
    })
}

/// The addresses of all of these peers.
pub(super) fn union(resolver: &Resolver<'_>, peers: &[Peer]) -> AddressSet {
    match peers {
        [one] => resolver.peer(one),
        many => many.iter().fold(AddressSet::empty(), |all, peer| all.union(&resolver.peer(peer))),
    }
}

fn domains(rule: &Rule, direction: Direction) -> Vec<String> {
    let name = |peer: &Peer| match peer {
        Peer::Domain(name) if direction != Direction::Inbound => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    rule.peers.iter().filter_map(name).collect()
}

/// Whether a peer is nobody at present. Names are resolved while the policy is in force.
fn is_stale(resolver: &Resolver<'_>, peer: &Peer) -> bool {
    !matches!(peer, Peer::ThisHost | Peer::Domain(_)) && resolver.peer(peer).is_empty()
}

fn is_there(resolver: &Resolver<'_>, name: &InterfaceName) -> bool {
    resolver.observed.interfaces.iter().any(|interface| interface.name == *name)
}
