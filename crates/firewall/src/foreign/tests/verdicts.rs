//! One table, one packet, one verdict.

use super::build::{
    R, base, chain, equal, jump, load_port, packet, ports, protocol, table, tcp, verdict, xt,
};
use crate::foreign::{Facts, ForeignFamily, ForeignTable, Judgement, judge};
use crate::nft::{Element, Expression, Hook, LimitUnit, MetaKey, Operator, Verdict};

fn input(rules: Vec<Vec<Expression>>) -> ForeignTable {
    table(ForeignFamily::Inet, "t", vec![("input", base(Hook::Input, 0, true, rules))])
}

fn word(table: ForeignTable) -> &'static str {
    match judge(&[table], &packet("198.51.100.7", 443), &Facts::default()) {
        Judgement::Passes => "passes",
        Judgement::Dropped(_) => "dropped",
        Judgement::Unknown(_) => "unknown",
    }
}

fn then_drop(mut conditions: Vec<Expression>) -> Vec<Expression> {
    conditions.push(verdict(Verdict::Drop));
    conditions
}

#[test]
fn rules_that_drop_say_what_they_match() {
    let limit = |over| Expression::Limit { rate: 1, unit: LimitUnit(1), burst: 5, over, bytes: false };
    let mark = |value: u32| vec![Expression::Meta { key: MetaKey::Mark, to: R }, equal(value.to_ne_bytes())];
    let socket = Expression::Unknown { name: "socket".to_owned(), data: Vec::new() };
    let ct = |flags: u16, states: u16| {
        let mut info = vec![0; 154];
        info[146..148].copy_from_slice(&flags.to_ne_bytes());
        info[150..152].copy_from_slice(&states.to_ne_bytes());
        xt("match", "conntrack", 3, &info)
    };
    let xt_tcp = |first: u16, last: u16| {
        let ports = [0_u16, u16::MAX, first, last].map(u16::to_ne_bytes).concat();
        xt("match", "tcp", 0, &[ports, vec![0; 4]].concat())
    };
    let multiport = |inverted: u8| {
        let mut info = vec![0; 48];
        (info[0], info[1], info[47]) = (1, 3, inverted);
        for (at, port) in [80_u16, 400, 500].into_iter().enumerate() {
            info[2 + at * 2..4 + at * 2].copy_from_slice(&port.to_ne_bytes());
        }
        // 400 begins a range that 500 ends.
        info[33] = 1;
        xt("match", "multiport", 1, &info)
    };
    let cases: Vec<(&str, Vec<Expression>, &str)> = vec![
        ("no condition", vec![], "dropped"),
        ("its protocol", protocol(6), "dropped"),
        ("another protocol", protocol(17), "passes"),
        ("a rate", vec![limit(false)], "unknown"),
        ("above a rate", vec![limit(true)], "unknown"),
        ("no mark, where nobody marks", mark(0), "dropped"),
        ("a mark, where nobody marks", mark(1), "passes"),
        ("a socket", vec![socket], "unknown"),
        ("xt comment", vec![xt("match", "comment", 0, b"why")], "dropped"),
        ("xt recent", vec![xt("match", "recent", 0, &[])], "unknown"),
        ("xt limit", vec![xt("match", "limit", 0, &[])], "unknown"),
        ("xt conntrack NEW", vec![ct(1, 8)], "dropped"),
        ("xt conntrack ESTABLISHED", vec![ct(1, 2)], "passes"),
        ("xt conntrack DNAT", vec![ct(1, 128)], "passes"),
        ("xt conntrack by its status", vec![ct(64, 0)], "unknown"),
        ("xt tcp with its port", vec![xt_tcp(400, 500)], "dropped"),
        ("xt tcp with another", vec![xt_tcp(80, 80)], "passes"),
        ("xt tcp, cut off", vec![xt("match", "tcp", 0, &[0, 0])], "unknown"),
        ("xt multiport", vec![multiport(0)], "dropped"),
        ("xt multiport, inverted", vec![multiport(1)], "passes"),
        (
            "xt addrtype of the destination",
            vec![xt("match", "addrtype", 1, &[0, 0, 4, 0, 0, 0, 0, 0])],
            "dropped",
        ),
        ("xt addrtype of the source", vec![xt("match", "addrtype", 1, &[4, 0, 0, 0, 0, 0, 0, 0])], "passes"),
        ("xt rpfilter of forged sources", vec![xt("match", "rpfilter", 0, &[8])], "passes"),
        ("xt that nobody knows", vec![xt("match", "bpf", 1, &[0; 8])], "unknown"),
    ];
    for (what, conditions, wanted) in cases {
        assert_eq!(word(input(vec![then_drop(conditions)])), wanted, "{what}");
    }
}

#[test]
fn a_drop_that_is_not_certain_is_outweighed_by_one_that_is() {
    let limit = Expression::Limit { rate: 1, unit: LimitUnit(1), burst: 5, over: false, bytes: false };
    assert_eq!(
        word(input(vec![vec![limit.clone(), verdict(Verdict::Accept)], tcp(443, verdict(Verdict::Drop))])),
        "unknown"
    );
    assert_eq!(
        word(input(vec![vec![limit.clone(), jump("no")], tcp(443, verdict(Verdict::Drop))])),
        "unknown"
    );
    assert_eq!(word(input(vec![vec![limit], tcp(443, verdict(Verdict::Drop))])), "dropped");
}

#[test]
fn jumps_come_back_and_gotos_do_not() {
    let build = |lead: Expression| {
        table(
            ForeignFamily::Inet,
            "t",
            vec![
                ("input", base(Hook::Input, 0, true, vec![vec![lead], vec![verdict(Verdict::Drop)]])),
                ("side", chain(vec![tcp(443, verdict(Verdict::Return)), vec![verdict(Verdict::Drop)]])),
            ],
        )
    };
    assert_eq!(word(build(jump("side"))), "dropped");
    assert_eq!(word(build(verdict(Verdict::Goto("side".to_owned())))), "passes");
}

#[test]
fn sets_and_verdict_maps_are_looked_up() {
    let lookup = |inverted, verdict| {
        let lookup = Expression::Lookup { set: "s".to_owned(), from: R, inverted, verdict };
        let mut rule = vec![load_port(), lookup];
        if !verdict {
            rule.push(Expression::Verdict(Verdict::Drop));
        }
        rule
    };
    let with = |elements, verdicts, rule| {
        let mut table = input(vec![rule]);
        table.table.sets.insert("s".to_owned(), ports(elements, verdicts));
        table
    };
    let inside = || Element::range([1, 0], [2, 0]);
    let outside = || Element::one([0, 80]);
    assert_eq!(word(with(vec![inside()], false, lookup(false, false))), "dropped");
    assert_eq!(word(with(vec![outside()], false, lookup(false, false))), "passes");
    assert_eq!(word(with(vec![outside()], false, lookup(true, false))), "dropped");
    assert_eq!(word(with(vec![inside().to(Verdict::Drop)], true, lookup(false, true))), "dropped");
    assert_eq!(word(with(vec![outside().to(Verdict::Drop)], true, lookup(false, true))), "passes");
    assert_eq!(word(input(vec![lookup(false, false)])), "unknown");
}

#[test]
fn a_table_of_the_other_family_or_of_bridges_is_not_asked() {
    for family in [ForeignFamily::Ip6, ForeignFamily::Arp, ForeignFamily::Bridge] {
        let rules = vec![vec![verdict(Verdict::Drop)]];
        assert_eq!(word(table(family, "t", vec![("input", base(Hook::Input, 0, true, rules))])), "passes");
    }
}

#[test]
fn our_own_table_is_left_out() {
    let rules = vec![vec![verdict(Verdict::Drop)]];
    let ours = table(ForeignFamily::Inet, "portcullis", vec![("input", base(Hook::Input, 0, true, rules))]);
    assert_eq!(word(ours), "passes");
}

#[test]
fn names_of_interfaces_match_whole_or_by_their_beginning() {
    let named = |bytes: Vec<u8>| {
        let compare = Expression::Compare { from: R, operator: Operator::Equal, value: bytes };
        then_drop(vec![Expression::Meta { key: MetaKey::InputName, to: R }, compare])
    };
    assert_eq!(word(input(vec![named(b"eth".to_vec())])), "dropped");
    assert_eq!(word(input(vec![named(b"eth\0".to_vec())])), "passes");
    assert_eq!(word(input(vec![named(b"eth0\0".to_vec())])), "dropped");
}
