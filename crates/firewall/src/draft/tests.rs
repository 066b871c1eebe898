//! What composes to what, and what is found on the way.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be read or found fails the test")]

use super::{Draft, Finding, FindingKind, Severity};
use crate::addresses::AddressSet;
use crate::canonical::LocalPort;
use crate::identity::{IdentityError, this_host};
use crate::observed::{Interface, InterfaceKind, Observed};
use crate::rule::RuleView;
use crate::testing::{
    NOW, addresses, firewall, group, group_peer, host, id, interface, listener, machine, name, prefix,
    route_to, rule, service, shop, site, stream, tcp, web_1,
};
use model::plan::{Name, Peer, Plan, Rule, RuleLimit, Scheme, Site, StreamListen, Traffic, Transport};
use std::sync::Arc;
use std::time::Duration;

fn with(inbound: Vec<Rule>) -> Plan {
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(inbound));
    plan
}

fn here(plan: &Plan) -> Draft {
    Draft::compose(plan, None, &machine("box", "192.0.2.1/24")).unwrap()
}

fn view<'a>(draft: &'a Draft, rule: &str) -> &'a RuleView {
    draft.compiled().rule(&id(rule)).unwrap_or_else(|| panic!("there is a rule {rule}"))
}

fn kinds(draft: &Draft) -> Vec<&FindingKind> {
    draft.findings().iter().map(|finding| &finding.kind).collect()
}

fn closed(draft: &Draft) -> Vec<u16> {
    draft.compiled().canonical.local.keys().map(|LocalPort { port, .. }| *port).collect()
}

#[test]
fn a_limit_that_forged_sources_use_up_is_found() {
    let found = |traffic, peers: &[Peer], limited: bool| {
        let limit = RuleLimit { count: 6, period: Duration::from_secs(30) };
        let rule = Rule { limit: limited.then_some(limit), ..rule("ssh", traffic, peers) };
        let is_it =
            |finding: &&Finding| matches!(finding.kind, FindingKind::LimitForAnybody { port: 22, .. });
        let draft = here(&with(vec![rule]));
        draft.findings().iter().find(is_it).map(|finding| (finding.severity(), finding.to_string()))
    };
    let text = "forged sources can use up the limit of rule ssh for ssh on port 22".to_owned();
    for peers in [vec![Peer::Anywhere], vec![Peer::Internet], vec![prefix("::/0")]] {
        assert_eq!(found(tcp(22, 22), &peers, true), Some((Severity::Warning, text.clone())));
        assert_eq!(found(tcp(22, 22), &peers, false), None);
        assert_eq!(found(tcp(443, 443), &peers, true), None);
    }
    assert_eq!(found(Traffic::All, &[Peer::Anywhere], true), Some((Severity::Warning, text)));
    assert_eq!(found(tcp(22, 22), &[prefix("198.51.100.0/24")], true), None);
}

#[test]
fn containers_are_not_whom_another_interface_is_nearer_to() {
    let mut observed = web_1();
    let mut add = |name: &str, kind, addresses: &[&str]| {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        observed.interfaces.push(Interface { name: interface(name), addresses, kind });
    };
    add(
        "docker0",
        InterfaceKind::Containers,
        &["172.17.0.1/16", "fe80::1/64", "169.254.1.1/16", "fd00::1/64"],
    );
    add("eth1", InterfaceKind::Other, &["172.16.0.1/12", "172.17.8.1/24"]);
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(vec![rule("db", tcp(5432, 5432), &[Peer::Containers])]));
    let draft = Draft::compose(&plan, None, &observed).unwrap();
    let expected = addresses(&["172.17.0.0/16", "fd00::/64"]).subtract(&addresses(&["172.17.8.0/24"]));
    assert_eq!(draft.compiled().canonical.container_sources, expected);
    assert_eq!(draft.compiled().rules[0].peers, expected);
}

#[test]
fn without_a_firewall_there_is_no_policy() {
    assert_eq!(Draft::compose(&Plan::default(), None, &web_1()), None);
}

#[test]
fn peers_mean_addresses() {
    let mut plan = shop();
    Arc::make_mut(&mut plan.services[1]).groups = vec![name("carried")];
    plan.policy.groups.push(group("carried", Vec::new()));
    let cases: [(Peer, &[&str]); 9] = [
        (Peer::Anywhere, &["0.0.0.0/0", "::/0"]),
        (Peer::MyIp, &["203.0.113.7/32"]),
        (Peer::ThisHost, &[]),
        (prefix("192.0.2.0/24"), &["192.0.2.0/24"]),
        (Peer::Network(name("office")), &["198.51.100.0/24", "2001:db8:1::/48"]),
        (group_peer("frontend"), &["172.31.44.18/32"]),
        (group_peer("carried"), &["172.31.36.0/32"]),
        (Peer::Host(name("pay-1")), &["172.31.36.0/32"]),
        (Peer::Service(name("products")), &["172.31.44.18/32"]),
    ];
    for (peer, expected) in cases {
        plan.policy.firewall = Some(firewall(vec![rule("r", tcp(1, 1), std::slice::from_ref(&peer))]));
        let draft = Draft::compose(&plan, Some(&name("web-1")), &web_1()).unwrap();
        assert_eq!(view(&draft, "r").peers, addresses(expected), "{peer:?}");
    }
}

#[test]
fn a_stream_opens_its_port_to_those_whom_it_names() {
    let listen = |transport, port, address: Option<&str>| StreamListen {
        transport,
        port,
        address: address.map(|text| text.parse().unwrap()),
    };
    let mut plan = with(Vec::new());
    plan.streams = vec![
        stream("pg", listen(Transport::Tcp, 5432, None), &[prefix("10.0.0.0/8")]),
        stream("dns", listen(Transport::Udp, 53, Some("10.0.0.5")), &[]),
        stream("own", listen(Transport::Tcp, 6379, Some("127.0.0.1")), &[]),
    ];
    let draft = here(&plan);
    let udp = |port| Traffic::Ports { transport: Transport::Udp, first: port, last: port };
    assert_eq!(view(&draft, "stream-pg").traffic, [tcp(5432, 5432)]);
    assert_eq!(view(&draft, "stream-pg").peers, addresses(&["10.0.0.0/8"]));
    assert_eq!(view(&draft, "stream-dns").traffic, [udp(53)]);
    assert!(view(&draft, "stream-dns").peers.is_everything());
    assert_eq!(draft.compiled().rule(&id("stream-own")), None);
    plan.listen.addresses = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(here(&plan).compiled().rule(&id("stream-pg")), None);
    plan.streams[1].on = Some(name("elsewhere"));
    assert_eq!(here(&plan).compiled().rule(&id("stream-dns")), None);
}

#[test]
fn an_https_site_opens_its_port_and_the_one_that_redirects() {
    let mut plan = with(Vec::new());
    plan.sites =
        vec![site("a.example", Scheme::Https, None).into(), site("b.example", Scheme::Https, None).into()];
    plan.sites[0].from = vec![prefix("10.0.0.0/8")];
    plan.sites[1].from = vec![prefix("11.0.0.0/8")];
    let mut own_port = site("c.example:8443", Scheme::Https, None);
    own_port.address.port = Some(8443);
    plan.sites.push(own_port.into());
    let draft = here(&plan);
    assert_eq!(view(&draft, "site-443").peers, addresses(&["10.0.0.0/7"]));
    assert_eq!(view(&draft, "site-80").peers_text, "10.0.0.0/8, 11.0.0.0/8");
    assert!(view(&draft, "site-8443").peers.is_everything());
    plan.listen.http = None;
    assert_eq!(here(&plan).compiled().rule(&id("site-80")), None);
    plan.listen.addresses = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(here(&plan).compiled().rule(&id("site-443")), None);
}

#[test]
fn ssh_is_open_until_a_rule_names_its_port() {
    let draft = here(&with(Vec::new()));
    assert!(view(&draft, "sshd-22").peers.is_everything());
    assert_eq!(kinds(&draft), [&FindingKind::SshOpen { port: 22 }]);
    let named = here(&with(vec![rule("mine", tcp(20, 25), &[prefix("10.0.0.0/8")])]));
    assert_eq!(named.compiled().rule(&id("sshd-22")), None);
    assert!(named.compiled().canonical.administration.contains(&22));
    let everything = here(&with(vec![rule("all", Traffic::All, &[prefix("10.0.0.0/8")])]));
    assert!(everything.compiled().rule(&id("sshd-22")).is_some());
}

#[test]
fn a_rule_that_expires_does_not_open_ssh_to_everybody() {
    let ended = Rule { expires: Some(NOW), ..rule("mine", tcp(22, 22), &[prefix("10.0.0.0/8")]) };
    let draft = here(&with(vec![ended]));
    assert!(draft.compiled().rules.is_empty());
    assert!(matches!(kinds(&draft)[..], [FindingKind::Expired { .. }, FindingKind::WayInExpired]));
    let loud = &draft.findings()[1];
    assert_eq!(loud.severity(), Severity::Warning);
    assert_eq!(loud.to_string(), "nobody can log in over ssh: every rule for it has expired");
}

#[test]
fn an_expired_rule_is_not_the_end_of_ssh_where_another_one_admits_somebody() {
    let ended = Rule { expires: Some(NOW), ..rule("ended", tcp(22, 22), &[Peer::Anywhere]) };
    let says = |other: Rule| {
        let draft = here(&with(vec![ended.clone(), other]));
        kinds(&draft).contains(&&FindingKind::WayInExpired)
    };
    let office = [prefix("10.0.0.0/8")];
    assert!(!says(rule("lasting", tcp(22, 22), &office)));
    assert!(!says(Rule { expires: Some(NOW + 60), ..rule("ending", tcp(22, 22), &office) }));
    assert!(says(rule("other-port", tcp(23, 23), &office)));
    assert!(says(rule("nobody", tcp(22, 22), &[group_peer("empty")])));
}

#[test]
fn a_policy_for_a_host_whose_addresses_are_elsewhere_is_found() {
    let found = |host: &str, observed: &Observed| {
        let draft = Draft::compose(&shop(), Some(&name(host)), observed).unwrap();
        let is_it = |finding: &&Finding| matches!(finding.kind, FindingKind::OtherHost { .. });
        draft.findings().iter().find(is_it).map(|finding| (finding.severity(), finding.to_string()))
    };
    assert_eq!(found("web-1", &web_1()), None);
    let text = "none of the addresses of pay-1 is on this machine".to_owned();
    assert_eq!(found("pay-1", &web_1()), Some((Severity::Warning, text)));
}

#[test]
fn sshd_is_found_by_its_program_and_by_socket_activation() {
    let mut observed = machine("box", "192.0.2.1/24");
    observed.listeners = vec![
        listener("0.0.0.0:22", "systemd"),
        listener("0.0.0.0:80", "systemd"),
        listener("[::]:2222", "sshd-session"),
        listener("127.0.0.1:2223", "sshd"),
        listener("0.0.0.0:2224", "nginx"),
    ];
    let draft = Draft::compose(&with(Vec::new()), None, &observed).unwrap();
    let found: Vec<u16> = draft.compiled().canonical.administration.iter().copied().collect();
    assert_eq!(found, [22, 2222]);
}

#[test]
fn local_services_are_closed_to_all_but_the_gate() {
    let mut plan = with(vec![rule("for-all", tcp(5000, 5000), &[Peer::ThisHost])]);
    plan.sites = vec![site("a.example", Scheme::Https, None).into()];
    plan.services = vec![
        service("loopback", "localhost", 3000).into(),
        service("v6", "::1", 3001).into(),
        service("own", "192.0.2.1", 3002).into(),
        service("elsewhere", "198.51.100.9", 3003).into(),
        service("itself", "127.0.0.1", 443).into(),
        service("shared", "127.0.0.1", 5000).into(),
    ];
    let draft = here(&plan);
    assert_eq!(closed(&draft), [3000, 3001, 3002]);
    assert!(view(&draft, "for-all").peers.is_empty());
}

#[test]
fn instances_of_streams_are_closed_to_all_but_the_gate() {
    let led = |stream_name: &str, transport, port, to: &str| {
        let listen = StreamListen { transport, port, address: None };
        let mut stream = stream(stream_name, listen, &[]);
        let (host, port) = to.rsplit_once(':').unwrap();
        stream.service = service(stream_name, host, port.parse().unwrap());
        stream
    };
    let udp = |port| Traffic::Ports { transport: Transport::Udp, first: port, last: port };
    let mut plan = with(vec![
        rule("for-all", tcp(5000, 5000), &[Peer::ThisHost]),
        rule("other-transport", udp(5432), &[Peer::ThisHost]),
    ]);
    plan.streams = vec![
        led("pg", Transport::Tcp, 6000, "localhost:5432"),
        led("dns", Transport::Udp, 6053, "::1:5353"),
        led("own", Transport::Tcp, 6001, "192.0.2.1:5433"),
        led("elsewhere", Transport::Tcp, 6002, "198.51.100.9:5434"),
        led("chained", Transport::Tcp, 6003, "127.0.0.1:6000"),
        led("shared", Transport::Tcp, 6004, "127.0.0.1:5000"),
    ];
    let ports = |draft: &Draft| -> Vec<String> {
        let local = &draft.compiled().canonical.local;
        local
            .iter()
            .map(|(port, users)| format!("{}/{} {}", port.port, port.protocol, users.service))
            .collect()
    };
    let all = ["5432/6 stream pg", "5433/6 stream own", "5353/17 stream dns"];
    assert_eq!(ports(&here(&plan)), all);
    plan.listen.addresses = vec!["127.0.0.1".parse().unwrap()];
    assert_eq!(ports(&here(&plan)), all, "ports of a gate that is not reached from outside are its own, too");
    plan.policy.hosts =
        vec![host("web-1", "192.0.2.1", "192.0.2.77", &[]), host("pg-1", "192.0.2.2", "192.0.2.78", &[])];
    plan.streams[0].on = Some(name("pg-1"));
    plan.streams[1].on = Some(name("web-1"));
    plan.streams.truncate(2);
    let draft = Draft::compose(&plan, Some(&name("web-1")), &machine("web-1", "192.0.2.1/24")).unwrap();
    assert_eq!(ports(&draft), ["5353/17 stream dns"]);
}

#[test]
fn an_instance_is_closed_to_all_but_the_gate_only_where_a_gate_leads_to_it() {
    let mut plan = shop();
    let closed_on_pay_1 = |plan: &Plan| {
        let draft = Draft::compose(plan, Some(&name("pay-1")), &machine("pay-1", "172.31.36.0/20")).unwrap();
        closed(&draft)
    };
    plan.sites[0].routes.push(route_to(1));
    assert!(closed_on_pay_1(&plan).is_empty(), "the gate of another host leads to it");
    plan.sites.push(
        Site { routes: vec![route_to(1)], ..site("pay.example.com", Scheme::Https, Some("pay-1")) }.into(),
    );
    assert_eq!(closed_on_pay_1(&plan), [8080]);
}

#[test]
fn rules_of_a_services_group_hold_where_it_runs() {
    let mut plan = shop();
    plan.policy.groups.push(group("db", vec![rule("db-rule", tcp(5432, 5432), &[Peer::Anywhere])]));
    Arc::make_mut(&mut plan.services[1]).groups = vec![name("db")];
    let holds = |host: &str| {
        let draft = Draft::compose(&plan, Some(&name(host)), &Observed::default()).unwrap();
        draft.compiled().rule(&id("db-rule")).is_some()
    };
    assert!(holds("pay-1") && !holds("web-1"));
}

#[test]
fn outbound_is_open_until_something_restricts_it() {
    let mut plan = shop();
    let restricted = |plan: &Plan| {
        let draft = Draft::compose(plan, Some(&name("web-1")), &web_1()).unwrap();
        draft.compiled().canonical.outbound.is_some()
    };
    plan.policy.groups[1].outbound = Some(Vec::new());
    assert!(!restricted(&plan), "a group that another host carries");
    plan.policy.groups[0].outbound = Some(Vec::new());
    assert!(restricted(&plan));
}

#[test]
fn findings_name_the_rule_and_what_to_do() {
    let limit = Some(RuleLimit { count: 1, period: Duration::from_secs(1) });
    let mut plan = with(vec![
        rule("open", tcp(20, 90), &[Peer::Anywhere]),
        rule("narrow", tcp(80, 80), &[prefix("10.0.0.0/8")]),
        Rule { limit, ..rule("slow", tcp(22, 22), &[Peer::Anywhere]) },
        rule("twin-1", tcp(99, 99), &[Peer::Anywhere]),
        rule("twin-2", tcp(99, 99), &[Peer::Anywhere]),
        rule("stale", tcp(100, 100), &[group_peer("nobody")]),
        Rule { expires: Some(NOW - 1), ..rule("old", tcp(101, 101), &[Peer::Anywhere]) },
        Rule { interface: Some(interface("wg9")), ..rule("on", tcp(102, 102), &[Peer::Anywhere]) },
    ]);
    plan.policy.groups.push(group("nobody", Vec::new()));
    let firewall = plan.policy.firewall.as_mut().unwrap();
    let slow = Rule { limit, ..rule("name", tcp(443, 443), &[Peer::Domain("x.example".to_owned())]) };
    firewall.outbound = Some(vec![slow]);
    firewall.deny = vec![Peer::File("/etc/deny".into())];
    let mut observed = machine("box", "192.0.2.1/24");
    observed.forwarding = true;
    observed.lists.insert("/etc/deny".into(), Err("line 3, `x`: no prefix".to_owned()));
    let draft = Draft::compose(&plan, None, &observed).unwrap();
    let text = |finding: &Finding| {
        let severity = match finding.severity() {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        format!("{severity}: {finding} ({})", finding.hint())
    };
    let found = draft.findings().iter().map(text).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(found, @r"
    warning: `nobody` in rule stale is nobody at present (give `nobody` members, or remove it)
    note: rule old (old) has expired (remove it, or give it a later `expires`)
    note: rule on names the interface wg9, which is not there (check the spelling; the rule holds as soon as the interface is there)
    error: rule name does not hold for names: a name cannot have a condition (take `limit`, `expires` and `on` off the rule, or write addresses)
    warning: this host forwards packets, and traffic through it will be refused (write `[nat]` if this host is a gateway, else set net.ipv4.ip_forward to 0)
    error: the deny list /etc/deny cannot be used: line 3, `x`: no prefix (repair the file, or take it out of `deny`)
    note: rule narrow adds nothing: rule open admits all of it (remove it, or narrow the other rule)
    warning: the condition of rule slow has no effect: rule open admits all of it without one (narrow or remove rule open)
    note: rule twin-2 adds nothing: rule twin-1 admits all of it (remove it, or narrow the other rule)
    ");
}

#[test]
fn ten_thousand_rules_of_one_port_are_composed_in_bounded_time() {
    let rules = (0..10_000_u32).map(|at| {
        let source = std::net::Ipv4Addr::from(0x0a00_0000 + at * 2);
        rule(&format!("r{at}"), tcp(80, 80), &[prefix(&format!("{source}/32"))])
    });
    let draft = here(&with(rules.collect()));
    let cells = &draft.compiled().canonical.inbound.elsewhere.v4.keyed[&6];
    assert_eq!(cells.iter().map(|cell| cell.peers.len()).max(), Some(10_000));
}

#[test]
fn this_host_is_known_by_flag_name_or_address() {
    let mut plan = shop();
    let other = machine("other", "172.31.36.0/20");
    let who = |plan: &Plan, observed: &Observed, wanted| this_host(&plan.policy, observed, wanted);
    assert_eq!(who(&plan, &other, Some("web-1")), Ok(Some(name("web-1"))));
    assert_eq!(who(&plan, &web_1(), None), Ok(Some(name("web-1"))));
    assert_eq!(who(&plan, &other, None), Ok(Some(name("pay-1"))));
    assert_eq!(who(&Plan::default(), &other, None), Ok(None));
    let unknown = who(&plan, &other, Some("db-1")).unwrap_err();
    assert_eq!(unknown.hint(), "the file declares `web-1`, `pay-1`");
    let nobody = who(&plan, &machine("x", "10.9.9.9/8"), None).unwrap_err();
    assert!(matches!(nobody, IdentityError::NoMatch { .. }));
    plan.policy.hosts.push(host("twin", "172.31.36.0", "192.0.2.77", &[]));
    let matching: Vec<Name> = vec![name("pay-1"), name("twin")];
    assert_eq!(who(&plan, &other, None), Err(IdentityError::Ambiguous { matching }));
}

#[test]
fn a_rule_for_the_other_family_is_not_a_rule_for_this_one() {
    let draft = here(&with(vec![rule("v4", tcp(80, 80), &[prefix("0.0.0.0/0")])]));
    assert_eq!(view(&draft, "v4").peers, AddressSet::everything().only(crate::addresses::Family::V4));
    assert!(draft.compiled().canonical.inbound.elsewhere.v6.keyed[&6].iter().all(|cell| cell.first == 22));
}

#[test]
fn an_address_in_a_vrf_is_an_error_because_no_packet_to_it_would_pass() {
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(Vec::new()));
    let mut observed = machine("box", "192.0.2.1/24");
    let errors = |observed: &Observed| {
        let draft = Draft::compose(&plan, None, observed).unwrap();
        let errors = draft.findings().iter().filter(|finding| finding.severity() == Severity::Error);
        errors.map(ToString::to_string).collect::<Vec<_>>()
    };
    observed.interfaces[1].kind = InterfaceKind::Vrf;
    let text = format!(
        "{} belongs to a VRF: no packet to its addresses would pass, whatever the rules say",
        observed.interfaces[1].name
    );
    assert_eq!(errors(&observed), [text]);
    observed.interfaces[1].addresses.clear();
    assert_eq!(errors(&observed), [""; 0]);
}
