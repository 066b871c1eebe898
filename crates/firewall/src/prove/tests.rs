//! Tables of random policies mean them, and no single error goes unseen.

use super::{Difference, equal};
use crate::addresses::Family;
use crate::canonical::{Admission, Canonical, Directed, KeyCell, Matrix, PeerCell, Protocols};
use crate::compile::samples::{everything, guard, interface, many, nothing, open, pairs, web};
use crate::compile::{InSlot, Slot, fixed, table};
use crate::nft::{Decision, Expression, Rule, Table, Verdict};
use crate::prove::packets;
use proptest::prelude::*;
use std::collections::BTreeMap;

const fn a(canonical: &Canonical) -> InSlot<'_> {
    InSlot { slot: Slot::A, canonical }
}

#[test]
fn compiled_tables_mean_their_policies() {
    for policy in [nothing_open(), web(), everything(), pairs(), many(300)] {
        let (steady, trial) = (InSlot { slot: Slot::B, canonical: &policy }, a(&policy));
        assert_eq!(equal(&table(&steady, Some(&trial)), &steady, Some(&trial)), Ok(()));
    }
}

fn nothing_open() -> Canonical {
    crate::compile::samples::closed()
}

#[test]
fn ten_thousand_rules_are_proved_without_asking_all_about_each() {
    let policy = many(10_000);
    assert_eq!(equal(&table(&a(&policy), None), &a(&policy), None), Ok(()));
}

#[test]
fn a_difference_is_a_packet() {
    let mut narrower = web();
    narrower.inbound.elsewhere.v4.keyed.get_mut(&6).expect("is there").retain(|cell| cell.first != 443);
    let difference = equal(&table(&a(&narrower), None), &a(&web()), None).expect_err("443 is missing");
    assert_eq!(
        difference.to_string(),
        "policy allows by r_web, table drops, 0.0.0.0 -> tcp/443",
        "{difference:?}"
    );
}

#[test]
fn a_policy_is_not_proved_by_the_table_of_another() {
    assert!(equal(&table(&a(&web()), None), &a(&everything()), None).is_err());
    assert!(equal(&table(&a(&everything()), None), &a(&web()), None).is_err());
    assert!(equal(&table(&a(&web()), None), &InSlot { slot: Slot::B, canonical: &web() }, None).is_err());
}

/// Every table that differs from this one by one error in its trees.
fn mutants(table: &Table, fixed: &Table) -> Vec<(String, Table)> {
    let mut found = Vec::new();
    for (name, chain) in table.chains.iter().filter(|(name, _)| !fixed.chains.contains_key(*name)) {
        for index in 0..chain.rules.len() {
            let mut mutant = table.clone();
            mutant.chains.get_mut(name).expect("is there").rules.remove(index);
            found.push((format!("{name}: rule {index} dropped"), mutant));
            for (what, rule) in broken_rules(&chain.rules[index]) {
                let mut mutant = table.clone();
                mutant.chains.get_mut(name).expect("is there").rules[index] = rule;
                found.push((format!("{name}: rule {index}: {what}"), mutant));
            }
        }
    }
    for (name, set) in table.sets.iter().filter(|(name, _)| !fixed.sets.contains_key(*name)) {
        for index in 0..set.elements.len() {
            let mut change = |what: &str, change: &dyn Fn(&mut Vec<crate::nft::Element>)| {
                let mut mutant = table.clone();
                change(&mut mutant.sets.get_mut(name).expect("is there").elements);
                found.push((format!("{name}: element {index}: {what}"), mutant));
            };
            change("dropped", &|elements| drop(elements.remove(index)));
            change("another first key", &|elements| bump(&mut elements[index].first));
            change("another last key", &|elements| bump(&mut elements[index].last));
            if set.counters {
                change("another counter", &|elements| elements[index].counter = Some("r_web".to_owned()));
                change("no counter", &|elements| elements[index].counter = None);
            }
            if set.verdicts {
                change("drop", &|elements| elements[index].verdict = Some(Verdict::Drop));
                change("accept", &|elements| elements[index].verdict = Some(Verdict::Accept));
            }
        }
    }
    found
}

fn bump(key: &mut [u8]) {
    if let Some(last) = key.last_mut() {
        *last ^= 1;
    }
}

fn broken_rules(rule: &Rule) -> Vec<(String, Rule)> {
    let mut found = Vec::new();
    for (index, expression) in rule.0.iter().enumerate() {
        let mut without = rule.clone();
        without.0.remove(index);
        found.push((format!("expression {index} dropped"), without));
        for broken in broken_expressions(expression) {
            let mut changed = rule.clone();
            changed.0[index] = broken;
            found.push((format!("expression {index} changed"), changed));
        }
    }
    found
}

fn broken_expressions(expression: &Expression) -> Vec<Expression> {
    let mut changed = expression.clone();
    match &mut changed {
        Expression::Compare { value, .. } => bump(value),
        Expression::Mask { mask, .. } => match mask.iter_mut().rev().find(|byte| **byte != 0) {
            Some(byte) => *byte &= *byte - 1,
            None => return Vec::new(),
        },
        Expression::Lookup { inverted, .. } => *inverted = !*inverted,
        Expression::CounterBy { map, .. } => map.push('x'),
        Expression::Ct { key, .. } if *key == crate::nft::CtKey::DestinationPort => {
            *key = crate::nft::CtKey::SourcePort;
        }
        Expression::Payload { offset, .. } => *offset += 2,
        Expression::Dynset { timeout, .. } => *timeout += 1,
        Expression::CounterNamed(name) => name.push('x'),
        Expression::Verdict(verdict) => {
            return [Verdict::Accept, Verdict::Drop, Verdict::Return]
                .into_iter()
                .filter(|other| other != verdict)
                .map(Expression::Verdict)
                .collect();
        }
        _ => return Vec::new(),
    }
    vec![changed]
}

/// An error may change nothing: an element that leads to the refusal may as well be dropped. Then the kernel's model must say the
/// same about every packet at a border of the policy.
#[test]
fn no_single_error_goes_unseen() {
    for policy in [web(), everything(), pairs()] {
        let sound = table(&a(&policy), None);
        let packets = packets::at_borders(&policy);
        let outcomes: Vec<_> = packets.iter().map(|facts| sound.judge(facts)).collect();
        let (mut seen, mut meaningless) = (0, 0);
        for (what, mutant) in mutants(&sound, &fixed(&a(&policy), None)) {
            if equal(&mutant, &a(&policy), None).is_err() {
                seen += 1;
                continue;
            }
            meaningless += 1;
            for (facts, outcome) in packets.iter().zip(&outcomes) {
                assert_eq!(mutant.judge(facts), *outcome, "{what} was not seen: {facts:?}");
            }
        }
        assert!(seen > 3 * meaningless, "{seen} seen, {meaningless} without a meaning");
    }
}

fn admission() -> impl Strategy<Value = Admission> {
    let rule = prop::sample::select(vec!["r1", "r2", "r3"]);
    let one =
        (rule.clone(), prop::option::of(Just((6, 30))), prop::option::of(1_000_000_000u64..1_000_000_003));
    let guards = prop::collection::btree_map(rule.clone(), one, 1..3).prop_map(|guards| {
        let guard = |(rule, (_, limit, end))| match (limit, end) {
            (None, None) => guard(rule, Some((6, 30)), None),
            (limit, end) => guard(rule, limit, end),
        };
        Admission::Guarded(guards.into_iter().map(guard).collect())
    });
    prop_oneof![2 => rule.prop_map(open), 1 => guards]
}

/// Sorted, disjoint intervals up to a last number, some of which reach it.
fn spans(last: u128, most: usize) -> impl Strategy<Value = Vec<(u128, u128)>> {
    let near = prop_oneof![0..=last, 0..=8u128, (last - 8)..=last, 1024..1032u128];
    prop::collection::btree_set(near, 0..=most * 2).prop_map(move |borders| {
        let borders: Vec<u128> = borders.into_iter().collect();
        let mut spans: Vec<(u128, u128)> = borders.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        spans.extend(borders.chunks_exact(2).remainder().iter().map(|&first| (first, last)));
        spans
    })
}

fn peers(family: Family, least: usize) -> impl Strategy<Value = Vec<PeerCell>> {
    (spans(family.last(), 4), prop::collection::vec(admission(), 5)).prop_map(
        move |(mut spans, admissions)| {
            if spans.len() < least {
                spans = vec![(0, family.last())];
            }
            let cell = |((first, last), admission)| PeerCell { first, last, admission };
            spans.into_iter().zip(admissions).map(cell).collect()
        },
    )
}

fn keyed(family: Family) -> impl Strategy<Value = Vec<KeyCell>> {
    (spans(65_535, 3), prop::collection::vec(peers(family, 1), 4)).prop_map(|(spans, peers)| {
        let key = |number| u16::try_from(number).expect("16 bits");
        let cell = |((first, last), peers)| KeyCell { first: key(first), last: key(last), peers };
        spans.into_iter().zip(peers).map(cell).collect()
    })
}

/// Single keys and prefixes, with few lengths and more than maps are made of.
fn singles(family: Family) -> impl Strategy<Value = Vec<KeyCell>> {
    let prefixes = prop::collection::btree_map((0..6u128, 0..5u8), admission(), 1..4);
    prop::collection::btree_map(0..12u16, prefixes, 4..12).prop_map(move |cells| {
        let cell = |(key, prefixes): (u16, BTreeMap<(u128, u8), Admission>)| {
            let mut peers: Vec<PeerCell> = Vec::new();
            for ((number, host_bits), admission) in prefixes {
                let first = number << 8;
                let last = first | ((1 << (host_bits * 2)) - 1);
                if peers.last().is_none_or(|before| before.last < first) {
                    peers.push(PeerCell { first, last: last.min(family.last()), admission });
                }
            }
            KeyCell { first: key * 2, last: key * 2, peers }
        };
        cells.into_iter().map(cell).collect()
    })
}

fn protocols(family: Family) -> impl Strategy<Value = Protocols> {
    let icmp = if family == Family::V4 { 1 } else { 58 };
    let some = || prop_oneof![2 => keyed(family).boxed(), 1 => singles(family).boxed()];
    let keys = (some(), some(), some());
    (keys, prop::option::of(peers(family, 0)), peers(family, 0)).prop_map(
        move |((tcp, udp, other), plain, rest)| {
            let mut protocols = nothing().of(family).clone();
            protocols.keyed.extend([(6, tcp), (17, udp), (icmp, other)]);
            protocols.plain.extend(plain.map(|peers| (47, peers)));
            protocols.rest = rest;
            protocols
        },
    )
}

fn directed() -> impl Strategy<Value = Directed> {
    let matrix = || (protocols(Family::V4), protocols(Family::V6)).prop_map(|(v4, v6)| Matrix { v4, v6 });
    (matrix(), prop::option::of(matrix())).prop_map(|(elsewhere, named)| {
        let named = named.map(|matrix| (interface("eth1"), matrix));
        Directed { elsewhere, interfaces: BTreeMap::from_iter(named) }
    })
}

fn policy() -> impl Strategy<Value = Canonical> {
    let some = |strategy| prop::option::of(strategy);
    (directed(), some(directed()), some(directed())).prop_map(|(inbound, outbound, container_outbound)| {
        let mut policy = everything();
        (policy.inbound, policy.outbound, policy.container_outbound) =
            (inbound, outbound, container_outbound);
        policy
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tables_of_random_policies_mean_them(policy in policy()) {
        let table = table(&a(&policy), None);
        prop_assert_eq!(equal(&table, &a(&policy), None), Ok(()));
    }

    #[test]
    fn the_kernel_does_with_packets_what_the_policy_says(policy in policy()) {
        let table = table(&a(&policy), None);
        for (facts, admitted) in packets::expected(&policy) {
            let outcome = table.judge(&facts);
            let decision = if admitted { Decision::Accept } else { Decision::Drop };
            prop_assert_eq!(outcome.decision, decision, "{:?}", facts);
        }
    }
}

#[test]
fn errors_in_the_frame_and_in_lists_are_seen() {
    let policy = everything();
    let sound = table(&a(&policy), None);
    let fixed = fixed(&a(&policy), None);
    for name in fixed.chains.keys() {
        let mut broken = sound.clone();
        broken.chains.remove(name);
        assert!(equal(&broken, &a(&policy), None).is_err(), "{name}");
    }
    for (name, set) in &fixed.sets {
        let mut broken = sound.clone();
        let found = broken.sets.get_mut(name).expect("is there");
        if set.live {
            found.timeout = false;
        } else {
            found.elements.pop();
        }
        assert!(equal(&broken, &a(&policy), None).is_err(), "{name}");
    }
}

#[test]
fn a_foreign_base_chain_is_seen() {
    let mut foreign = table(&a(&web()), None);
    let chain = foreign.chains["raw"].clone();
    foreign.chains.insert("mine".to_owned(), chain);
    assert!(matches!(equal(&foreign, &a(&web()), None), Err(Difference::Fixed { .. })));
}
