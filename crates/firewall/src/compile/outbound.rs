//! What this host sends to others, and rules to names.

use super::rule::{ICMP, ICMP6, Position, Sentence, TCP, UNTRACKED, rule};
use super::{InSlot, cut, names, raw, sets};
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
    rules.push(cut::asked(generation));
    if generation.canonical.outbound.is_none() {
        rules.push(rule().accept());
    } else {
        rules.push(rule().jump(&names::of(slot, "ess_out")));
        rules.extend(to_names(table, generation, Asked::Own));
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

/// Which packets rules to names are asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Those of this host.
    Own,
    /// Those of containers.
    Containers,
    /// Those that answer containers.
    Answers,
}

/// A jump to the rules to names, where there are any; writes their chain.
pub(super) fn to_names(table: &mut Table, generation: &InSlot<'_>, asked: Asked) -> Option<Rule> {
    let (name, position) = match asked {
        Asked::Own => ("names", Position::Destination),
        Asked::Containers => ("ct_names", Position::Destination),
        Asked::Answers => ("ct_named", Position::OriginalDestination),
    };
    let domains = names::domains(generation.canonical);
    let containers = asked != Asked::Own;
    let mut rules = Vec::new();
    for domain in generation.canonical.domains.iter().filter(|rule| rule.containers == containers) {
        let index = domains.binary_search(&domain.name.as_str()).expect("`domains` lists every name");
        for family in Family::BOTH {
            let set = names::domain(generation.slot, index, family);
            let to = traffic(rule().family(family).address_in(family, position, &set), domain, position);
            rules.push(match asked {
                Asked::Answers => to.accept(),
                _ => to.count(&names::counter(&domain.rule)).accept(),
            });
        }
    }
    let name = names::of(generation.slot, name);
    (!rules.is_empty()).then(|| {
        table.chain(&name, rules);
        rule().jump(&name)
    })
}

fn traffic(sentence: Sentence, domain: &DomainRule, position: Position) -> Sentence {
    let Some((protocol, first, last)) = domain.traffic else { return sentence };
    let sentence = sentence.protocol(protocol);
    match key_offset(protocol) {
        Some(_) if position.is_original() => sentence.original_key(first, last),
        Some(offset) => sentence.key(offset, first, last),
        None => sentence,
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
