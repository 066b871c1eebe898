//! Before connection tracking: deny lists, forged sources of containers, and the administration ports, which are not tracked.

use super::rule::{LOCAL, Position, TCP, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::canonical::Canonical;
use crate::nft::{Element, Field, Rule, Table};
use std::collections::BTreeSet;

/// The set of administration ports.
pub(super) const PORTS: &str = "adm";

/// Writes `X_raw`, `X_raw_out` and their sets.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let slot = generation.slot;
    let mut inbound = denied(table, generation);
    inbound.extend(forged(table, generation));
    let mut outbound = Vec::new();
    let ports = untracked_ports(generation.canonical);
    if !ports.is_empty() {
        let name = names::of(slot, PORTS);
        let elements = ports.iter().map(|port| Element::one(port.to_be_bytes())).collect();
        table.sets.insert(name.clone(), sets::of(vec![Field::Port], elements));
        // Only what is for this host: what is routed through it may need its address rewritten.
        inbound.push(rule().protocol(TCP).destination_port_in(&name).destination_type(LOCAL).notrack());
        outbound.push(rule().protocol(TCP).source_port_in(&name).notrack());
    }
    table.chain(&names::of(slot, "raw"), inbound);
    table.chain(&names::of(slot, "raw_out"), outbound);
}

fn denied(table: &mut Table, generation: &InSlot<'_>) -> Vec<Rule> {
    let denied = &generation.canonical.denied;
    let mut rules = Vec::new();
    for (family, list) in [(Family::V4, &denied.v4), (Family::V6, &denied.v6)] {
        if !list.is_empty() {
            let name = names::by_family(generation.slot, "deny", family);
            table.sets.insert(name.clone(), sets::intervals(family, list));
            let source = rule().family(family).address_in(family, Position::Source, &name);
            rules.push(source.count("frame_denied").discard());
        }
    }
    rules
}

/// Sources that are of containers and come in by another interface: rules for containers go by address.
fn forged(table: &mut Table, generation: &InSlot<'_>) -> Vec<Rule> {
    let sources = &generation.canonical.container_sources;
    let mut rules = Vec::new();
    for (family, list) in [(Family::V4, &sources.v4), (Family::V6, &sources.v6)] {
        if !list.as_slice().is_empty() {
            let name = names::by_family(generation.slot, "cs", family);
            table.sets.insert(name.clone(), sets::intervals(family, list.as_slice()));
            let source = rule().family(family).address_in(family, Position::Source, &name);
            let elsewhere = source.input_not_in(&names::of(generation.slot, "ct"));
            rules.push(elsewhere.count("frame_forged").discard());
        }
    }
    rules
}

/// The administration ports, without those that are forwarded: rewriting needs connection tracking.
pub(super) fn untracked_ports(canonical: &Canonical) -> BTreeSet<u16> {
    let forwarded = |port: u16| {
        let forwards = canonical.nat.iter().flat_map(|nat| nat.forwards.keys());
        forwards.into_iter().any(|ports| ports.protocol == TCP && (ports.first..=ports.last).contains(&port))
    };
    canonical.administration.iter().copied().filter(|&port| !forwarded(port)).collect()
}
