//! What tests build policies and packets from. Nothing of it is compiled into the product.

#![expect(clippy::unwrap_used, reason = "what cannot be read or found fails the test")]

use crate::addresses::{AddressSet, Family};
use crate::canonical::{Canonical, Facts, LocalPort, LocalUsers};
use crate::compiled::Compiled;
use crate::observed::{Interface, InterfaceKind, Listener, Observed};
use crate::packet::{Packet, Way};
use crate::rule::{Direction, Owner, RuleView};
use model::pattern::RoutePattern;
use model::plan::{
    Compression, Essential, Firewall, Group, Handler, Host, InterfaceName, Name, Network, Peer, Place, Plan,
    Route, Rule, RuleId, RuleLimit, Scheme, Service, ServiceHandler, ServiceIndex, Site, SiteAddress, Stream,
    StreamListen, StreamTls, Target, TargetAddress, Traffic, Transport,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// 2026-11-20, about noon.
pub(crate) const NOW: u64 = 1_795_176_000;
/// The user of the gate.
pub(crate) const GATE: u32 = 990;

pub(crate) fn name(text: &str) -> Name {
    Name(text.to_owned())
}

pub(crate) fn interface(text: &str) -> InterfaceName {
    InterfaceName(text.to_owned())
}

pub(crate) fn id(text: &str) -> RuleId {
    RuleId(text.to_owned())
}

pub(crate) const fn tcp(first: u16, last: u16) -> Traffic {
    Traffic::Ports { transport: Transport::Tcp, first, last }
}

pub(crate) fn prefix(text: &str) -> Peer {
    Peer::Prefix(text.parse().unwrap())
}

pub(crate) fn group_peer(text: &str) -> Peer {
    Peer::Group(name(text))
}

/// A rule of the file without conditions.
pub(crate) fn rule(rule_id: &str, traffic: Traffic, peers: &[Peer]) -> Rule {
    Rule {
        id: id(rule_id),
        label: rule_id.to_owned(),
        traffic: vec![traffic],
        peers: peers.to_vec(),
        interface: None,
        limit: None,
        note: None,
        expires: None,
        place: Place::default(),
    }
}

pub(crate) fn firewall(inbound: Vec<Rule>) -> Firewall {
    Firewall {
        confirm: Duration::from_secs(60),
        inbound,
        outbound: None,
        deny: Vec::new(),
        deny_files: BTreeMap::new(),
        containers: Vec::new(),
        container_outbound: None,
        without: Vec::new(),
        drain: Duration::ZERO,
        place: Place::default(),
    }
}

pub(crate) fn group(group_name: &str, inbound: Vec<Rule>) -> Group {
    Group { name: name(group_name), description: None, inbound, outbound: None, place: Place::default() }
}

pub(crate) fn host(host_name: &str, address: &str, public: &str, groups: &[&str]) -> Host {
    Host {
        name: name(host_name),
        addresses: vec![address.parse().unwrap()],
        public: vec![public.parse().unwrap()],
        groups: groups.iter().map(|group| name(group)).collect(),
        place: Place::default(),
    }
}

pub(crate) fn site(label: &str, scheme: Scheme, on: Option<&str>) -> Site {
    Site {
        label: label.to_owned(),
        address: SiteAddress { scheme, host: None, port: None },
        aliases: Vec::new(),
        routes: Vec::new(),
        certificate: None,
        hsts: None,
        error_pages: Vec::new(),
        maintenance: None,
        on: on.map(name),
        from: vec![Peer::Anywhere],
    }
}

/// A route for everything that leads to a service, by its place in the plan.
pub(crate) fn route_to(service: usize) -> Route {
    let service = ServiceIndex(service);
    Route {
        pattern: RoutePattern::parse("/").unwrap(),
        methods: Vec::new(),
        headers: Vec::new(),
        handler: Handler::Service(ServiceHandler {
            service,
            strip_prefix: None,
            compression: Compression::Off,
            grpc_web: false,
        }),
        encoded_slashes: false,
        body: None,
        request_headers: Vec::new(),
        response_headers: Vec::new(),
        line: 0,
    }
}

pub(crate) fn service(service_name: &str, host: &str, port: u16) -> Service {
    let target = Target::plain(TargetAddress::Tcp { host: host.to_owned(), port });
    Service::with_defaults(service_name.to_owned(), vec![target])
}

pub(crate) fn stream(name: &str, listen: StreamListen, from: &[Peer]) -> Stream {
    let target = Target::plain(TargetAddress::Tcp { host: "10.0.0.9".to_owned(), port: 5432 });
    Stream {
        alpn: Vec::new(),
        name: name.to_owned(),
        listen,
        service: Service::with_defaults(name.to_owned(), vec![target]),
        idle_timeout: Duration::from_secs(60),
        connections: None,
        connections_per_address: None,
        tls: StreamTls::Off,
        hosts: Vec::new(),
        on: None,
        from: from.to_vec(),
        place: Place::default(),
    }
}

/// The shop on two hosts: one public door, products beside it, payments on their own machine.
pub(crate) fn shop() -> Plan {
    let mut plan = Plan::default();
    let routes = vec![route_to(0)];
    plan.sites.push(Site { routes, ..site("shop.example.com", Scheme::Https, Some("web-1")) }.into());
    let mut products = service("products", "127.0.0.1", 3000);
    products.on = Some(name("web-1"));
    plan.services = vec![products.into(), service("payment", "pay-1", 8080).into()];
    let admins = [Peer::Network(name("office")), Peer::MyIp];
    let mut ssh = rule("frontend-ssh", tcp(22, 22), &admins);
    ssh.limit = Some(RuleLimit { count: 6, period: Duration::from_secs(30) });
    plan.policy.firewall = Some(firewall(Vec::new()));
    plan.policy.groups = vec![
        group("frontend", vec![ssh]),
        group(
            "payment",
            vec![
                rule("payment-ssh", tcp(22, 22), &admins),
                rule("payment-8080", tcp(8080, 8080), &[group_peer("frontend")]),
            ],
        ),
    ];
    plan.policy.networks = vec![Network {
        name: name("office"),
        prefixes: vec!["198.51.100.0/24".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()],
        place: Place::default(),
    }];
    plan.policy.hosts = vec![
        host("web-1", "172.31.44.18", "54.91.14.162", &["frontend"]),
        host("pay-1", "172.31.36.0", "3.81.36.97", &["payment"]),
    ];
    plan
}

/// A machine with one interface and sshd.
pub(crate) fn machine(host_name: &str, address: &str) -> Observed {
    let lo = ["127.0.0.1/8".parse().unwrap(), "::1/128".parse().unwrap()];
    Observed {
        host_name: host_name.to_owned(),
        interfaces: vec![
            Interface { name: interface("lo"), addresses: lo.to_vec(), kind: InterfaceKind::Loopback },
            Interface {
                name: interface("eth0"),
                addresses: vec![address.parse().unwrap()],
                kind: InterfaceKind::Other,
            },
        ],
        listeners: vec![listener("0.0.0.0:22", "sshd"), listener("[::]:22", "sshd")],
        gate_user: GATE,
        my_ip: vec!["203.0.113.7".parse().unwrap()],
        now: NOW,
        ..Observed::default()
    }
}

pub(crate) fn listener(local: &str, program: &str) -> Listener {
    let program = Some(program.to_owned());
    Listener { protocol: 6, local: local.parse().unwrap(), user: 0, program, process: None }
}

/// The machines of the shop.
pub(crate) fn web_1() -> Observed {
    machine("web-1", "172.31.44.18/20")
}

/// The machines of the shop.
pub(crate) fn pay_1() -> Observed {
    machine("pay-1", "172.31.36.0/20")
}

/// A rule as it holds, about these addresses.
pub(crate) fn view(rule_id: &str, traffic: Traffic, peers: AddressSet) -> RuleView {
    RuleView {
        id: id(rule_id),
        owner: Owner::Machine,
        traffic: vec![traffic],
        peers,
        ..crate::canonical::sshd(22)
    }
}

pub(crate) fn addresses(prefixes: &[&str]) -> AddressSet {
    let prefixes: Vec<ipnet::IpNet> = prefixes.iter().map(|text| text.parse().unwrap()).collect();
    AddressSet::from_prefixes(&prefixes)
}

/// A compiled policy of these rules.
pub(crate) fn compiled(rules: Vec<RuleView>, facts: Facts) -> Compiled {
    let canonical = Canonical::of(&rules, facts);
    Compiled { canonical, rules, host: None, domains: BTreeMap::new(), bridges: BTreeMap::new() }
}

// A small world, in which intervals touch, overlap and end at the last value often.

const INTERFACES: [&str; 4] = ["eth0", "eth1", "docker0", "lan0"];
const PLAIN: [u8; 3] = [2, 47, 50];

fn key() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 20_u16..32, 1 => 0_u16..4, 1 => 65_533..=u16::MAX, 1 => 0x0300_u16..0x0b05, 1 => 0x8000_u16..0x8805]
}

fn keys() -> impl Strategy<Value = (u16, u16)> {
    (key(), key()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let transport = prop::sample::select(Transport::ALL.to_vec());
    prop_oneof![
        1 => Just(Traffic::All),
        6 => (transport, keys()).prop_map(|(transport, (first, last))| Traffic::Ports { transport, first, last }),
        2 => (any::<bool>(), keys()).prop_map(|(v6, (first, last))| Traffic::Icmp { v6, first, last }),
        1 => prop::sample::select(PLAIN.to_vec()).prop_map(Traffic::Protocol),
    ]
}

fn number(family: Family) -> impl Strategy<Value = u128> {
    let base: u128 = match family {
        Family::V4 => 0xc633_6400,
        Family::V6 => 0x2001_0db8 << 96,
    };
    prop_oneof![6 => base..base + 24, 1 => 0_u128..3, 1 => family.last() - 2..=family.last()]
}

fn interval() -> impl Strategy<Value = (Family, u128, u128)> {
    prop::sample::select(Family::BOTH.to_vec()).prop_flat_map(|family| {
        (number(family), number(family)).prop_map(move |(a, b)| (family, a.min(b), a.max(b)))
    })
}

fn peers() -> impl Strategy<Value = AddressSet> {
    prop_oneof![
        1 => Just(AddressSet::everything()),
        5 => prop::collection::vec(interval(), 0..4).prop_map(AddressSet::from_intervals),
    ]
}

fn limit() -> impl Strategy<Value = Option<RuleLimit>> {
    prop::option::weighted(
        0.2,
        (1_u32..3).prop_map(|count| RuleLimit { count, period: Duration::from_secs(30) }),
    )
}

fn any_view() -> impl Strategy<Value = RuleView> {
    let direction = prop_oneof![
        3 => Just(Direction::Inbound),
        1 => Just(Direction::Outbound),
        1 => Just(Direction::ContainerOutbound)
    ];
    let on = prop::option::weighted(0.25, prop::sample::select(INTERFACES[..2].to_vec()));
    let expires = prop::option::weighted(0.15, NOW + 1..NOW + 3);
    (direction, prop::collection::vec(traffic(), 1..3), peers(), on, limit(), expires).prop_map(
        |(direction, traffic, peers, on, limit, expires)| RuleView {
            direction,
            traffic,
            interface: on.map(interface),
            limit,
            expires,
            ..view("", Traffic::All, peers)
        },
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let essentials = prop::collection::btree_set(prop::sample::select(Essential::ALL.to_vec()), 0..9);
    let denied = prop::collection::vec(interval(), 0..3).prop_map(AddressSet::from_intervals);
    let local = prop::collection::btree_map(
        (20_u16..26).prop_map(|port| LocalPort { protocol: 6, port }),
        (0_u32..3).prop_map(|user| LocalUsers { users: BTreeSet::from([user]), service: format!("s{user}") }),
        0..3,
    );
    let behind = prop::collection::vec(interval(), 0..2).prop_map(AddressSet::from_intervals);
    (any::<(bool, bool, bool)>(), essentials, denied, local, behind).prop_map(
        |(
            (restricts_outbound, restricts_containers, containers),
            essentials,
            denied,
            local,
            container_sources,
        )| Facts {
            restricts_outbound,
            restricts_containers,
            local,
            essentials,
            administration: BTreeSet::from([22]),
            denied,
            containers: containers.then(|| interface("docker0")).into_iter().collect(),
            container_sources,
            ..Facts::default()
        },
    )
}

/// Random rules with identities of their own, in the order of the file.
pub(crate) fn any_rules() -> impl Strategy<Value = Vec<RuleView>> {
    prop::collection::vec(any_view(), 0..9).prop_map(|mut rules| {
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.id = id(&format!("r{at}"));
        }
        rules
    })
}

/// A random policy.
pub(crate) fn any_policy() -> impl Strategy<Value = Compiled> {
    (any_rules(), facts()).prop_map(|(rules, facts)| compiled(rules, facts))
}

/// A random packet that often meets a rule of [`any_policy`] at its edge.
pub(crate) fn any_packet() -> impl Strategy<Value = Packet> {
    let way = prop::sample::select(vec![Way::In, Way::In, Way::In, Way::Out, Way::Through, Way::Loopback]);
    let protocol = prop::sample::select(vec![6, 6, 6, 17, 33, 132, 136, 1, 58, 2, 47, 50, 89]);
    let ends = prop::sample::select(Family::BOTH.to_vec())
        .prop_flat_map(|family| (Just(family), number(family), number(family)));
    let ports = (key(), prop_oneof![Just(40_000_u16), Just(22), Just(67), Just(547)]);
    let on = prop::sample::select(INTERFACES.to_vec());
    (way, protocol, ends, ports, on, prop::option::of(0_u32..3)).prop_map(
        |(way, protocol, (family, source, destination), (key, source_port), on, user)| {
            let keyed = crate::canonical::KEYED.contains(&protocol) || [1, 58].contains(&protocol);
            Packet {
                way,
                interface: interface(on),
                source: family.address(source),
                destination: family.address(destination),
                protocol,
                key: if keyed { key } else { 0 },
                source_port: if keyed { source_port } else { 0 },
                opens: true,
                user,
            }
        },
    )
}
