//! From rules in any order and number to the one form that they share.

use super::spans::Layout;
use super::{
    Canonical, Denied, Directed, DomainRule, Gateway, LocalPort, LocalUsers, Matrix, Protocols, sweep,
};
use crate::addresses::{AddressSet, Family};
use crate::rule::{Direction, RuleView};
use model::plan::{Essential, InterfaceName, Traffic};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What decides about packets besides rules; the fields are those of [`Canonical`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether only outbound rules let this host reach others.
    pub restricts_outbound: bool,
    /// Whether only rules let containers reach others.
    pub restricts_containers: bool,
    /// Ports that only some users of this host may connect to.
    pub local: BTreeMap<LocalPort, LocalUsers>,
    /// Essentials that are on.
    pub essentials: BTreeSet<Essential>,
    /// The resolvers of this host.
    pub resolvers: BTreeSet<IpAddr>,
    /// The TCP ports of sshd.
    pub administration: BTreeSet<u16>,
    /// Sources that are refused before any rule is asked.
    pub denied: AddressSet,
    /// Interfaces of containers.
    pub containers: BTreeSet<InterfaceName>,
    /// Addresses behind them; none count where there are no such interfaces.
    pub container_sources: AddressSet,
    /// This host as a gateway.
    pub nat: Option<Gateway>,
}

impl Canonical {
    /// The form of a set of rules, which are in the order of the file.
    #[must_use]
    pub fn of(rules: &[RuleView], facts: Facts) -> Self {
        let directed = |direction| {
            let rules: Vec<&RuleView> = rules.iter().filter(|rule| rule.direction == direction).collect();
            Directed::of(&rules)
        };
        // Without an interface that they may come in by, all of them would count as forged.
        let behind = !facts.containers.is_empty();
        Self {
            inbound: directed(Direction::Inbound),
            outbound: facts.restricts_outbound.then(|| directed(Direction::Outbound)),
            container_outbound: facts.restricts_containers.then(|| directed(Direction::ContainerOutbound)),
            domains: domains(rules, &facts),
            local: facts.local,
            essentials: facts.essentials,
            resolvers: facts.resolvers,
            administration: facts.administration,
            denied: Denied { v4: facts.denied.v4.into(), v6: facts.denied.v6.into() },
            containers: facts.containers,
            container_sources: if behind { facts.container_sources } else { AddressSet::empty() },
            nat: facts.nat,
        }
    }
}

impl Directed {
    fn of(rules: &[&RuleView]) -> Self {
        let named: BTreeSet<&InterfaceName> =
            rules.iter().filter_map(|rule| rule.interface.as_ref()).collect();
        let elsewhere = matrix(rules, None);
        let interfaces = named
            .into_iter()
            .map(|name| (name.clone(), matrix(rules, Some(name))))
            .filter(|(_, matrix)| *matrix != elsewhere)
            .collect();
        Self { elsewhere, interfaces }
    }
}

/// The rules of an interface and those for any, united.
fn matrix(rules: &[&RuleView], interface: Option<&InterfaceName>) -> Matrix {
    let is_here = |rule: &&&RuleView| rule.interface.is_none() || rule.interface.as_ref() == interface;
    let rules: Vec<&RuleView> = rules.iter().filter(is_here).copied().collect();
    Matrix { v4: protocols(&rules, Family::V4), v6: protocols(&rules, Family::V6) }
}

fn protocols(rules: &[&RuleView], family: Family) -> Protocols {
    let layout = Layout::of(rules, family);
    let rest = sweep::peers(rules, family, &layout.all);
    let keyed =
        layout.keyed.iter().map(|(&protocol, spans)| (protocol, sweep::keys(rules, family, spans))).collect();
    let plain = layout
        .plain
        .iter()
        .map(|(&protocol, named)| {
            (protocol, sweep::peers(rules, family, &named.union(&layout.all).copied().collect()))
        })
        .filter(|(_, peers)| *peers != rest)
        .collect();
    Protocols { keyed, plain, rest }
}

/// Rules to names. A name cannot carry a condition: such a rule is left out here, and found in the draft.
fn domains(rules: &[RuleView], facts: &Facts) -> Vec<DomainRule> {
    let mut domains = BTreeSet::new();
    for rule in rules.iter().filter(|rule| rule.is_unconditional() && rule.interface.is_none()) {
        let containers = match rule.direction {
            Direction::Outbound if facts.restricts_outbound => false,
            Direction::ContainerOutbound if facts.restricts_containers => true,
            _ => continue,
        };
        for name in &rule.domains {
            let of = |&traffic| DomainRule {
                name: name.to_ascii_lowercase(),
                containers,
                traffic: interval(traffic),
                rule: rule.id.clone(),
            };
            domains.extend(rule.traffic.iter().map(of));
        }
    }
    domains.into_iter().collect()
}

/// Protocol and interval of keys; `None` is everything.
const fn interval(traffic: Traffic) -> Option<(u8, u16, u16)> {
    match traffic {
        Traffic::All => None,
        Traffic::Ports { transport, first, last } => Some((transport.number(), first, last)),
        Traffic::Icmp { v6, first, last } => Some((if v6 { 58 } else { 1 }, first, last)),
        Traffic::Protocol(number) => Some((number, 0, u16::MAX)),
    }
}
