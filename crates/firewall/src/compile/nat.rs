//! This host as a gateway: ports that lead to other hosts, and sources that leave with its address.

use super::frame::Generations;
use super::outbound::key_offset;
use super::rule::{LOCAL, Position, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::canonical::Gateway;
use crate::nft::{Base, Chain, ChainKind, Hook, Rule, Table};

/// Writes the chains of NAT where a generation is a gateway.
pub(super) fn write(table: &mut Table, steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) {
    let slots = || [Some(steady), trial].into_iter().flatten();
    if slots().all(|generation| generation.canonical.nat.is_none()) {
        return;
    }
    let generations = Generations::of(steady, trial);
    let base = |hook, priority| Some(Base { kind: ChainKind::Nat, hook, priority, accept: true });
    let mut leaving = vec![rule().out_by_loopback().accept()];
    leaving.extend(generations.goto(&rule(), "nat_post"));
    let pre = Chain { base: base(Hook::Prerouting, -100), rules: generations.goto(&rule(), "nat_pre") };
    let post = Chain { base: base(Hook::Postrouting, 100), rules: leaving };
    table.chains.extend([("nat_pre".to_owned(), pre), ("nat_post".to_owned(), post)]);
    for generation in slots() {
        let none = Gateway::default();
        let gateway = generation.canonical.nat.as_ref().unwrap_or(&none);
        table.chain(&names::of(generation.slot, "nat_pre"), forwards(gateway));
        let masquerade = masquerade(table, generation, gateway);
        table.chain(&names::of(generation.slot, "nat_post"), masquerade);
    }
}

fn forwards(gateway: &Gateway) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (ports, target) in &gateway.forwards {
        let family = if ports.v6 { Family::V6 } else { Family::V4 };
        let Some(offset) = key_offset(ports.protocol) else { continue };
        let to_us = rule().family(family).protocol(ports.protocol).key(offset, ports.first, ports.last);
        rules.push(to_us.destination_type(LOCAL).destination_nat(target.address, target.port));
    }
    rules
}

fn masquerade(table: &mut Table, generation: &InSlot<'_>, gateway: &Gateway) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (family, list) in [(Family::V4, &gateway.masquerade_v4), (Family::V6, &gateway.masquerade_v6)] {
        if list.is_empty() {
            continue;
        }
        let name = names::by_family(generation.slot, "masq", family);
        table.sets.insert(name.clone(), sets::intervals(family, list));
        let leaving = rule().family(family).address_in(family, Position::Source, &name);
        let leaving = if gateway.inside.is_empty() {
            leaving
        } else {
            leaving.output_not_in(&names::of(generation.slot, "inside"))
        };
        rules.push(leaving.masquerade());
    }
    rules
}
