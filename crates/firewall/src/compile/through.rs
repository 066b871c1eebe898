//! What would pass through this host: from containers and, where it is a gateway, from its private side.
//!
//! What containers are answered is the business of `back`.

use super::rule::{NEW, rule};
use super::{InSlot, cut, names, outbound, sets};
use crate::nft::{Rule, Table};

/// Writes `X_through` and the set of inside interfaces.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let slot = generation.slot;
    let refuse = names::of(slot, "refuse");
    // Connection tracking takes up a connection in its midst, as if the next packet opened it. So one that was forbidden
    // and that its client reset would come back as a connection of the container, with the client's packets as answers.
    let mut rules = vec![rule().tcp_goes_on().state(NEW).goto(&refuse), cut::asked(generation)];
    if !generation.canonical.containers.is_empty() {
        rules.extend(containers(table, generation));
    }
    let inside = generation.canonical.nat.iter().flat_map(|nat| &nat.inside).collect::<Vec<_>>();
    if !inside.is_empty() {
        let name = names::of(slot, "inside");
        rules.push(rule().input_in(&name).accept());
        table.sets.insert(name, sets::interfaces(inside));
    }
    rules.push(rule().goto(&refuse));
    table.chain(&names::of(slot, "through"), rules);
}

fn containers(table: &mut Table, generation: &InSlot<'_>) -> Vec<Rule> {
    let slot = generation.slot;
    let from = rule().input_in(&names::of(slot, "ct"));
    if generation.canonical.container_outbound.is_none() {
        return vec![from.accept()];
    }
    // With br_netfilter, frames between containers of one bridge are seen here; a route would send them back to it.
    let bridged = |name: &model::plan::InterfaceName| rule().input_is(&name.0).routed_to(&name.0).accept();
    let chain = names::of(slot, "ct_out");
    let mut rules: Vec<Rule> =
        outbound::to_names(table, generation, outbound::Asked::Containers).into_iter().collect();
    rules.push(rule().goto(&names::of(slot, "ct_to")));
    table.chain(&chain, rules);
    generation.canonical.containers.iter().map(bridged).chain([from.goto(&chain)]).collect()
}
