//! Who is kept from locking themselves out.

#![expect(clippy::unwrap_used, reason = "what cannot be read or found fails the test")]

use super::{Access, Lockout, Risks, Session, Way, ssh_opened, way_in_ends};
use crate::draft::Draft;
use crate::packet::Refusal;
use crate::testing::{NOW, firewall, listener, machine, name, prefix, rule, shop, tcp, web_1};
use model::plan::{Forward, Nat, Peer, Place, Plan, Rule, RuleLimit};
use std::collections::BTreeSet;
use std::time::Duration;

fn session(peer: &str, port: u16, operators: bool) -> Session {
    let local = ([172, 31, 44, 18], port).into();
    Session { peer: peer.parse().unwrap(), local, interface: None, operators }
}

fn over(sessions: Vec<Session>) -> Access {
    Access { sessions, way: Way::Sessions, accept: Risks::default() }
}

fn draft(plan: &Plan) -> Draft {
    Draft::compose(plan, Some(&name("web-1")), &web_1()).unwrap()
}

/// A plan that lets one prefix in over ssh.
fn ssh_from(peers: &[Peer]) -> Plan {
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(vec![rule("ssh", tcp(22, 22), peers)]));
    plan
}

#[test]
fn a_session_that_stays_is_no_reason_to_refuse() {
    let access =
        over(vec![session("[::ffff:203.0.113.7]:5000", 22, true), session("192.0.2.1:9", 22, false)]);
    assert!(draft(&shop()).check(&access).is_ok());
}

#[test]
fn cutting_the_operators_session_is_refused_with_the_rule_that_is_missing() {
    let access = over(vec![session("192.0.2.1:5000", 22, true)]);
    let lockout = draft(&shop()).check(&access).unwrap_err();
    let peer = "192.0.2.1:5000".parse().unwrap();
    assert_eq!(lockout, Lockout::CutsSession { peer, port: 22, refusal: Refusal::NoRule });
    assert_eq!(lockout.to_string(), "your own session would be cut: no rule admits 22/tcp from 192.0.2.1");
    assert!(lockout.hint().contains("`portcullis allow 22/tcp --from 192.0.2.1`"), "{}", lockout.hint());
    assert!(lockout.hint().contains("--cut-my-session"), "{}", lockout.hint());
}

#[test]
fn a_risk_that_is_named_is_taken() {
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    let access = Access { accept, ..over(vec![session("192.0.2.1:5000", 22, true)]) };
    assert!(draft(&shop()).check(&access).is_ok());
}

#[test]
fn a_deny_list_with_the_operator_is_refused() {
    let mut plan = shop();
    plan.policy.firewall.as_mut().unwrap().deny = vec![prefix("203.0.113.0/24")];
    let lockout = draft(&plan).check(&over(vec![session("203.0.113.7:5000", 22, true)])).unwrap_err();
    assert!(matches!(lockout, Lockout::CutsSession { refusal: Refusal::Denied, .. }), "{lockout}");
}

#[test]
fn an_operator_who_cannot_be_found_is_no_proof() {
    for access in [
        over(vec![session("203.0.113.7:5000", 22, false)]),
        Access { way: Way::Unknown, ..over(vec![session("203.0.113.7:5000", 22, true)]) },
    ] {
        assert_eq!(draft(&shop()).check(&access).unwrap_err(), Lockout::UnknownOperator);
    }
}

#[test]
fn closing_the_last_way_in_takes_a_flag_of_its_own() {
    let plan = ssh_from(&[Peer::MyIp]);
    let mut observed = web_1();
    observed.my_ip.clear();
    let draft = || Draft::compose(&plan, None, &observed).unwrap();
    let cut = Risks { cut_my_session: true, close_last_way_in: false };
    let access = |accept| Access { accept, ..over(Vec::new()) };
    let lockout = draft().check(&access(cut)).unwrap_err();
    assert_eq!(lockout, Lockout::LastWayIn { ports: BTreeSet::from([22]), forwarded: BTreeSet::new() });
    assert!(draft().check(&access(Risks { close_last_way_in: true, ..cut })).is_ok());
}

#[test]
fn a_console_needs_no_way_in() {
    let access = Access { way: Way::Console, ..over(Vec::new()) };
    assert!(draft(&ssh_from(&[])).check(&access).is_ok());
}

#[test]
fn a_way_in_that_a_deny_list_closes_is_none() {
    let mut plan = ssh_from(&[prefix("198.51.100.0/24")]);
    plan.policy.firewall.as_mut().unwrap().deny = vec![prefix("198.51.0.0/16")];
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    let access = Access { accept, ..over(Vec::new()) };
    let draft = Draft::compose(&plan, None, &web_1()).unwrap();
    assert!(matches!(draft.check(&access), Err(Lockout::LastWayIn { .. })));
}

#[test]
fn loopback_alone_is_no_way_in() {
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    for peer in ["127.0.0.0/8", "127.0.0.1/32", "::1/128"] {
        let access = Access { accept, ..over(Vec::new()) };
        let draft = Draft::compose(&ssh_from(&[prefix(peer)]), None, &web_1()).unwrap();
        assert!(matches!(draft.check(&access), Err(Lockout::LastWayIn { .. })), "{peer}");
    }
}

/// A plan that leads ports to another host, over IPv4.
fn leading(ports: (u16, u16), inbound: Vec<Rule>) -> Plan {
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(inbound));
    plan.policy.nat = Some(Nat {
        inside: Vec::new(),
        masquerade: Vec::new(),
        forwards: vec![Forward {
            rule: rule("forward", tcp(ports.0, ports.1), &[prefix("198.51.100.0/24")]),
            to: "10.0.0.9".parse().unwrap(),
            port: None,
        }],
        place: Place::default(),
    });
    plan
}

#[test]
fn a_port_of_sshd_that_leads_to_another_host_is_no_way_in() {
    let cut = Risks { cut_my_session: true, ..Risks::default() };
    let checked = |plan: &Plan| {
        let draft = Draft::compose(plan, None, &web_1()).unwrap();
        draft.check(&Access { accept: cut, ..over(Vec::new()) }).map(drop)
    };
    let ssh = |peer: Peer| vec![rule("ssh", tcp(22, 22), &[peer])];
    let none = Lockout::LastWayIn { ports: BTreeSet::from([22]), forwarded: BTreeSet::from([22]) };
    let text = none.to_string();
    assert_eq!(checked(&leading((22, 22), ssh(prefix("198.51.100.0/24")))), Err(none));
    assert_eq!(checked(&leading((20, 30), ssh(Peer::Anywhere))), Ok(()), "IPv6 goes to this host");
    assert_eq!(checked(&leading((2222, 2222), ssh(prefix("198.51.100.0/24")))), Ok(()));
    assert!(text.ends_with("nobody may reach ssh on port 22 ([nat] leads 22 elsewhere)"), "{text}");
}

#[test]
fn a_session_at_a_port_that_will_lead_to_another_host_is_cut() {
    let plan = leading((22, 22), vec![rule("ssh", tcp(22, 22), &[Peer::Anywhere])]);
    let draft = || Draft::compose(&plan, None, &web_1()).unwrap();
    let lockout = draft().check(&over(vec![session("203.0.113.7:5000", 22, true)])).unwrap_err();
    assert_eq!(lockout.to_string(), "your own session would be cut: [nat] leads port 22 to 10.0.0.9");
    let local = "[2001:db8::1]:22".parse().unwrap();
    let six =
        Session { peer: "[2001:db8::7]:5000".parse().unwrap(), local, ..session("203.0.113.7:5", 22, true) };
    assert!(draft().check(&over(vec![six])).is_ok());
}

#[test]
fn a_port_that_leads_to_another_host_is_not_opened_because_sshd_has_it_here() {
    let draft = Draft::compose(&leading((22, 22), Vec::new()), None, &web_1()).unwrap();
    let sshd = draft.compiled().rules.iter().find(|rule| rule.id.0 == "sshd-22").unwrap();
    assert_eq!((sshd.peers.to_string(), sshd.peers_text.as_str()), ("any IPv6".to_owned(), "any IPv6"));
}

#[test]
fn a_rule_that_ends_is_no_last_way_in() {
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    let is_way_in = |rules: Vec<Rule>| {
        let mut plan = Plan::default();
        plan.policy.firewall = Some(firewall(rules));
        let draft = Draft::compose(&plan, None, &web_1()).unwrap();
        draft.check(&Access { accept, ..over(Vec::new()) }).is_ok()
    };
    let lasting = || rule("ssh", tcp(22, 22), &[prefix("198.51.100.0/24")]);
    let ending = || Rule { expires: Some(NOW + 3600), ..rule("until", tcp(22, 22), &[Peer::Anywhere]) };
    let limit = Some(RuleLimit { count: 6, period: Duration::from_secs(30) });
    assert!(is_way_in(vec![lasting()]));
    assert!(is_way_in(vec![Rule { limit, ..lasting() }]));
    assert!(!is_way_in(vec![ending()]));
    assert!(!is_way_in(vec![Rule { limit, ..ending() }]));
    assert!(is_way_in(vec![ending(), lasting()]));
    assert!(is_way_in(vec![ending(), Rule { limit, ..lasting() }]));
}

#[test]
fn where_sshd_is_not_seen_the_operators_session_is_the_way_in() {
    let mut observed = machine("box", "172.31.44.18/20");
    observed.listeners = vec![listener("0.0.0.0:2022", "shelld")];
    let mut plan = Plan::default();
    plan.policy.firewall = Some(firewall(vec![rule("odd", tcp(2022, 2022), &[Peer::Anywhere])]));
    let draft = || Draft::compose(&plan, None, &observed).unwrap();
    assert!(draft().check(&over(vec![session("192.0.2.1:5000", 2022, true)])).is_ok());
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    assert!(draft().check(&Access { accept, ..over(Vec::new()) }).is_err());
}

#[test]
fn the_end_of_the_last_way_in_is_named() {
    let ending = |seconds: u64| Rule {
        expires: Some(NOW + seconds),
        ..rule(&format!("until-{seconds}"), tcp(22, 22), &[Peer::Anywhere])
    };
    let of = |rules: Vec<Rule>| {
        let mut plan = Plan::default();
        plan.policy.firewall = Some(firewall(rules));
        Draft::compose(&plan, None, &web_1()).unwrap()
    };
    let both = || of(vec![ending(60), ending(3600)]);
    assert_eq!(way_in_ends(both().compiled()), Some(NOW + 3600));
    let accept = Risks { cut_my_session: true, ..Risks::default() };
    let lockout = both().check(&Access { accept, ..over(Vec::new()) }).unwrap_err();
    assert_eq!(lockout, Lockout::WayInEnds { ports: BTreeSet::from([22]), end: NOW + 3600 });
    assert!(lockout.hint().contains("`--close-last-way-in`"), "{}", lockout.hint());
    let accept = Risks { close_last_way_in: true, ..accept };
    assert!(both().check(&Access { accept, ..over(Vec::new()) }).is_ok());
    assert_eq!(
        way_in_ends(of(vec![ending(60), rule("ssh", tcp(22, 22), &[Peer::Anywhere])]).compiled()),
        None
    );
}

#[test]
fn ssh_is_opened_where_the_derived_rule_admits_more_than_the_written_one_did() {
    let of = |rules: Vec<Rule>, ports: &[u16]| {
        let mut plan = Plan::default();
        plan.policy.firewall = Some(firewall(rules));
        let mut observed = machine("box", "172.31.44.18/20");
        observed.listeners = ports.iter().map(|port| listener(&format!("0.0.0.0:{port}"), "sshd")).collect();
        Draft::compose(&plan, None, &observed).unwrap().compiled().clone()
    };
    let from = |port: u16, peer: Peer| rule("ssh", tcp(port, port), &[peer]);
    let office = || prefix("198.51.100.0/24");
    let narrow = of(vec![from(22, office())], &[22]);
    for (before, after, opened) in [
        (None, of(vec![], &[22]), &[][..]),
        (Some(&narrow), of(vec![], &[22]), &[22]),
        (Some(&narrow), of(vec![from(22, Peer::Anywhere)], &[22]), &[]),
        (Some(&narrow), of(vec![from(22, office())], &[22, 2222]), &[2222]),
        (Some(&of(vec![from(22, Peer::Anywhere)], &[22])), of(vec![], &[22]), &[]),
        (Some(&of(vec![], &[22])), of(vec![], &[22, 2222]), &[]),
        (Some(&of(vec![from(22, office())], &[22, 2222])), of(vec![], &[22, 2222]), &[22]),
    ] {
        assert_eq!(ssh_opened(before, &after), opened.iter().copied().collect(), "{opened:?}");
    }
}
