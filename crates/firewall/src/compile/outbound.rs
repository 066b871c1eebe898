//! What this host sends to others, and rules to names.

use super::rule::{ICMP, ICMP6, Position, Sentence, TCP, UNTRACKED, rule};
use super::{InSlot, names, raw, sets};
use crate::addresses::Family;
use crate::canonical::DomainRule;
use crate::nft::{Rule, Table};
use model::plan::Transport;

/// Writes `X_out`, `X_names` and `X_ct_names`.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let slot = generation.slot;
    let mut rules = Vec::new();
    if !raw::untracked_ports(generation.canonical).is_empty() {
        let answer = rule().state(UNTRACKED).protocol(TCP);
        rules.push(answer.source_port_in(&names::of(slot, raw::PORTS)).accept());
    }
    if generation.canonical.outbound.is_none() {
        rules.push(rule().accept());
    } else {
        rules.push(rule().jump(&names::of(slot, "ess_out")));
        rules.extend(to_names(table, generation, false));
        rules.push(rule().goto(&names::of(slot, "to")));
    }
    table.chain(&names::of(slot, "out"), rules);
    for index in 0..names::domains(generation.canonical).len() {
        for family in Family::BOTH {
            let set = sets::live(vec![sets::address(family)]);
            table.sets.insert(names::domain(slot, index, family), set);
        }
    }
}

/// A jump to the rules to names of a direction, where it has any; writes their chain.
pub(super) fn to_names(table: &mut Table, generation: &InSlot<'_>, containers: bool) -> Option<Rule> {
    let domains = names::domains(generation.canonical);
    let mut rules = Vec::new();
    for domain in generation.canonical.domains.iter().filter(|rule| rule.containers == containers) {
        let index = domains.binary_search(&domain.name.as_str()).expect("`domains` lists every name");
        for family in Family::BOTH {
            let set = names::domain(generation.slot, index, family);
            let to = rule().family(family).address_in(family, Position::Destination, &set);
            rules.push(traffic(to, domain).count(&names::counter(&domain.rule)).accept());
        }
    }
    let name = names::of(generation.slot, if containers { "ct_names" } else { "names" });
    (!rules.is_empty()).then(|| {
        table.chain(&name, rules);
        rule().jump(&name)
    })
}

fn traffic(sentence: Sentence, domain: &DomainRule) -> Sentence {
    match domain.traffic {
        None => sentence,
        Some((protocol, first, last)) => match key_offset(protocol) {
            Some(offset) => sentence.protocol(protocol).key(offset, first, last),
            None => sentence.protocol(protocol),
        },
    }
}

/// Where a protocol has its key, counted from its header, if it has one.
pub(super) fn key_offset(protocol: u8) -> Option<u32> {
    if Transport::ALL.iter().any(|transport| transport.number() == protocol) {
        Some(2)
    } else if [ICMP, ICMP6].contains(&protocol) {
        Some(0)
    } else {
        None
    }
}
