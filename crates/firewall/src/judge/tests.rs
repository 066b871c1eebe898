//! Verdict tables: each line is a packet and what becomes of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be read or found fails the test")]

use crate::compiled::Compiled;
use crate::draft::Draft;
use crate::observed::{Interface, InterfaceKind, Observed};
use crate::packet::{Packet, Reason, Refusal, Verdict, Way};
use crate::reference;
use crate::testing::{firewall, interface, machine, name, pay_1, prefix, rule, shop, tcp, web_1};
use model::plan::{Forward, Name, Nat, Peer, Place, Plan, RuleId, RuleLimit};
use std::time::Duration;

/// Judges every packet of a table, in both ways.
fn check(policy: &Compiled, table: &str) {
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let (packet, expected) = read(line);
        let verdict = policy.judge(&packet);
        assert_eq!(text(&verdict), expected, "{line}");
        assert_eq!(verdict, reference::judge(policy, &packet), "{line}");
    }
}

/// `WAY[:INTERFACE] SOURCE DESTINATION PROTOCOL[/KEY[/USER]] VERDICT…`
fn read(line: &str) -> (Packet, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (way, on) = words[0].split_once(':').unwrap_or((words[0], "eth0"));
    let mut traffic = words[3].split('/');
    let protocol = traffic.next().unwrap();
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmpv6" => 58,
        number => number.parse().unwrap(),
    };
    let packet = Packet {
        way: match way {
            "in" => Way::In,
            "out" => Way::Out,
            "thru" => Way::Through,
            _ => Way::Loopback,
        },
        interface: interface(if way == "lo" { "lo" } else { on }),
        source: words[1].parse().unwrap(),
        destination: words[2].parse().unwrap(),
        protocol,
        key: traffic.next().map_or(0, |key| key.parse().unwrap()),
        source_port: 40_000,
        opens: true,
        user: traffic.next().map(|user| user.parse().unwrap()),
    };
    (packet, words[4..].join(" "))
}

fn text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept(Reason::Rule(rule)) => format!("rule {rule}"),
        Verdict::Accept(Reason::Guarded(rules)) => {
            format!("guarded {}", rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        Verdict::Accept(Reason::Essential(essential)) => format!("essential {essential:?}"),
        Verdict::Accept(Reason::Open) => "open".to_owned(),
        Verdict::Accept(Reason::Loopback) => "loopback".to_owned(),
        Verdict::Drop(Refusal::NoRule) => "no-rule".to_owned(),
        Verdict::Drop(Refusal::ForgedLoopback) => "forged".to_owned(),
        Verdict::Drop(Refusal::ForgedContainer) => "forged-container".to_owned(),
        Verdict::Drop(Refusal::OpensNothing) => "opens-nothing".to_owned(),
        Verdict::Drop(Refusal::NotForwarded) => "not-forwarded".to_owned(),
        Verdict::Drop(Refusal::Denied) => "denied".to_owned(),
        Verdict::Reject(Refusal::NotTheGate(service)) => format!("not-the-gate {service}"),
        other => panic!("{other:?} has no word in the tables"),
    }
}

fn compose(plan: &Plan, host: Option<&Name>, observed: &Observed) -> Compiled {
    Draft::compose(plan, host, observed).unwrap().compiled().clone()
}

#[test]
fn the_door_of_the_shop_is_open_to_everybody_and_its_backend_to_the_gate() {
    let policy = compose(&shop(), Some(&name("web-1")), &web_1());
    check(&policy, include_str!("web-1.txt"));
    assert!(policy.rule(&RuleId("site-443".to_owned())).is_some());
}

#[test]
fn payments_are_reached_by_the_door_alone() {
    check(&compose(&shop(), Some(&name("pay-1")), &pay_1()), include_str!("pay-1.txt"));
}

#[test]
fn a_gateway_lets_through_what_it_is_there_for() {
    check(&compose(&gateway(), None, &gateway_machine()), include_str!("gateway.txt"));
}

fn gateway() -> Plan {
    let mut plan = Plan::default();
    let mut slow = rule("o-db", tcp(5432, 5432), &[prefix("10.0.0.0/8")]);
    slow.limit = Some(RuleLimit { count: 1, period: Duration::from_secs(1) });
    let mut firewall = firewall(vec![rule("db", tcp(5432, 5432), &[Peer::Containers])]);
    firewall.outbound =
        Some(vec![rule("o-deb", tcp(443, 443), &[Peer::Domain("deb.example".to_owned())]), slow]);
    firewall.container_outbound = Some(vec![rule("c-web", tcp(443, 443), &[Peer::Internet])]);
    firewall.deny = vec![prefix("192.0.2.66/32")];
    plan.policy.firewall = Some(firewall);
    plan.policy.nat = Some(Nat {
        inside: vec![interface("eth1")],
        masquerade: vec!["10.0.0.0/8".parse().unwrap()],
        forwards: vec![Forward {
            rule: rule("forward", tcp(8443, 8443), &[Peer::Anywhere]),
            to: "10.0.0.9".parse().unwrap(),
            port: Some(443),
        }],
        place: Place::default(),
    });
    plan
}

fn gateway_machine() -> Observed {
    let mut observed = machine("gate", "192.0.2.1/24");
    observed.interfaces.push(Interface {
        name: interface("docker0"),
        addresses: vec!["172.17.0.1/16".parse().unwrap(), "fe80::42/64".parse().unwrap()],
        kind: InterfaceKind::Containers,
    });
    observed.listeners.clear();
    observed.forwarding = true;
    observed.resolvers = vec!["9.9.9.9".parse().unwrap()];
    observed.domains.insert("deb.example".to_owned(), vec!["198.51.100.5".parse().unwrap()]);
    observed
}
