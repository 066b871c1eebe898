//! What containers are answered, where the file restricts whom they may ask: an answer passes as long as its container
//! may still ask.
//!
//! It is asked where packets are forwarded, since before routing an answer still goes to this host's address.

use super::frame::Generations;
use super::outbound::{Asked, to_names};
use super::rule::{ICMP, ICMP6, rule};
use super::{InSlot, names};
use crate::canonical::Canonical;
use crate::nft::{Base, Chain, ChainKind, Hook, Rule, Table};

/// Whether a policy restricts what containers may reach.
pub(super) fn restricts(canonical: &Canonical) -> bool {
    canonical.container_outbound.is_some() && !canonical.containers.is_empty()
}

/// Writes the base chain and `X_back`, where a generation needs them.
pub(super) fn write(table: &mut Table, steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) {
    let slots = || [Some(steady), trial].into_iter().flatten();
    if !slots().any(|generation| restricts(generation.canonical)) {
        return;
    }
    let base = Base { kind: ChainKind::Filter, hook: Hook::Forward, priority: -110, accept: true };
    // What was asked by a published port was judged before routing, by whoever may use the port.
    let answer = rule().reply().without_destination_nat();
    let rules = Generations::of(steady, trial).goto(&answer, "back");
    table.chains.insert("forward".to_owned(), Chain { base: Some(base), rules });
    for generation in slots() {
        let rules = if restricts(generation.canonical) {
            restricted(table, generation)
        } else {
            vec![rule().accept()]
        };
        table.chain(&names::of(generation.slot, "back"), rules);
    }
}

fn restricted(table: &mut Table, generation: &InSlot<'_>) -> Vec<Rule> {
    let name = |what| names::of(generation.slot, what);
    // Within one bridge nothing is judged, in neither direction.
    let bridged = |one: &model::plan::InterfaceName| rule().input_is(&one.0).output_is(&one.0).accept();
    let mut rules = vec![rule().output_not_in(&name("ct")).accept()];
    rules.extend(generation.canonical.containers.iter().map(bridged));
    // Errors, and answers to single questions, each of which was judged.
    rules.extend([ICMP, ICMP6].map(|protocol| rule().protocol(protocol).accept()));
    rules.extend(to_names(table, generation, Asked::Answers));
    rules.push(rule().goto(&name("ct_from")));
    rules
}
