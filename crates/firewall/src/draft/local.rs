//! Ports of services on this host, which only the gate may connect to.

use super::resolve::Resolver;
use crate::addresses::Family;
use crate::canonical::{LocalPort, LocalUsers};
use crate::rule::{Derived, Direction, Owner, RuleView};
use model::plan::{TargetAddress, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// Closes the port of every instance on this host that its gate leads to, but for ports that a rule opens to `this-host`
/// and those where the gate itself listens. Where instances live and no gate leads to them, there is nobody whom a local
/// user could go around; who comes from other hosts is a matter of rules.
pub(super) fn closed(resolver: &Resolver<'_>, rules: &[RuleView]) -> BTreeMap<LocalPort, LocalUsers> {
    let own: BTreeSet<u16> = rules.iter().filter_map(gate_port).collect();
    let mut closed = BTreeMap::new();
    for service in &resolver.plan.services {
        for instance in &service.instances {
            let TargetAddress::Tcp { port, .. } = instance.address else { continue };
            let is_ours = resolver.is_led_to(service) && resolver.is_here(service, &instance.address);
            if own.contains(&port) || is_open(rules, port) || !is_ours {
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
