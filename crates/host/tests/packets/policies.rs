//! Random policies, as files say them, on the server of [`place`](crate::place).
//!
//! The world is small, so that intervals touch, overlap and end at the last value often.

use crate::kernel::now;
use crate::place::LEGS;
use firewall::compiled::Compiled;
use firewall::draft::Draft;
use firewall::observed::{Interface, InterfaceKind, Listener, Observed};
use ipnet::IpNet;
use model::plan::{
    Essential, Firewall, Forward, Group, Host, InterfaceName, Name, Nat, Network, Peer, Place, Plan, Rule,
    RuleId, RuleLimit, Service, Target, TargetAddress, Traffic, Transport,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The name of the server in the file.
const HERE: &str = "here";
const GROUPS: [&str; 3] = ["web", "db", "spare"];
const PLAIN: [u8; 4] = [2, 47, 50, 89];

fn name(text: &str) -> Name {
    Name(text.to_owned())
}

fn interface(text: &str) -> InterfaceName {
    InterfaceName(text.to_owned())
}

fn key() -> impl Strategy<Value = u16> {
    prop_oneof![
        6 => 20_u16..32,
        1 => 0_u16..4,
        1 => 65_533..=u16::MAX,
        1 => select(vec![53_u16, 67, 68, 123, 546, 547, 3000]),
    ]
}

/// Types of both families that mean something, and codes around the first and the last.
fn message() -> impl Strategy<Value = u16> {
    let kinds = select(vec![0_u16, 3, 5, 8, 11, 13, 17, 128, 133, 135, 139, 143]);
    (kinds, select(vec![0_u16, 1, 4, 255])).prop_map(|(kind, code)| kind << 8 | code)
}

fn span(of: impl Strategy<Value = u16> + Clone) -> impl Strategy<Value = (u16, u16)> {
    (of.clone(), of, any::<bool>()).prop_map(|(a, b, one)| if one { (a, a) } else { (a.min(b), a.max(b)) })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let ports = (select(Transport::ALL.to_vec()), span(key().boxed()));
    let tcp_or_udp = (select(vec![Transport::Tcp, Transport::Udp]), span(key().boxed()));
    prop_oneof![
        1 => Just(Traffic::All),
        6 => tcp_or_udp.prop_map(|(transport, (first, last))| Traffic::Ports { transport, first, last }),
        2 => ports.prop_map(|(transport, (first, last))| Traffic::Ports { transport, first, last }),
        2 => (any::<bool>(), span(message().boxed()))
            .prop_map(|(v6, (first, last))| Traffic::Icmp { v6, first, last }),
        1 => select(PLAIN.to_vec()).prop_map(Traffic::Protocol),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0_u32..32).prop_map(|last| Ipv4Addr::from(0xc633_6400 + last).into()),
        (0_u128..32).prop_map(|last| Ipv6Addr::from((0x2001_0db8_000f << 80) + last).into()),
    ]
}

fn prefix() -> impl Strategy<Value = IpNet> {
    (address(), 0_u8..6, prop::bool::weighted(0.1)).prop_map(|(address, bits, wide)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = if wide { bits } else { most - bits };
        IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |net| net.trunc())
    })
}

fn peer(inbound: bool) -> impl Strategy<Value = Peer> {
    prop_oneof![
        2 => Just(Peer::Anywhere),
        1 => Just(Peer::Internet),
        1 => Just(Peer::MyIp),
        1 => Just(Peer::Containers),
        1 => Just(if inbound { Peer::ThisHost } else { Peer::Anywhere }),
        6 => prefix().prop_map(Peer::Prefix),
        2 => select(vec!["n0", "n1"]).prop_map(|text| Peer::Network(name(text))),
        2 => select(GROUPS.to_vec()).prop_map(|text| Peer::Group(name(text))),
        1 => select(vec!["one", "two"]).prop_map(|text| Peer::Host(name(text))),
    ]
}

fn rule(inbound: bool) -> impl Strategy<Value = Rule> {
    let on = prop::option::weighted(0.25, select(vec!["eth0", "eth1", "docker0", "wg0"]));
    // So high that no test meets it, and an end that comes after the test.
    let limit = prop::option::weighted(0.15, 40_000_u32..40_002);
    let expires = prop::option::weighted(0.15, 100_000_u64..100_002);
    (vec(traffic(), 1..3), vec(peer(inbound), 1..4), on, limit, expires).prop_map(
        |(traffic, peers, on, limit, expires)| Rule {
            id: RuleId(String::new()),
            label: String::new(),
            traffic,
            peers,
            interface: on.map(interface),
            limit: limit.map(|count| RuleLimit { count, period: Duration::from_secs(60) }),
            note: None,
            expires: expires.map(|seconds| now() + seconds),
            place: Place::default(),
        },
    )
}

fn rules(inbound: bool, most: usize) -> impl Strategy<Value = Vec<Rule>> {
    vec(rule(inbound), 0..most)
}

/// Many rules about one port and one address each, which the compiler gathers.
fn singles() -> impl Strategy<Value = Vec<Rule>> {
    let transport = select(vec![Transport::Tcp, Transport::Udp]);
    vec((transport, 20_u16..32, address(), 0_u8..2), 0..24).prop_map(|all| {
        let rule = |(transport, port, address, bits): (Transport, u16, IpAddr, u8)| Rule {
            id: RuleId(String::new()),
            label: String::new(),
            traffic: vec![Traffic::Ports { transport, first: port, last: port }],
            peers: IpNet::new(address, if address.is_ipv4() { 32 } else { 128 } - bits * 4)
                .map(|net| Peer::Prefix(net.trunc()))
                .into_iter()
                .collect(),
            interface: None,
            limit: None,
            note: None,
            expires: None,
            place: Place::default(),
        };
        all.into_iter().map(rule).collect()
    })
}

fn firewall() -> impl Strategy<Value = Firewall> {
    let deny = vec(prefix().prop_map(Peer::Prefix), 0..3);
    let outbound = prop::option::weighted(0.5, rules(false, 4));
    let containers = prop::option::weighted(0.5, rules(false, 4));
    let without = prop::collection::btree_set(select(Essential::ALL.to_vec()), 0..6);
    let inbound = (rules(true, 6), singles()).prop_map(|(some, singles)| [some, singles].concat());
    (inbound, outbound, deny, containers, without).prop_map(
        |(inbound, outbound, deny, container_outbound, without)| Firewall {
            confirm: Duration::from_secs(60),
            inbound,
            outbound,
            deny,
            deny_files: std::collections::BTreeMap::new(),
            containers: Vec::new(),
            container_outbound,
            without: without.into_iter().collect(),
            drain: Duration::ZERO,
            place: Place::default(),
        },
    )
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let one = (rules(true, 5), prop::option::weighted(0.2, rules(false, 3)));
    vec(one, GROUPS.len()).prop_map(|bodies| {
        let group = |(text, (inbound, outbound)): (&&str, (Vec<Rule>, Option<Vec<Rule>>))| Group {
            name: name(text),
            description: None,
            inbound,
            outbound,
            place: Place::default(),
        };
        GROUPS.iter().zip(bodies).map(group).collect()
    })
}

fn hosts() -> impl Strategy<Value = Vec<Host>> {
    let carried = || prop::sample::subsequence(GROUPS.to_vec(), 0..=GROUPS.len());
    (carried(), carried(), carried(), vec(address(), 4)).prop_map(|(here, one, two, addresses)| {
        let host = |text, groups: Vec<&str>, addresses: &[IpAddr]| Host {
            name: name(text),
            addresses: addresses.to_vec(),
            public: Vec::new(),
            groups: groups.into_iter().map(name).collect(),
            place: Place::default(),
        };
        let own: Vec<IpAddr> = LEGS[0].server.iter().filter_map(|text| text.parse().ok()).collect();
        vec![host(HERE, here, &own), host("one", one, &addresses[..2]), host("two", two, &addresses[2..])]
    })
}

fn nat() -> impl Strategy<Value = Option<Nat>> {
    let forward = (rule(true), key(), prop::option::of(Just(8443))).prop_map(|(rule, port, to)| Forward {
        rule: Rule {
            traffic: vec![Traffic::Ports { transport: Transport::Tcp, first: port, last: port }],
            ..rule
        },
        to: Ipv4Addr::new(10, 0, 0, 10).into(),
        port: to,
    });
    let nat = vec(forward, 0..3).prop_map(|forwards| Nat {
        inside: vec![interface("lan0")],
        masquerade: vec!["10.0.0.0/24".parse().expect("a prefix")],
        forwards,
        place: Place::default(),
    });
    prop::option::weighted(0.3, nat)
}

fn plan() -> impl Strategy<Value = Plan> {
    let networks = vec(vec(prefix(), 0..4), 2);
    (firewall(), groups(), hosts(), networks, nat()).prop_map(|(firewall, groups, hosts, networks, nat)| {
        let mut plan = Plan::default();
        let address = TargetAddress::Tcp { host: "127.0.0.1".to_owned(), port: 3000 };
        let mut service = Service::with_defaults("app".to_owned(), vec![Target::plain(address)]);
        service.on = Some(name(HERE));
        plan.services = vec![service.into()];
        plan.policy.firewall = Some(firewall);
        plan.policy.groups = groups;
        plan.policy.hosts = hosts;
        plan.policy.nat = nat;
        let network = |(number, prefixes)| Network {
            name: Name(format!("n{number}")),
            prefixes,
            place: Place::default(),
        };
        plan.policy.networks = networks.into_iter().enumerate().map(network).collect();
        number_rules(&mut plan);
        plan
    })
}

/// Each rule has an identity of its own.
fn number_rules(plan: &mut Plan) {
    let policy = &mut plan.policy;
    let firewall = policy.firewall.iter_mut().flat_map(|firewall| {
        let outbound = firewall.outbound.iter_mut().flatten();
        let containers = firewall.container_outbound.iter_mut().flatten();
        firewall.inbound.iter_mut().chain(outbound).chain(containers)
    });
    let groups =
        policy.groups.iter_mut().flat_map(|g| g.inbound.iter_mut().chain(g.outbound.iter_mut().flatten()));
    let forwards = policy.nat.iter_mut().flat_map(|nat| nat.forwards.iter_mut().map(|one| &mut one.rule));
    for (number, rule) in firewall.chain(groups).chain(forwards).enumerate() {
        rule.id = RuleId(format!("rule-{number}"));
    }
}

fn observed() -> Observed {
    let addresses = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    let loopback = ["127.0.0.1/8".to_owned(), "::1/128".to_owned()];
    let mut interfaces = vec![Interface {
        name: interface("lo"),
        addresses: addresses(&loopback),
        kind: InterfaceKind::Loopback,
    }];
    interfaces.extend(LEGS.iter().map(|leg| Interface {
        name: interface(leg.interface),
        addresses: addresses(&leg.own()),
        kind: if leg.interface == "docker0" { InterfaceKind::Containers } else { InterfaceKind::Other },
    }));
    let sshd = |local: &str| Listener {
        protocol: 6,
        local: local.parse().expect("an address"),
        user: 0,
        program: Some("sshd".to_owned()),
        process: None,
    };
    Observed {
        host_name: HERE.to_owned(),
        interfaces,
        listeners: vec![sshd("0.0.0.0:22"), sshd("[::]:22")],
        gate_user: 990,
        resolvers: vec![
            LEGS[1].client[0].parse().expect("an address"),
            Ipv4Addr::new(198, 51, 100, 9).into(),
        ],
        forwarding: true,
        my_ip: vec![Ipv4Addr::new(198, 51, 100, 21).into()],
        now: now(),
        ..Observed::default()
    }
}

/// A random policy.
pub(crate) fn policy() -> impl Strategy<Value = Compiled> {
    plan().prop_map(|plan| {
        let draft = Draft::compose(&plan, Some(&name(HERE)), &observed());
        draft.expect("the plan has a firewall").compiled().clone()
    })
}
