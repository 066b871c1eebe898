//! What the firewall asks of the kernel, as tables that ask for one thing each.

use super::features::Feature;
use firewall::nft::{
    Base, Chain, ChainKind, CtDirection, CtKey, DynsetOperation, Element, Expression, FibFlags, FibResult,
    Field, Hook, LimitUnit, MetaKey, Register, RejectKind, Rule, Set, Table, Verdict,
};

/// A feature and a table that a kernel without it refuses.
pub(super) struct Candidate {
    pub(super) feature: Feature,
    pub(super) table: Table,
    /// Whether the table is to have an owner, and to outlive it.
    pub(super) owned: bool,
}

/// All of them. Where one needs another, both are missing, and the first says why.
pub(super) fn candidates() -> Vec<Candidate> {
    let mut all = foundations();
    all.extend(facts());
    all.extend(actions());
    all.extend(translation());
    for (number, candidate) in all.iter_mut().enumerate() {
        candidate.table.name = format!("portcullis_probe_{number}");
    }
    all
}

fn foundations() -> Vec<Candidate> {
    let address = || vec![Field::Ip4];
    vec![
        essential("tables of the family inet", "every rule", rules(Hook::Prerouting, -110, [])),
        Candidate {
            owned: true,
            ..optional(
                "tables with an owner that persist (Linux 6.9)",
                "keeping other programs from changing the rules",
                Table::default(),
            )
        },
        essential(
            "sets of intervals",
            "prefixes and port ranges",
            set(Set {
                key: address(),
                interval: true,
                elements: vec![Element::range([10, 0, 0, 0], [10, 0, 0, 9])],
                ..Set::default()
            }),
        ),
        essential(
            "sets with timeouts",
            "bans, grants, the trial of a change",
            set(Set {
                key: address(),
                timeout: true,
                elements: vec![Element::one([10, 0, 0, 1]).timeout(60_000)],
                ..Set::default()
            }),
        ),
        essential(
            "sets of intervals with timeouts",
            "bans of prefixes",
            set(Set { key: address(), timeout: true, interval: true, ..Set::default() }),
        ),
        essential(
            "sets of several fields",
            "grants",
            set(Set { key: vec![Field::Ip4, Field::Protocol, Field::Port], timeout: true, ..Set::default() }),
        ),
        essential(
            "verdict maps",
            "rules whose number costs nothing",
            set(Set {
                key: vec![Field::Port],
                interval: true,
                verdicts: true,
                elements: vec![Element::one([0, 22]).to(Verdict::Drop)],
                ..Set::default()
            }),
        ),
        essential(
            "named counters",
            "the counts of each rule",
            Table {
                counters: ["probe".to_owned()].into(),
                ..rules(Hook::Prerouting, 0, [Expression::CounterNamed("probe".into())])
            },
        ),
        essential(
            "maps of counters",
            "rules whose number costs nothing",
            Table {
                counters: ["probe".to_owned()].into(),
                ..set(Set {
                    key: vec![Field::Ip4, Field::Port],
                    counters: true,
                    size: Some(1),
                    elements: vec![Element::one([10, 0, 0, 1, 0, 22, 0, 0]).counted_by("probe".into())],
                    ..Set::default()
                })
            },
        ),
    ]
}

fn facts() -> Vec<Candidate> {
    let ct = |key, direction| Expression::Ct { key, direction, to: Register(0) };
    let original = Some(CtDirection::Original);
    let fib =
        Expression::Fib { flags: FibFlags::DESTINATION, result: FibResult::AddressType, to: Register(0) };
    let tracked = [ct(CtKey::State, None), ct(CtKey::Direction, None), ct(CtKey::Status, None)];
    let tuple = [
        ct(CtKey::SourceIp4, original),
        ct(CtKey::SourceIp6, original),
        ct(CtKey::DestinationPort, original),
    ];
    let user = Expression::Meta { key: MetaKey::SocketUser, to: Register(0) };
    vec![
        essential("connection tracking", "letting answers in", rules(Hook::Prerouting, -110, tracked)),
        essential(
            "original addresses of connections",
            "cutting connections that a new policy forbids",
            rules(Hook::Output, -110, tuple),
        ),
        essential(
            "fib",
            "telling packets to this host from those through it",
            rules(Hook::Prerouting, -110, [fib]),
        ),
        essential(
            "the user of a socket",
            "closing local ports to all but the gate",
            rules(Hook::Output, -110, [user]),
        ),
    ]
}

fn actions() -> Vec<Candidate> {
    let limit = || Expression::Limit { rate: 5, unit: LimitUnit(1), burst: 20, over: false, bytes: false };
    let log = Expression::Log { group: 7, prefix: "portcullis ".into() };
    let reset = || Expression::Reject(RejectKind::TcpReset);
    let unreachable = || Expression::Reject(RejectKind::IcmpX(1));
    vec![
        essential(
            "notrack",
            "keeping the way in open when connection tracking is full",
            rules(Hook::Prerouting, -300, [Expression::Notrack]),
        ),
        essential("reject at output", "closed local ports that say so", tcp(Hook::Output, [reset()])),
        essential(
            "reject with ICMP at output",
            "closed local ports that say so",
            rules(Hook::Output, -110, [unreachable()]),
        ),
        optional(
            "reject at prerouting (Linux 5.9)",
            "refusals that say so",
            tcp(Hook::Prerouting, [reset()]),
        ),
        essential("limit", "bounding what is logged", rules(Hook::Prerouting, 0, [limit()])),
        optional("log to a group", "telling which packets were refused", rules(Hook::Prerouting, 0, [log])),
        optional("limits of each source", "rules with a limit", sources(limit())),
    ]
}

fn translation() -> Vec<Candidate> {
    let to = Expression::Immediate { to: Register(0), value: vec![10, 0, 0, 1] };
    let destination = Expression::DestinationNat { v6: false, address: Register(0), port: None };
    let mut before = rules(Hook::Prerouting, -100, [to, destination]);
    let mut after = rules(Hook::Postrouting, 100, [Expression::Masquerade]);
    for chain in before.chains.values_mut().chain(after.chains.values_mut()) {
        chain.base = chain.base.map(|base| Base { kind: ChainKind::Nat, ..base });
    }
    vec![
        optional("destination NAT in the family inet", "forwards of a gateway", before),
        optional("masquerading in the family inet", "the way out of a gateway", after),
    ]
}

fn essential(name: &'static str, needed_for: &'static str, table: Table) -> Candidate {
    Candidate { feature: Feature { name, needed_for, essential: true }, table, owned: false }
}

fn optional(name: &'static str, needed_for: &'static str, table: Table) -> Candidate {
    Candidate { feature: Feature { name, needed_for, essential: false }, table, owned: false }
}

/// A table of one base chain with one rule.
fn rules(hook: Hook, priority: i32, expressions: impl Into<Vec<Expression>>) -> Table {
    let base = Base { kind: ChainKind::Filter, hook, priority, accept: true };
    let rule = Rule(expressions.into());
    let rules = if rule.0.is_empty() { Vec::new() } else { vec![rule] };
    Table { chains: [("probe".to_owned(), Chain { base: Some(base), rules })].into(), ..Table::default() }
}

/// The same for TCP alone.
fn tcp(hook: Hook, expressions: impl Into<Vec<Expression>>) -> Table {
    let mut rule = vec![
        Expression::Meta { key: MetaKey::L4Proto, to: Register(0) },
        Expression::Compare { from: Register(0), operator: firewall::nft::Operator::Equal, value: vec![6] },
    ];
    rule.extend(expressions.into());
    rules(hook, -110, rule)
}

fn set(set: Set) -> Table {
    Table { sets: [("probe".to_owned(), set)].into(), ..Table::default() }
}

/// A set that the kernel fills, with a limit for each element.
fn sources(limit: Expression) -> Table {
    let update = Expression::Dynset {
        set: "probe".into(),
        operation: DynsetOperation::Update,
        from: Register(0),
        timeout: 0,
        inverted: false,
        statements: vec![limit],
    };
    let key = Expression::Meta { key: MetaKey::Mark, to: Register(0) };
    let filled =
        Set { key: vec![Field::Mark], timeout: true, dynamic: true, size: Some(16), ..Set::default() };
    Table { sets: set(filled).sets, ..rules(Hook::Prerouting, 0, [key, update]) }
}
