//! What a difference says, and that it says all.

#![expect(clippy::unwrap_used, reason = "what cannot be read or found fails the test")]

use super::{Reach, ReachInterface, ReachProtocol, difference};
use crate::addresses::AddressSet;
use crate::canonical::Facts;
use crate::compiled::Compiled;
use crate::connections::{Connection, Opener, connections_cut};
use crate::packet::{Packet, Reason, Refusal, Verdict, Way};
use crate::rule::RuleView;
use crate::testing::{addresses, any_packet, any_policy, compiled, id, interface, tcp, view};
use model::plan::Traffic;
use proptest::prelude::*;

fn texts(lines: &[Reach]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn a_difference_is_read_in_a_few_lines() {
    let on_eth1 = RuleView {
        interface: Some(interface("eth1")),
        ..view("c", tcp(9000, 9001), AddressSet::everything())
    };
    let old = compiled(
        vec![
            view("a", tcp(8080, 8080), addresses(&["10.0.0.0/8", "203.0.113.0/24"])),
            view("b", tcp(22, 22), addresses(&["10.0.0.0/8"])),
        ],
        Facts::default(),
    );
    let new = compiled(
        vec![
            view("a", tcp(8080, 8080), addresses(&["203.0.113.0/24"])),
            view("b", tcp(22, 22), addresses(&["10.0.0.0/8"])),
            view("d", tcp(80, 80), AddressSet::everything()),
            view("e", tcp(443, 443), AddressSet::everything()),
            view("f", Traffic::All, addresses(&["192.0.2.1/32"])),
            view("g", Traffic::Icmp { v6: false, first: 0x0d00, last: 0x0dff }, addresses(&["10.0.0.0/8"])),
            on_eth1,
        ],
        Facts::default(),
    );
    let found = difference(Some(&old), &new);
    insta::assert_snapshot!(texts(&found.inbound.opened).join("\n"), @r"
    everything from 192.0.2.1
    icmp type 13 from 10.0.0.0/8, 192.0.2.1
    80,443/tcp from anywhere
    9000-9001/tcp on eth1 from anywhere
    ");
    insta::assert_snapshot!(texts(&found.inbound.closed).join("\n"), @"8080/tcp from 10.0.0.0/8");
    let ids = |rules: &[RuleView]| rules.iter().map(|rule| rule.id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&found.added), ["d", "e", "f", "g", "c"]);
    assert_eq!(found.changed.len(), 1);
    assert!(found.removed.is_empty() && found.changes_packets());
}

#[test]
fn restricting_the_way_out_closes_everything_else() {
    let old = compiled(Vec::new(), Facts::default());
    let rule = RuleView {
        direction: crate::rule::Direction::Outbound,
        ..view("out", Traffic::All, addresses(&["128.0.0.0/1", "8000::/1"]))
    };
    let new = compiled(vec![rule], Facts { restricts_outbound: true, ..Facts::default() });
    let found = difference(Some(&old), &new);
    assert_eq!(texts(&found.outbound.closed), ["everything to 0.0.0.0/1, ::/1"]);
    assert!(found.outbound.opened.is_empty());
    assert_eq!(difference(Some(&new), &old).outbound.opened, found.outbound.closed);
}

#[test]
fn connections_through_a_removed_rule_are_cut_with_its_name() {
    let rules = |rules: &[(&str, u16)]| {
        let view = |(name, port): &(&str, u16)| view(name, tcp(*port, *port), AddressSet::everything());
        compiled(rules.iter().map(view).collect(), Facts::default())
    };
    let (old, new) = (rules(&[("web", 80), ("api", 8000)]), rules(&[("web", 80)]));
    let connection = |port: u16, peer: &str| Connection {
        protocol: 6,
        local: ([192, 0, 2, 1], port).into(),
        peer: peer.parse().unwrap(),
        opened_by: Opener::Peer,
        interface: None,
    };
    let live = [
        connection(80, "203.0.113.9:4000"),
        connection(8000, "[::ffff:203.0.113.9]:4001"),
        connection(8000, "127.0.0.1:4002"),
        Connection { opened_by: Opener::ThisHost, ..connection(4003, "203.0.113.9:25") },
    ];
    let cut = connections_cut(Some(&old), &new, &live);
    assert_eq!(cut.len(), 1);
    assert_eq!((&cut[0].connection, &cut[0].rules[..]), (&live[1], &[id("api")][..]));
}

/// Whether a line is about a packet. An interface whose rules say what others say as well is one of the others.
fn is_about(line: &Reach, packet: &Packet, policies: &[&Compiled]) -> bool {
    let is_named =
        policies.iter().any(|p| p.canonical.erased().inbound.interfaces.contains_key(&packet.interface));
    let interface = match &line.interface {
        ReachInterface::Every => true,
        ReachInterface::Named(name) => *name == packet.interface,
        ReachInterface::Others => !is_named,
    };
    let is_listed =
        |number| (number != 1 || packet.source.is_ipv4()) && (number != 58 || packet.source.is_ipv6());
    let protocol = match line.protocol {
        ReachProtocol::Every => true,
        ReachProtocol::Number(number) => number == packet.protocol && is_listed(number),
        // Whether another line is about the protocol is not known to this one, so tests use one that none names.
        ReachProtocol::Other => packet.protocol == 89,
    };
    let key = line.keys.is_empty() || line.keys.iter().any(|&(a, b)| (a..=b).contains(&packet.key));
    interface && protocol && key && line.peers.contains(packet.source)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_difference_is_empty_exactly_where_verdicts_are_equal(a in any_policy(), b in any_policy()) {
        prop_assert!(difference(Some(&a), &a).is_empty());
        let found = difference(Some(&a), &b);
        prop_assert_eq!(found.changes_packets(), !a.canonical.verdicts_equal(&b.canonical));
        let back = difference(Some(&b), &a);
        prop_assert_eq!(&found.inbound.opened, &back.inbound.closed);
        prop_assert_eq!(&found.inbound.conditions, &back.inbound.conditions);
    }

    #[test]
    fn what_opens_and_closes_is_what_rules_judge_otherwise(
        a in any_policy(),
        b in any_policy(),
        packets in prop::collection::vec(any_packet(), 64),
    ) {
        // Only rules differ: the same facts decide before them.
        let mut b = b;
        b.canonical.denied = a.canonical.denied.clone();
        b.canonical.essentials = a.canonical.essentials.clone();
        b.canonical.containers = a.canonical.containers.clone();
            b.canonical.container_sources = a.canonical.container_sources.clone();
        let found = difference(Some(&a), &b);
        let is_told = |p: &Packet| {
            let foreign = p.protocol == if p.source.is_ipv4() { 58 } else { 1 };
            p.way == Way::In && !foreign && ![2, 47, 50].contains(&p.protocol)
        };
        for packet in packets.into_iter().filter(is_told) {
            let (before, after) = (a.judge(&packet).passes(), b.judge(&packet).passes());
            // An essential passes whatever the rules say.
            let by_rules = |verdict: &Verdict| !matches!(verdict, Verdict::Accept(Reason::Essential(_)) | Verdict::Drop(Refusal::Denied | Refusal::ForgedLoopback | Refusal::ForgedContainer | Refusal::OpensNothing));
            if !by_rules(&a.judge(&packet)) {
                continue;
            }
            let says = |lines: &[Reach]| lines.iter().any(|line| is_about(line, &packet, &[&a, &b]));
            prop_assert_eq!(says(&found.inbound.opened), after && !before, "{:?}", packet);
            prop_assert_eq!(says(&found.inbound.closed), before && !after, "{:?}", packet);
        }
    }
}
