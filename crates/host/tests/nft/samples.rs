//! Tables that tests write.

use firewall::nft::{
    Base, Chain, ChainKind, CtDirection, CtKey, DynsetOperation, Element, Expression, FibFlags, FibResult,
    Field, Hook, LimitUnit, MetaKey, Operator, PayloadBase, Register, RejectKind, Rule, Set, Table, Verdict,
};

pub(crate) const NAME: &str = "portcullis";

pub(crate) fn register(word: u8) -> Register {
    Register(word)
}

pub(crate) fn base(hook: Hook, priority: i32) -> Option<Base> {
    Some(Base { kind: ChainKind::Filter, hook, priority, accept: true })
}

pub(crate) fn chain(base: Option<Base>, rules: Vec<Vec<Expression>>) -> Chain {
    Chain { base, rules: rules.into_iter().map(Rule).collect() }
}

pub(crate) fn meta(key: MetaKey) -> Expression {
    Expression::Meta { key, to: Register(0) }
}

pub(crate) fn equal(value: &[u8]) -> Expression {
    Expression::Compare { from: Register(0), operator: Operator::Equal, value: value.to_vec() }
}

pub(crate) fn lookup(set: &str, verdict: bool) -> Expression {
    Expression::Lookup { set: set.into(), from: Register(0), inverted: false, verdict }
}

pub(crate) fn accept() -> Expression {
    Expression::Verdict(Verdict::Accept)
}

/// The source address of IPv4, in register 0.
pub(crate) fn source4() -> Expression {
    Expression::Payload { base: PayloadBase::Network, offset: 12, length: 4, to: Register(0) }
}

fn destination_port() -> Expression {
    Expression::Payload { base: PayloadBase::Transport, offset: 2, length: 2, to: Register(0) }
}

/// An interface's name as a key.
fn name16(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

/// A table with every expression that the compiler writes, at hooks where nothing of it stops a packet.
pub(crate) fn everything() -> Table {
    let mut table = Table { name: NAME.into(), ..Table::default() };
    table.counters = ["r_ssh", "frame_banned"].map(String::from).into();
    sets(&mut table);
    let ipv4 = [meta(MetaKey::NfProto), equal(&[2])];
    let v4 = |more: Vec<Expression>| ipv4.iter().cloned().chain(more).collect::<Vec<_>>();
    let rules = vec![
        v4(vec![source4(), lookup("ban4", false), Expression::CounterNamed("frame_banned".into())]),
        v4(vec![
            source4(),
            Expression::Mask {
                from: register(0),
                to: register(0),
                mask: vec![255, 255, 0, 0],
                xor: vec![0; 4],
            },
            Expression::Compare { from: register(0), operator: Operator::NotEqual, value: vec![10, 0, 0, 0] },
            Expression::Counter,
        ]),
        v4(vec![Expression::Range {
            from: register(0),
            operator: Operator::Equal,
            first: vec![0, 10],
            last: vec![0, 20],
        }]),
        vec![meta(MetaKey::InputName), lookup("interfaces", false)],
        vec![meta(MetaKey::InputIndex), equal(&1u32.to_ne_bytes()), accept()],
        vec![meta(MetaKey::L4Proto), equal(&[6]), destination_port(), lookup("ports", true)],
        vec![meta(MetaKey::L4Proto), lookup("protocols", true)],
        v4(vec![
            meta(MetaKey::L4Proto),
            equal(&[6]),
            source4(),
            Expression::Payload { base: PayloadBase::Transport, offset: 2, length: 2, to: register(1) },
            Expression::CounterBy { map: "counted".into(), from: register(0) },
            accept(),
        ]),
        vec![
            Expression::Limit { rate: 5, unit: LimitUnit(1), burst: 20, over: false, bytes: false },
            Expression::Log { group: 7, prefix: "portcullis a ".into() },
        ],
        vec![
            Expression::Fib { flags: FibFlags::DESTINATION, result: FibResult::AddressType, to: register(0) },
            equal(&2u32.to_ne_bytes()),
        ],
        vec![ct(CtKey::State, None), equal(&1u32.to_ne_bytes())],
        vec![ct(CtKey::Direction, None), equal(&[1])],
        vec![ct(CtKey::Status, None), equal(&32u32.to_ne_bytes())],
        v4(vec![ct(CtKey::SourceIp4, Some(CtDirection::Original)), equal(&[10, 0, 0, 1])]),
        vec![ct(CtKey::DestinationPort, Some(CtDirection::Original)), equal(&[1, 187])],
        v4(dynset()),
        vec![Expression::Verdict(Verdict::Jump("inner".into()))],
    ];
    table.chains.insert("inbound".into(), chain(base(Hook::Prerouting, -110), rules));
    table.chains.insert("inner".into(), chain(None, vec![vec![Expression::Verdict(Verdict::Return)]]));
    let early = vec![vec![meta(MetaKey::L4Proto), equal(&[6]), Expression::Notrack]];
    table.chains.insert("raw".into(), chain(base(Hook::Prerouting, -300), early));
    table.chains.insert("outbound".into(), chain(base(Hook::Output, -110), refusals()));
    table
}

fn ct(key: CtKey, direction: Option<CtDirection>) -> Expression {
    Expression::Ct { key, direction, to: Register(0) }
}

fn dynset() -> Vec<Expression> {
    let limit = Expression::Limit { rate: 10, unit: LimitUnit(60), burst: 5, over: false, bytes: false };
    let update = |set: &str, statement| Expression::Dynset {
        set: set.into(),
        operation: DynsetOperation::Update,
        from: register(0),
        timeout: 0,
        inverted: false,
        statements: vec![statement],
    };
    vec![source4(), update("sources", limit), Expression::Verdict(Verdict::Continue)]
}

fn refusals() -> Vec<Vec<Expression>> {
    vec![
        vec![meta(MetaKey::SocketUser), lookup("users", false), accept()],
        vec![meta(MetaKey::L4Proto), equal(&[6]), Expression::Reject(RejectKind::TcpReset)],
        vec![meta(MetaKey::L4Proto), equal(&[17]), Expression::Reject(RejectKind::IcmpX(1))],
    ]
}

fn sets(table: &mut Table) {
    let mut put = |name: &str, set: Set| _ = table.sets.insert(name.into(), set);
    let live = Set { timeout: true, live: true, ..Set::default() };
    put("ban4", Set { key: vec![Field::Ip4], ..live.clone() });
    put("ban_net6", Set { key: vec![Field::Ip6], interval: true, ..live.clone() });
    put("grant4", Set { key: vec![Field::Ip4, Field::Protocol, Field::Port], ..live.clone() });
    put("trial", Set { key: vec![Field::NfProto], ..live.clone() });
    put("sources", Set { key: vec![Field::Ip4], dynamic: true, size: Some(1000), ..live });
    put(
        "interfaces",
        Set {
            key: vec![Field::Interface],
            elements: vec![Element::one(name16("docker0")), Element::one(name16("wg0"))],
            ..Set::default()
        },
    );
    put(
        "users",
        Set {
            key: vec![Field::User],
            elements: vec![Element::one(0u32.to_ne_bytes()), Element::one(1000u32.to_ne_bytes())],
            ..Set::default()
        },
    );
    put(
        "ports",
        Set {
            key: vec![Field::Port],
            interval: true,
            verdicts: true,
            elements: vec![
                Element::one([0, 22]).to(Verdict::Goto("inner".into())),
                Element::range([0, 80], [1, 187]).to(Verdict::Accept),
                Element::range([1, 188], [255, 255]).to(Verdict::Jump("inner".into())),
            ],
            ..Set::default()
        },
    );
    put(
        "protocols",
        Set {
            key: vec![Field::Protocol],
            verdicts: true,
            elements: vec![
                Element::one([6]).to(Verdict::Goto("inner".into())),
                Element::one([17]).to(Verdict::Return),
            ],
            ..Set::default()
        },
    );
    put(
        "counted",
        Set {
            key: vec![Field::Ip4, Field::Port],
            counters: true,
            size: Some(2),
            elements: vec![
                Element::one([10, 0, 0, 1, 0, 22, 0, 0]).counted_by("r_ssh".into()),
                Element::one([10, 0, 0, 2, 0, 22, 0, 0]).counted_by("r_ssh".into()),
            ],
            ..Set::default()
        },
    );
    put(
        "pairs",
        Set {
            key: vec![Field::Ip4, Field::Port],
            interval: true,
            elements: vec![Element::range([10, 0, 0, 0, 0, 80, 0, 0], [10, 0, 0, 255, 0, 90, 0, 0])],
            ..Set::default()
        },
    );
}
