//! Ports of services on this host, which only the gate may connect to.

use super::resolve::Resolver;
use crate::addresses::Family;
use crate::canonical::{LocalPort, LocalUsers};
use crate::rule::{Derived, Direction, Owner, RuleView};
use model::plan::{TargetAddress, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// Closes the port of every instance on this host, but for ports that a rule opens to `this-host` and those where the
/// gate itself listens.
pub(super) fn closed(resolver: &Resolver<'_>, rules: &[RuleView]) -> BTreeMap<LocalPort, LocalUsers> {
    let own: BTreeSet<u16> = rules.iter().filter_map(gate_port).collect();
    let mut closed = BTreeMap::new();
    for service in &resolver.plan.services {
        for instance in &service.instances {
            let TargetAddress::Tcp { port, .. } = instance.address else { continue };
            if own.contains(&port) || is_open(rules, port) || !resolver.is_here(service, &instance.address) {
                continue;
            }
            closed.entry(LocalPort { protocol: 6, port }).or_insert_with(|| LocalUsers {
                users: BTreeSet::from([resolver.observed.gate_user]),
                service: service.name.clone(),
            });
        }
    }
    closed
}

/// The TCP port where the gate listens, of a rule that was derived from that.
const fn gate_port(rule: &RuleView) -> Option<u16> {
    match rule.owner {
        Owner::Derived(
            Derived::Site { port, .. } | Derived::Stream { transport: Transport::Tcp, port, .. },
        ) => Some(port),
        _ => None,
    }
}

/// Whether a rule opens the port to users of this host.
fn is_open(rules: &[RuleView], port: u16) -> bool {
    rules.iter().any(|rule| {
        rule.this_host && rule.direction == Direction::Inbound && rule.is_about(Family::V4, 6, port)
    })
}
