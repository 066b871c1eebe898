//! From the file and what was observed to the rules that hold on this host.
//!
//! A draft may be looked at and compared, but not applied: that takes what [`Draft::check`] makes of it.

mod derived;
mod finding;
mod limits;
mod local;
mod redundant;
mod resolve;
mod written;

#[cfg(test)]
mod tests;

pub use derived::site_ports;
pub use finding::{Finding, FindingKind, Severity};
pub use resolve::bridges;

use crate::addresses::AddressSet;
use crate::canonical::{Canonical, Facts};
use crate::compiled::Compiled;
use crate::observed::{Interface, InterfaceKind, Observed};
use crate::rule::{Direction, RuleView};
use derived::Sshd;
use model::plan::{Essential, Firewall, Group, InterfaceName, Name, Peer, Plan};
use resolve::Resolver;
use std::collections::{BTreeMap, BTreeSet};

/// A policy of this host that nobody has checked for a lock-out yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    compiled: Compiled,
    findings: Vec<Finding>,
}

impl Draft {
    /// Composes the policy of a host; `None` where the file has no `[firewall]`, and no packet is touched.
    ///
    /// `host` is what [`crate::identity::this_host`] says.
    #[must_use]
    pub fn compose(plan: &Plan, host: Option<&Name>, observed: &Observed) -> Option<Self> {
        let firewall = plan.policy.firewall.as_ref()?;
        let resolver = Resolver::new(plan, host, observed);
        let groups = written::groups(&resolver);
        let mut findings = Vec::new();
        let administration = observed.administration();
        let (nat, forwards) = match &plan.policy.nat {
            Some(nat) => {
                let (gateway, forwards) = derived::gateway(&resolver, nat, &mut findings);
                (Some(gateway), forwards)
            }
            None => (None, Vec::new()),
        };
        let sshd = Sshd { ports: &administration, nat: nat.as_ref() };
        let mut rules = written_rules(&resolver, firewall, &groups, &sshd, &mut findings);
        rules.extend(forwards);
        let containers = containers(Some(firewall), observed);
        if observed.forwarding && nat.is_none() && containers.is_empty() {
            findings.push(Finding { kind: FindingKind::ForwardingRefused, place: firewall.place.clone() });
        }
        findings.extend(other_host(&resolver));
        let vrf = |one: &&Interface| one.kind == InterfaceKind::Vrf && !one.addresses.is_empty();
        findings.extend(observed.interfaces.iter().filter(vrf).map(|one| Finding {
            kind: FindingKind::Vrf { interface: one.name.clone() },
            place: firewall.place.clone(),
        }));
        let essentials = Essential::ALL.into_iter().filter(|e| !firewall.without.contains(e)).collect();
        let facts = Facts {
            restricts_outbound: written::restricts_outbound(firewall, &groups),
            restricts_containers: firewall.container_outbound.is_some(),
            local: local::closed(&resolver, &rules),
            essentials,
            resolvers: observed.resolvers.iter().copied().collect(),
            administration,
            denied: denied(&resolver, firewall, &mut findings),
            containers,
            container_sources: resolver.peer(&Peer::Containers),
            nat,
        };
        findings.extend(redundant::find(&rules));
        findings.extend(limits::find(&rules, &facts.administration, &resolver.peer(&Peer::Internet)));
        let canonical = Canonical::of(&rules, facts);
        let domains = domains(&rules, observed);
        let bridges = bridges(&canonical.containers, &observed.interfaces);
        let compiled = Compiled { canonical, rules, host: host.cloned(), domains, bridges };
        Some(Self { compiled, findings })
    }

    /// The policy, to be looked at.
    #[must_use]
    pub const fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// What a person should know about it.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn into_compiled(self) -> Compiled {
        self.compiled
    }
}

/// Whether the policy is one for another machine: somebody named the host, or it has this machine's name.
fn other_host(resolver: &Resolver<'_>) -> Option<Finding> {
    let host = resolver.host.filter(|host| !host.addresses.is_empty() || !host.public.is_empty())?;
    let is_other = !crate::identity::is_here(host, resolver.observed);
    let kind = FindingKind::OtherHost { host: host.name.clone() };
    is_other.then(|| Finding { kind, place: host.place.clone() })
}

/// Rules of the file, then those of sites and sshd.
fn written_rules(
    resolver: &Resolver<'_>,
    firewall: &Firewall,
    groups: &[&Group],
    sshd: &Sshd<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<RuleView> {
    let written = written::rules(firewall, groups);
    let mut rules: Vec<RuleView> = written
        .iter()
        .filter_map(|(owner, direction, rule)| {
            written::view(resolver, owner.clone(), *direction, rule, findings)
        })
        .collect();
    rules.extend(derived::sites(resolver));
    rules.extend(derived::streams(resolver));
    rules.extend(derived::sshd(sshd, &written, findings));
    findings.extend(derived::way_in_expired(sshd, &written, &rules));
    rules
}

/// Interfaces of containers: those that were recognised, and those that the file names.
fn containers(firewall: Option<&Firewall>, observed: &Observed) -> BTreeSet<InterfaceName> {
    let patterns = firewall.map_or(&[][..], |firewall| &firewall.containers);
    let is_named = |name: &str| {
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
    };
    let seen = observed
        .interfaces
        .iter()
        .filter(|interface| interface.kind == InterfaceKind::Containers || is_named(&interface.name.0))
        .map(|interface| interface.name.clone());
    // A bridge that is not there yet is protected as soon as it comes.
    let exact = patterns.iter().filter(|pattern| !pattern.ends_with('*')).cloned().map(InterfaceName);
    seen.chain(exact).collect()
}

/// Everybody on a deny list.
fn denied(resolver: &Resolver<'_>, firewall: &Firewall, findings: &mut Vec<Finding>) -> AddressSet {
    let mut denied = AddressSet::empty();
    for peer in &firewall.deny {
        match peer {
            Peer::File(path) if !matches!(resolver.observed.lists.get(path), Some(Ok(_))) => {
                let reason = resolver.observed.lists.get(path).and_then(|list| list.as_ref().err());
                let reason = reason.cloned().unwrap_or_default();
                let kind = FindingKind::ListNotRead { path: path.clone(), reason };
                let place = firewall.deny_files.get(path).unwrap_or(&firewall.place).clone();
                findings.push(Finding { kind, place });
            }
            peer => denied = denied.union(&resolver.peer(peer)),
        }
    }
    denied
}

/// The addresses that names of outbound rules have now.
fn domains(rules: &[RuleView], observed: &Observed) -> BTreeMap<String, AddressSet> {
    let names =
        rules.iter().filter(|rule| rule.direction != Direction::Inbound).flat_map(|rule| &rule.domains);
    let lookup = |name: &String| observed.domains.get(name).cloned().unwrap_or_default();
    names.map(|name| (name.clone(), AddressSet::from_addresses(lookup(name)))).collect()
}
