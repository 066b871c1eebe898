//! Tables and packets in a few words.

use crate::foreign::attributes::extension_data;
use crate::foreign::{ForeignFamily, ForeignTable};
use crate::nft::{
    Base, Chain, ChainKind, CtKey, Element, Expression, Field, Hook, MetaKey, Operator, PayloadBase,
    Register, Rule, Set, Table, Verdict,
};
use crate::packet::{Packet, Way};
use model::plan::InterfaceName;
use std::net::IpAddr;

pub(super) const R: Register = Register(4);

pub(super) fn table(family: ForeignFamily, name: &str, chains: Vec<(&str, Chain)>) -> ForeignTable {
    let chains = chains.into_iter().map(|(name, chain)| (name.to_owned(), chain)).collect();
    ForeignTable {
        family,
        name: name.to_owned(),
        table: Table { name: name.to_owned(), chains, ..Table::default() },
    }
}

pub(super) fn base(hook: Hook, priority: i32, accept: bool, rules: Vec<Vec<Expression>>) -> Chain {
    let base = Base { kind: ChainKind::Filter, hook, priority, accept };
    Chain { base: Some(base), rules: rules.into_iter().map(Rule).collect() }
}

pub(super) fn nat(hook: Hook, rules: Vec<Vec<Expression>>) -> Chain {
    let base = Base { kind: ChainKind::Nat, hook, priority: -100, accept: true };
    Chain { base: Some(base), rules: rules.into_iter().map(Rule).collect() }
}

pub(super) fn chain(rules: Vec<Vec<Expression>>) -> Chain {
    Chain { base: None, rules: rules.into_iter().map(Rule).collect() }
}

pub(super) fn verdict(verdict: Verdict) -> Expression {
    Expression::Verdict(verdict)
}

pub(super) fn jump(to: &str) -> Expression {
    verdict(Verdict::Jump(to.to_owned()))
}

pub(super) fn equal(value: impl Into<Vec<u8>>) -> Expression {
    Expression::Compare { from: R, operator: Operator::Equal, value: value.into() }
}

pub(super) fn protocol(number: u8) -> Vec<Expression> {
    vec![Expression::Meta { key: MetaKey::L4Proto, to: R }, equal([number])]
}

pub(super) fn load_port() -> Expression {
    Expression::Payload { base: PayloadBase::Transport, offset: 2, length: 2, to: R }
}

/// `tcp dport PORT`, and then.
pub(super) fn tcp(port: u16, then: Expression) -> Vec<Expression> {
    let mut rule = protocol(6);
    rule.extend([load_port(), equal(port.to_be_bytes()), then]);
    rule
}

/// `ct state STATES`, and then.
pub(super) fn state(states: u32, then: Expression) -> Vec<Expression> {
    vec![
        Expression::Ct { key: CtKey::State, direction: None, to: R },
        Expression::Mask { from: R, to: R, mask: states.to_ne_bytes().to_vec(), xor: vec![0; 4] },
        Expression::Compare { from: R, operator: Operator::NotEqual, value: vec![0; 4] },
        then,
    ]
}

pub(super) fn xt(kind: &str, name: &str, revision: u32, info: &[u8]) -> Expression {
    Expression::Unknown { name: kind.to_owned(), data: extension_data(name, revision, info) }
}

pub(super) fn ports(elements: Vec<Element>, verdicts: bool) -> Set {
    Set { key: vec![Field::Port], interval: true, verdicts, elements, ..Set::default() }
}

pub(super) fn packet(source: &str, port: u16) -> Packet {
    let source: IpAddr = source.parse().expect("it is an address");
    let destination = if source.is_ipv4() { "192.0.2.1" } else { "2001:db8::1" };
    Packet {
        way: Way::In,
        interface: InterfaceName("eth0".to_owned()),
        source,
        destination: destination.parse().expect("it is an address"),
        protocol: 6,
        key: port,
        source_port: 50_000,
        opens: true,
        user: None,
    }
}

/// The shape of ufw with port 22 open.
pub(super) fn ufw() -> ForeignTable {
    let limited =
        Expression::Limit { rate: 3, unit: crate::nft::LimitUnit(60), burst: 10, over: false, bytes: false };
    let addrtype = |types: u16| {
        let info = [[0, 0], types.to_ne_bytes(), [0, 0], [0, 0]].concat();
        vec![xt("match", "addrtype", 1, &info), verdict(Verdict::Return)]
    };
    table(
        ForeignFamily::Ip,
        "filter",
        vec![
            ("INPUT", base(Hook::Input, 0, false, vec![vec![Expression::Counter, jump("ufw-before-input")]])),
            (
                "ufw-before-input",
                chain(vec![
                    state(6, verdict(Verdict::Accept)),
                    state(1, verdict(Verdict::Drop)),
                    vec![jump("ufw-not-local")],
                    vec![jump("ufw-user-input")],
                ]),
            ),
            (
                "ufw-not-local",
                chain(vec![addrtype(1 << 2), addrtype(1 << 5), vec![limited], vec![verdict(Verdict::Drop)]]),
            ),
            ("ufw-user-input", chain(vec![tcp(22, verdict(Verdict::Accept))])),
        ],
    )
}

/// The shape of Docker with a container port published at 8088.
pub(super) fn docker() -> Vec<ForeignTable> {
    let mut range = 3_u32.to_ne_bytes().to_vec();
    for _ in 0..2 {
        range.extend([172, 18, 0, 2].iter().chain(&[0; 12]));
    }
    range.extend([0, 80, 0, 80, 0, 0]);
    let dnat = xt("target", "DNAT", 2, &range);
    let local = xt("match", "addrtype", 1, &[0, 0, 4, 0, 0, 0, 0, 0]);
    vec![
        table(
            ForeignFamily::Ip,
            "nat",
            vec![
                ("PREROUTING", nat(Hook::Prerouting, vec![vec![local, jump("DOCKER")]])),
                ("DOCKER", chain(vec![tcp(8088, dnat)])),
            ],
        ),
        table(
            ForeignFamily::Ip,
            "filter",
            vec![
                ("FORWARD", base(Hook::Forward, 0, false, vec![vec![jump("DOCKER")]])),
                ("DOCKER", chain(vec![tcp(80, verdict(Verdict::Accept))])),
            ],
        ),
    ]
}
