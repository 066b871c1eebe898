//! Tables are written and read back the same.

use crate::{
    namespace::{apart, open, run},
    samples::{NAME, accept, base, chain, everything, source4},
};
use firewall::nft::{Element, Expression, Field, Hook, Operator, Register, Set, Table, Verdict};
use host::nft::{Ownership, Refused, Replacement, steady};
use std::time::Instant;

#[test]
fn every_expression_and_set_is_read_as_it_was_written() {
    apart(|| {
        let mut nft = open();
        assert_eq!(nft.read(NAME).expect("read"), None);
        let table = everything();
        nft.replace(&Replacement::new(None, &table), Ownership::OwnerPersist).expect("written");
        let read = nft.read(NAME).expect("read").expect("there");
        assert_eq!(steady(read), steady(table));
    });
}

/// The independent judge: what `nft` understands of what we wrote. One line of its text each.
const PRINTED: &[&str] = &[
    "comment \"live: kept when the policy changes\"",
    "elements = { 10.0.0.0/24 . 80-90 }",
    "elements = { 22 : goto inner, 80-443 : accept, 444-65535 : jump inner }",
    "elements = { tcp : goto inner, udp : return }",
    "elements = { 0, 1000 }",
    "\"docker0\" }",
    "type ipv4_addr . inet_proto . inet_service",
    "type inet_service : verdict",
    "type nf_proto",
    "type uid",
    "type filter hook prerouting priority dstnat - 10; policy accept;",
    "type filter hook prerouting priority raw; policy accept;",
    "type filter hook output priority -110; policy accept;",
    "ip saddr @ban4 counter name \"frame_banned\"",
    "ip saddr != 10.0.0.0/16 counter packets 0 bytes 0",
    "iifname @interfaces",
    "iif \"lo\" accept",
    "tcp dport vmap @ports",
    "meta l4proto vmap @protocols",
    "limit rate 5/second burst 20 packets log prefix \"portcullis a \" group 7",
    "fib daddr type local",
    "ct state == invalid",
    "ct direction reply",
    "ct status == dnat",
    "ct original ip saddr 10.0.0.1",
    "update @sources { ip saddr limit rate 10/minute } continue",
    "jump inner",
    "return",
    "meta skuid @users accept",
    "meta l4proto tcp reject with tcp reset",
    "meta l4proto udp reject",
    "meta l4proto tcp notrack",
];

#[test]
fn nft_prints_what_was_written() {
    apart(|| {
        let mut nft = open();
        nft.replace(&Replacement::new(None, &everything()), Ownership::OwnerPersist).expect("written");
        let printed = run("nft", &["list", "ruleset"]);
        for line in PRINTED {
            assert!(printed.contains(line), "{line} is missing in\n{printed}");
        }
    });
}

#[test]
fn an_empty_table_is_there() {
    apart(|| {
        let mut nft = open();
        let table = Table { name: NAME.into(), ..Table::default() };
        nft.replace(&Replacement::new(None, &table), Ownership::OwnerPersist).expect("written");
        assert_eq!(nft.read(NAME).expect("read"), Some(table));
        nft.delete_table(NAME).expect("deleted");
        assert_eq!(nft.read(NAME).expect("read"), None);
        nft.delete_table(NAME).expect("what is not there is deleted");
    });
}

#[test]
fn a_name_that_cannot_be_is_refused_before_it_is_sent() {
    apart(|| {
        let mut nft = open();
        let mut table = everything();
        table.counters.insert("a\0b".into());
        let refused = nft.replace(&Replacement::new(None, &table), Ownership::OwnerPersist);
        assert!(matches!(refused, Err(Refused::Inexpressible(_))), "{refused:?}");
        assert_eq!(nft.read(NAME).expect("read"), None);
    });
}

/// One chain and one counter for each port, as a policy of so many distinct rules has.
fn rules(count: u16) -> Table {
    let mut table = Table { name: NAME.into(), ..Table::default() };
    let mut ports = Set { key: vec![Field::Port], interval: true, verdicts: true, ..Set::default() };
    for number in 0..count {
        let (chain_name, counter) = (format!("a_p{number}"), format!("r_{number}"));
        let peer = Expression::Compare {
            from: Register(0),
            operator: Operator::Equal,
            value: [[10, 0], number.to_be_bytes()].concat(),
        };
        let rule = vec![source4(), peer, Expression::CounterNamed(counter.clone()), accept()];
        table.chains.insert(chain_name.clone(), chain(None, vec![rule]));
        ports.elements.push(Element::one((number * 2).to_be_bytes()).to(Verdict::Goto(chain_name)));
        table.counters.insert(counter);
    }
    table.sets.insert("a_tcp".into(), ports);
    table.chains.insert("inbound".into(), chain(base(Hook::Prerouting, -110), Vec::new()));
    table
}

#[test]
fn ten_thousand_rules_are_written_read_and_removed() {
    apart(|| {
        let mut nft = open();
        let table = rules(10_000);
        let timed = |what, start: Instant| println!("{what}: {:?}", start.elapsed());
        let start = Instant::now();
        nft.replace(&Replacement::new(None, &table), Ownership::OwnerPersist).expect("written");
        timed("written", start);
        let start = Instant::now();
        let read = nft.read_steady(NAME).expect("read").expect("there");
        timed("read", start);
        assert_eq!(read, steady(table.clone()));
        let start = Instant::now();
        nft.replace(&Replacement::new(Some(&read), &table), Ownership::OwnerPersist).expect("alike");
        timed("replaced by the same", start);
        let start = Instant::now();
        nft.replace(&Replacement::new(Some(&read), &rules(2)), Ownership::OwnerPersist).expect("removed");
        timed("removed", start);
        assert_eq!(nft.read_steady(NAME).expect("read"), Some(steady(rules(2))));
    });
}
