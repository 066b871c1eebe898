//! Random tables, of everything that a table can hold.

use crate::samples::{NAME, lookup, meta, register};
use firewall::nft::{
    Base, Chain, ChainKind, CtDirection, CtKey, DynsetOperation, Element, Expression, FibFlags, FibResult,
    Field, Hook, LimitUnit, MetaKey, Operator, PayloadBase, RejectKind, Rule, Set, Table, Verdict,
};
use proptest::{collection::vec, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

const CHAINS: usize = 5;

pub(crate) fn table() -> impl Strategy<Value = Table> {
    (sets(), vec(vec(rule(), 0..6), CHAINS), any::<bool>(), -400..400i32, counters()).prop_map(
        |(sets, rules, accept, priority, extra)| {
            let base = Base { kind: ChainKind::Filter, hook: Hook::Prerouting, priority, accept };
            let bodies = rules.into_iter().enumerate().map(|(number, rules)| {
                let rules = rules.into_iter().map(|rule| downward(rule, number)).collect();
                (chain_name(number), Chain { base: (number == 0).then_some(base), rules })
            });
            let mut table = Table { name: NAME.into(), chains: bodies.collect(), sets, counters: extra };
            table.counters.insert("hits".into());
            table.chains.insert("forwards".into(), forwards());
            table
        },
    )
}

fn counters() -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set("r_[a-f]", 0..4)
}

fn chain_name(number: usize) -> String {
    format!("chain_{number}")
}

/// Jumps lead to later chains only, so that there is no loop; those of the last one return.
fn downward(mut rule: Vec<Expression>, from: usize) -> Rule {
    for expression in &mut rule {
        if let Expression::Verdict(Verdict::Jump(to) | Verdict::Goto(to)) = expression {
            if from + 1 == CHAINS {
                *expression = Expression::Verdict(Verdict::Return);
            } else {
                *to = chain_name(from + 1 + to.len() % (CHAINS - from - 1));
            }
        }
        if matches!(expression, Expression::Lookup { verdict: true, .. }) && from + 1 == CHAINS {
            *expression = Expression::Counter;
        }
    }
    Rule(rule)
}

fn forwards() -> Chain {
    let base = Base { kind: ChainKind::Nat, hook: Hook::Prerouting, priority: -100, accept: true };
    let immediate = |word, value: &[u8]| Expression::Immediate { to: register(word), value: value.into() };
    let nat = |v6, port| Expression::DestinationNat { v6, address: register(0), port };
    let rule = |family: u8, more: Vec<Expression>| {
        let mut rule = vec![meta(MetaKey::NfProto), crate::samples::equal(&[family])];
        rule.extend(more);
        Rule(rule)
    };
    Chain {
        base: Some(base),
        rules: vec![
            rule(
                2,
                vec![immediate(0, &[10, 0, 0, 1]), immediate(4, &[0, 80]), nat(false, Some(register(4)))],
            ),
            rule(10, vec![immediate(0, &[1; 16]), nat(true, None)]),
            Rule(vec![
                meta(MetaKey::L4Proto),
                crate::samples::equal(&[6]),
                Expression::Redirect { port: None },
            ]),
        ],
    }
}

/// A rule of a few phrases, each of which loads what it reads.
fn rule() -> impl Strategy<Value = Vec<Expression>> {
    (vec(phrase(), 0..3), end()).prop_map(|(phrases, end)| {
        let mut rule: Vec<_> = phrases.concat();
        rule.extend(end);
        rule
    })
}

fn end() -> impl Strategy<Value = Vec<Expression>> {
    prop_oneof![
        Just(vec![Expression::Counter]),
        Just(vec![Expression::CounterNamed("hits".into()), Expression::Verdict(Verdict::Accept)]),
        verdict().prop_map(|verdict| vec![Expression::Verdict(verdict)]),
        any::<bool>().prop_map(|reset| {
            let kind = if reset { RejectKind::TcpReset } else { RejectKind::IcmpX(3) };
            vec![meta(MetaKey::L4Proto), crate::samples::equal(&[6]), Expression::Reject(kind)]
        }),
        Just(vec![Expression::Notrack]),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        Just(Verdict::Accept),
        Just(Verdict::Drop),
        Just(Verdict::Return),
        Just(Verdict::Continue),
        "[a-z]{1,6}".prop_map(Verdict::Jump),
        "[a-z]{1,6}".prop_map(Verdict::Goto),
    ]
}

fn phrase() -> impl Strategy<Value = Vec<Expression>> {
    prop_oneof![comparison(), membership(), fact(), statement()]
}

fn payload(offset: u32, length: u32) -> Expression {
    Expression::Payload { base: PayloadBase::Network, offset, length, to: register(0) }
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::Less),
        Just(Operator::LessOrEqual),
        Just(Operator::Greater),
        Just(Operator::GreaterOrEqual),
    ]
}

fn comparison() -> impl Strategy<Value = Vec<Expression>> {
    let whole = (operator(), vec(any::<u8>(), 1..=16)).prop_map(|(operator, value)| {
        let length = u32::try_from(value.len()).expect("short");
        vec![payload(8, length), Expression::Compare { from: register(0), operator, value }]
    });
    let masked =
        (vec(any::<u8>(), 16), vec(any::<u8>(), 16), 1..=16usize).prop_map(|(mask, value, length)| {
            let bits = Expression::Mask {
                from: register(0),
                to: register(0),
                mask: mask[..length].into(),
                xor: value[..length].into(),
            };
            vec![payload(8, u32::try_from(length).expect("short")), bits]
        });
    let range = (any::<u16>(), any::<u16>(), any::<bool>()).prop_map(|(one, other, inside)| {
        let operator = if inside { Operator::Equal } else { Operator::NotEqual };
        let (first, last) = (one.min(other).to_be_bytes().into(), one.max(other).to_be_bytes().into());
        vec![payload(2, 2), Expression::Range { from: register(0), operator, first, last }]
    });
    prop_oneof![whole, masked, range]
}

fn membership() -> impl Strategy<Value = Vec<Expression>> {
    let inverted = any::<bool>().prop_map(|inverted| {
        vec![
            payload(12, 4),
            Expression::Lookup { set: "net4".into(), from: register(0), inverted, verdict: false },
        ]
    });
    let source = Expression::Payload { base: PayloadBase::Network, offset: 12, length: 4, to: register(0) };
    let port = Expression::Payload { base: PayloadBase::Transport, offset: 2, length: 2, to: register(1) };
    prop_oneof![
        inverted,
        Just(vec![payload(2, 2), lookup("ports", true)]),
        Just(vec![meta(MetaKey::InputName), lookup("interfaces", false)]),
        Just(vec![source.clone(), port.clone(), lookup("pairs", false)]),
        Just(vec![source, port, lookup("areas", false)]),
        Just(vec![payload(8, 16), lookup("net6", false)]),
    ]
}

fn fact() -> impl Strategy<Value = Vec<Expression>> {
    let ct = |key, direction| vec![Expression::Ct { key, direction, to: register(0) }];
    let directions = [CtDirection::Original, CtDirection::Reply];
    let keys =
        [CtKey::SourceIp4, CtKey::DestinationIp4, CtKey::SourceIp6, CtKey::DestinationIp6, CtKey::SourcePort];
    let results = [FibResult::AddressType, FibResult::OutputIndex, FibResult::OutputName];
    prop_oneof![
        (0..2usize, 0..5usize).prop_map(move |(direction, key)| ct(keys[key], Some(directions[direction]))),
        prop_oneof![Just(CtKey::State), Just(CtKey::Direction), Just(CtKey::Status), Just(CtKey::Mark)]
            .prop_map(move |key| ct(key, None)),
        (0..3usize).prop_map(move |result| {
            let flags = FibFlags(FibFlags::SOURCE.0 | 8);
            vec![Expression::Fib { flags, result: results[result], to: register(0) }]
        }),
        prop_oneof![
            Just(MetaKey::Mark),
            Just(MetaKey::InputIndex),
            Just(MetaKey::InputType),
            Just(MetaKey::PacketType),
            Just(MetaKey::Other(0)),
        ]
        .prop_map(|key| vec![meta(key)]),
    ]
}

fn limit() -> impl Strategy<Value = Expression> {
    (1..1000u64, prop_oneof![Just(1u64), Just(60), Just(3600)], 1..100u32, any::<bool>()).prop_map(
        |(rate, unit, burst, over)| Expression::Limit {
            rate,
            unit: LimitUnit(unit),
            burst,
            over,
            bytes: false,
        },
    )
}

fn statement() -> impl Strategy<Value = Vec<Expression>> {
    let operations = [DynsetOperation::Add, DynsetOperation::Update];
    let dynset = (limit(), 0..2usize, any::<bool>()).prop_map(move |(limit, operation, timeout)| {
        vec![
            payload(12, 4),
            Expression::Dynset {
                set: "sources".into(),
                operation: operations[operation],
                from: register(0),
                timeout: if timeout { 30_000 } else { 0 },
                inverted: false,
                statements: vec![limit],
            },
        ]
    });
    let count = (1..100u32, any::<bool>())
        .prop_map(|(count, over)| vec![Expression::ConnectionLimit { count, over }]);
    let log =
        (any::<u16>(), "[ -~]{0,40}").prop_map(|(group, prefix)| vec![Expression::Log { group, prefix }]);
    prop_oneof![limit().prop_map(|limit| vec![limit]), dynset, count, log]
}

fn sets() -> impl Strategy<Value = BTreeMap<String, Set>> {
    let numbers = || vec(any::<u32>(), 0..40);
    let flags = vec(any::<bool>(), 8);
    (numbers(), numbers(), vec(any::<u16>(), 0..40), numbers(), flags).prop_map(
        |(one, two, ports, six, flags)| {
            let base =
                |key: &[Field]| Set { key: key.into(), size: flags[0].then_some(5000), ..Set::default() };
            let timed = |set: Set, on: bool, live: bool| Set { timeout: on, live: on && live, ..set };
            let interval = |key: &[Field]| Set { interval: true, ..base(key) };
            let net4 = timed(interval(&[Field::Ip4]), flags[1], flags[2]);
            let pairs = timed(base(&[Field::Ip4, Field::Port]), flags[3], flags[4]);
            let sources =
                Set { dynamic: true, timeout: true, live: true, size: Some(1000), ..base(&[Field::Ip4]) };
            let sets = [
                ("net4", Set { elements: disjoint(&one, u32::to_be_bytes, net4.timeout), ..net4 }),
                ("net6", Set { elements: disjoint(&six, spread, false), ..interval(&[Field::Ip6]) }),
                ("ports", Set { verdicts: true, elements: port_map(&ports), ..interval(&[Field::Port]) }),
                ("pairs", Set { elements: keys(&two, pairs.timeout), ..pairs }),
                ("areas", Set { elements: areas(&two), ..interval(&[Field::Ip4, Field::Port]) }),
                ("interfaces", Set { elements: interfaces(&ports), ..base(&[Field::Interface]) }),
                ("sources", sources),
            ];
            sets.into_iter().map(|(name, set)| (name.to_owned(), set)).collect()
        },
    )
}

fn spread(number: u32) -> [u8; 16] {
    (u128::from(number) << 96 | u128::from(number)).to_be_bytes()
}

/// Disjoint intervals between random numbers; the last number stands alone.
fn disjoint<const N: usize>(numbers: &[u32], bytes: fn(u32) -> [u8; N], timeout: bool) -> Vec<Element> {
    let sorted: Vec<u32> = numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let elements =
        sorted.chunks(2).map(|pair| Element::range(bytes(pair[0]), bytes(*pair.last().expect("one"))));
    elements.map(|element| timed(element, timeout)).collect()
}

fn timed(element: Element, on: bool) -> Element {
    if on { element.timeout(600_000) } else { element }
}

fn port_map(ports: &[u16]) -> Vec<Element> {
    let verdicts =
        [Verdict::Accept, Verdict::Drop, Verdict::Goto("chain_4".into()), Verdict::Jump("chain_4".into())];
    let sorted: BTreeSet<u16> = ports.iter().copied().collect();
    let sorted: Vec<u16> = sorted.into_iter().collect();
    let pairs = sorted.chunks(2).zip(verdicts.iter().cycle());
    let element = |pair: &[u16], last: u16| Element::range(pair[0].to_be_bytes(), last.to_be_bytes());
    pairs.map(|(pair, verdict)| element(pair, *pair.last().expect("one")).to(verdict.clone())).collect()
}

fn keys(numbers: &[u32], timeout: bool) -> Vec<Element> {
    let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
    let key = |number: u32| [&number.to_be_bytes()[..], &number.to_be_bytes()[..2], &[0, 0]].concat();
    distinct.into_iter().map(|number| timed(Element::one(key(number)), timeout)).collect()
}

/// Boxes of addresses and ports, apart by their addresses.
fn areas(numbers: &[u32]) -> Vec<Element> {
    let lines = disjoint(numbers, u32::to_be_bytes, false);
    let area = |line: Element| {
        Element::range([&line.first[..], &[0, 10, 0, 0]].concat(), [&line.last[..], &[0, 20, 0, 0]].concat())
    };
    lines.into_iter().map(area).collect()
}

fn interfaces(numbers: &[u16]) -> Vec<Element> {
    let distinct: BTreeSet<u16> = numbers.iter().copied().collect();
    let name = |number: u16| {
        let mut name = format!("eth{number}").into_bytes();
        name.resize(16, 0);
        name
    };
    distinct.into_iter().map(|number| Element::one(name(number))).collect()
}
