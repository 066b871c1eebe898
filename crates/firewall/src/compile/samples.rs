//! Policies for tests, in canonical form and written by hand.

use crate::addresses::Family;
use crate::canonical::{
    Admission, Canonical, Denied, Directed, DomainRule, ForwardTarget, ForwardedPorts, Gateway, Guard,
    KeyCell, LocalPort, LocalUsers, Matrix, PeerCell, Protocols,
};
use model::plan::{Essential, InterfaceName, RuleId, RuleLimit, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn id(name: &str) -> RuleId {
    RuleId(name.to_owned())
}

pub(crate) fn interface(name: &str) -> InterfaceName {
    InterfaceName(name.to_owned())
}

pub(crate) fn open(rule: &str) -> Admission {
    Admission::Open(id(rule))
}

pub(crate) fn guard(rule: &str, limit: Option<(u32, u64)>, expires: Option<u64>) -> Guard {
    let limit = limit.map(|(count, period)| RuleLimit { count, period: Duration::from_secs(period) });
    Guard { rule: id(rule), limit, expires }
}

/// Peers of a prefix, such as `10.0.0.0/8`, or of an interval, such as `10.0.0.1-10.0.0.9`.
pub(crate) fn peer(text: &str, admission: Admission) -> PeerCell {
    let number = |text: &str| super::rule::number(text.parse().expect("an address")).1;
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first), number(last)),
        None => {
            let net: ipnet::IpNet = text.parse().expect("a prefix");
            (super::rule::number(net.network()).1, super::rule::number(net.broadcast()).1)
        }
    };
    PeerCell { first, last, admission }
}

pub(crate) fn anywhere(family: Family, admission: Admission) -> Vec<PeerCell> {
    vec![PeerCell { first: 0, last: family.last(), admission }]
}

pub(crate) fn cell(first: u16, last: u16, peers: Vec<PeerCell>) -> KeyCell {
    KeyCell { first, last, peers }
}

/// Protocols of a family; every keyed one is present.
pub(crate) fn protocols(family: Family, keyed: Vec<(u8, Vec<KeyCell>)>) -> Protocols {
    let icmp = if family == Family::V4 { 1 } else { 58 };
    let mut all: BTreeMap<u8, Vec<KeyCell>> =
        Transport::ALL.iter().map(|transport| (transport.number(), Vec::new())).collect();
    all.insert(icmp, Vec::new());
    all.extend(keyed);
    Protocols { keyed: all, ..Protocols::default() }
}

pub(crate) fn nothing() -> Matrix {
    Matrix { v4: protocols(Family::V4, Vec::new()), v6: protocols(Family::V6, Vec::new()) }
}

/// A policy that admits nothing, with all essentials.
pub(crate) fn closed() -> Canonical {
    Canonical {
        inbound: Directed { elsewhere: nothing(), interfaces: BTreeMap::new() },
        outbound: None,
        container_outbound: None,
        domains: Vec::new(),
        local: BTreeMap::new(),
        essentials: Essential::ALL.into(),
        resolvers: Default::default(),
        administration: Default::default(),
        denied: Denied::default(),
        containers: Default::default(),
        container_sources: Default::default(),
        nat: None,
    }
}

/// A web server: the web from anywhere, ssh with a limit from an office.
pub(crate) fn web() -> Canonical {
    let mut policy = closed();
    let ssh = Admission::Guarded(vec![guard("ssh", Some((6, 30)), None)]);
    policy.inbound.elsewhere.v4 = protocols(
        Family::V4,
        vec![(
            6,
            vec![
                cell(22, 22, vec![peer("198.51.100.0/24", ssh.clone())]),
                cell(80, 80, anywhere(Family::V4, open("web"))),
                cell(443, 443, anywhere(Family::V4, open("web"))),
            ],
        )],
    );
    policy.inbound.elsewhere.v6 = protocols(
        Family::V6,
        vec![(
            6,
            vec![
                cell(22, 22, vec![peer("2001:db8:1::/48", ssh)]),
                cell(80, 80, anywhere(Family::V6, open("web"))),
                cell(443, 443, anywhere(Family::V6, open("web"))),
            ],
        )],
    );
    policy.administration.insert(22);
    policy
}

/// A policy with something of everything.
pub(crate) fn everything() -> Canonical {
    let mut policy = web();
    let peers = vec![
        peer("10.0.0.0/8", open("db")),
        peer(
            "172.16.0.5-172.16.0.9",
            Admission::Guarded(vec![guard("temporary", None, Some(2_000_000_000))]),
        ),
        peer("192.0.2.0/25", open("db")),
        peer("192.0.2.200/32", open("monitor")),
    ];
    let v4 = &mut policy.inbound.elsewhere.v4;
    let tcp = v4.keyed.get_mut(&6).expect("is there");
    tcp.push(cell(5432, 5433, peers));
    v4.keyed.insert(
        17,
        vec![cell(
            51820,
            51820,
            anywhere(
                Family::V4,
                Admission::Guarded(vec![
                    guard("wg", Some((7, 13)), None),
                    guard("wg-until", Some((100, 60)), Some(1_900_000_000)),
                ]),
            ),
        )],
    );
    v4.keyed.insert(1, vec![cell(0x0800, 0x08ff, vec![peer("10.0.0.0/8", open("ping"))])]);
    v4.plain.insert(47, vec![peer("203.0.113.7/32", open("gre"))]);
    let mut inside = policy.inbound.elsewhere.clone();
    inside.v4.keyed.insert(6, vec![cell(0, u16::MAX, anywhere(Family::V4, open("all-in")))]);
    inside.v4.rest = anywhere(Family::V4, open("all-in"));
    policy.inbound.interfaces.insert(interface("tailscale0"), inside);

    let mut to = nothing();
    to.v4.keyed.insert(6, vec![cell(443, 443, anywhere(Family::V4, open("out")))]);
    to.v6.keyed.insert(6, vec![cell(443, 443, anywhere(Family::V6, open("out")))]);
    policy.outbound = Some(Directed { elsewhere: to.clone(), interfaces: BTreeMap::new() });
    policy.container_outbound = Some(Directed { elsewhere: to, interfaces: BTreeMap::new() });
    policy.domains = vec![
        DomainRule {
            name: "deb.example".into(),
            containers: false,
            traffic: Some((6, 80, 80)),
            rule: id("deb"),
        },
        DomainRule { name: "all.example".into(), containers: true, traffic: None, rule: id("all") },
    ];
    policy.containers.extend([interface("docker0"), interface("br-1")]);
    let behind =
        ["172.17.0.0/16", "fd00:17::/64"].map(|text| text.parse::<ipnet::IpNet>().expect("a prefix"));
    policy.container_sources = crate::addresses::AddressSet::from_prefixes(&behind);
    policy.resolvers.extend(
        ["192.0.2.53", "2001:db8::53"].map(|text| text.parse::<std::net::IpAddr>().expect("an address")),
    );
    policy.local.insert(LocalPort { protocol: 6, port: 3000 }, users(&[33], "products"));
    policy.local.insert(LocalPort { protocol: 17, port: 3001 }, users(&[33, 1000], "metrics"));
    policy.denied.v4.push((0xc633_6400, 0xc633_640f));
    policy.denied.v6.push((0x2001_0db8_0bad << 80, (0x2001_0db8_0bae << 80) - 1));
    policy.nat = Some(gateway());
    policy
}

fn users(users: &[u32], service: &str) -> LocalUsers {
    LocalUsers { users: users.iter().copied().collect(), service: service.to_owned() }
}

fn gateway() -> Gateway {
    let mut gateway = Gateway::default();
    gateway.inside.insert(interface("lan0"));
    gateway.masquerade_v4.push((0x0a00_0000, 0x0aff_ffff));
    let ports = |protocol, first, last, v6| ForwardedPorts { protocol, first, last, v6 };
    let to = |address: &str, port| ForwardTarget { address: address.parse().expect("an address"), port };
    gateway.forwards.insert(ports(6, 8080, 8080, false), to("10.0.0.2", Some(80)));
    gateway.forwards.insert(ports(6, 9000, 9010, true), to("fd00::2", None));
    gateway.forwards.insert(ports(17, 5000, 5000, true), to("fd00::2", Some(53)));
    gateway
}

/// A policy with rules about single ports and a few prefixes, enough of them for maps, and others between them.
pub(crate) fn pairs() -> Canonical {
    let mut policy = closed();
    let customer = |number: u16| open(&format!("customer-{number}"));
    let of_family = |family: Family| {
        let (host, net) = match family {
            Family::V4 => ("192.0.2.", "/32"),
            Family::V6 => ("2001:db8:2::", "/128"),
        };
        let (branch, wide) = match family {
            Family::V4 => ("10.0.{}.0/24", "172.16.0.0/12"),
            Family::V6 => ("2001:db8:{}::/48", "2001:db8:ff::/47"),
        };
        let cells = (0..5).map(|number| {
            let branch = branch.replace("{}", &(number + 3).to_string());
            let mut peers =
                vec![peer(&format!("{host}{number}{net}"), customer(number)), peer(&branch, open("branch"))];
            peers.sort_by_key(|peer| peer.first);
            cell(5000 + number * 2, 5000 + number * 2, peers)
        });
        let guarded = Admission::Guarded(vec![guard("ssh", Some((6, 30)), None)]);
        let others = [
            cell(6000, 6001, vec![peer(&format!("{host}9{net}"), customer(9))]),
            cell(6003, 6003, vec![peer(&format!("{host}9{net}"), guarded)]),
            cell(6005, 6005, vec![peer(wide, open("branch"))]),
        ];
        cells.chain(others).collect::<Vec<_>>()
    };
    let udp =
        (0..4).map(|number| cell(53 + number * 2, 53 + number * 2, anywhere(Family::V4, customer(number))));
    let v4 = &mut policy.inbound.elsewhere.v4.keyed;
    v4.insert(17, udp.collect());
    v4.insert(132, of_family(Family::V4));
    let mut to = nothing();
    to.v6.keyed.insert(17, of_family(Family::V6));
    policy.outbound = Some(Directed { elsewhere: to, interfaces: BTreeMap::new() });
    policy
}

/// A policy with so many rules, each with a port and a source of its own.
pub(crate) fn many(rules: u16) -> Canonical {
    let mut policy = closed();
    let cells = (0..rules).map(|index| {
        let source = 0x0a00_0000 + u128::from(index) * 3;
        let admission = open(&format!("rule-{index}"));
        cell(index + 1024, index + 1024, vec![PeerCell { first: source, last: source, admission }])
    });
    policy.inbound.elsewhere.v4.keyed.insert(6, cells.collect());
    policy
}
