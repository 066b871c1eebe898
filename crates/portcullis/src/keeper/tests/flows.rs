//! Live flows: what a plan names, what a confirmation ends, and what the kernel is to remember.

use super::super::install::Step;
use super::*;
use firewall::compile::{Slot, elements};
use firewall::connections::Opener;
use host::conntrack::{Flow, Tuple};
use std::net::SocketAddr;

/// Serves DNS to everybody.
const SERVED: &str = "[firewall]\ninbound = [{ allow = \"ssh\" }, { allow = \"53/udp\" }]\n";
/// Does so to an office.
const OFFICE: &str =
    "[firewall]\ninbound = [{ allow = \"ssh\" }, { allow = \"53/udp\", from = \"198.51.100.0/24\" }]\n";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A flow that a client has opened to a port of this machine.
fn flow(client: &str, port: u16) -> Flow {
    let (source, destination) = (at(client), at(&format!("192.0.2.1:{port}")));
    Flow {
        protocol: 17,
        original: Tuple { source, destination },
        reply: Tuple { source: destination, destination: source },
        answered: true,
        redirected: false,
        masqueraded: false,
        ended: false,
    }
}

fn key(client: &str) -> Vec<u8> {
    elements::cut(Slot::A, at(client), 17, 53).expect("UDP has ports").element.first
}

const NOTHING: [Vec<Vec<u8>>; 2] = [Vec::new(), Vec::new()];

fn kept(bench: &Bench) -> [Vec<Vec<u8>>; 2] {
    ["a_cut4", "b_cut4"].map(|set| bench.world.keys(set))
}

fn change(bench: &Bench, keeper: &mut Keeper, text: &str) {
    bench.write(text);
    ask::<Applied>(keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(keeper, Request::Confirm).expect("a confirmation");
}

#[test]
fn a_plan_names_flows_that_no_socket_tells() {
    let bench = Bench::confirmed(SERVED);
    let flows = [flow("203.0.113.9:5000", 53), flow("198.51.100.7:5000", 53), flow("203.0.113.9:5001", 54)];
    bench.world.get().flows = Some(flows.to_vec());
    let mut keeper = bench.keeper();
    bench.write(OFFICE);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    assert_eq!((planned.cut.named.len(), planned.cut.more), (1, 0));
    let cut = &planned.cut.named[0];
    assert_eq!(
        (cut.protocol.as_str(), cut.peer, cut.opened_by),
        ("udp", at("203.0.113.9:5000"), Opener::Peer)
    );
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    let confirmed: Confirmed = ask(&mut keeper, Request::Confirm).expect("a confirmation");
    assert_eq!(confirmed.cut.named, planned.cut.named);
    assert!(bench.world.get().cut.is_empty(), "there is no socket to end");
}

#[test]
fn only_so_many_are_named_and_the_rest_is_counted() {
    let bench = Bench::confirmed(SERVED);
    let flows = (1..=1234).map(|port| flow(&format!("203.0.113.9:{port}"), 53));
    bench.world.get().flows = Some(flows.collect());
    let mut keeper = bench.keeper();
    bench.write(OFFICE);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    assert_eq!((planned.cut.named.len(), planned.cut.more), (1000, 234));
}

#[test]
fn what_cannot_be_read_is_said_once() {
    let bench = Bench::confirmed(SERVED);
    bench.world.get().flows = None;
    let mut keeper = bench.keeper();
    bench.write(OFFICE);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let said = planned.findings.iter().filter(|finding| finding.text.contains("cannot be read"));
    assert_eq!(said.count(), 1, "{:?}", planned.findings);
}

#[test]
fn what_a_grant_admits_is_not_cut() {
    let bench = Bench::confirmed(OPEN);
    bench.world.connect("203.0.113.9:40001", 22);
    let mut keeper = bench.keeper();
    let granted = Granted { address: [203, 0, 113, 9].into(), protocol: 6, port: 22 };
    let grant = Request::Grant(Grant { granted, seconds: 600 });
    ask::<GrantInForce>(&mut keeper, grant).expect("a grant");
    bench.write(NARROW);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    assert_eq!(planned.cut, Cuts::default());
}

#[test]
fn a_grant_that_is_taken_back_leaves_no_flow_behind() {
    let bench = Bench::confirmed(NARROW);
    bench.world.get().flows = Some(vec![flow("203.0.113.9:5000", 53)]);
    let mut keeper = bench.keeper();
    let granted = Granted { address: [203, 0, 113, 9].into(), protocol: 17, port: 53 };
    ask::<GrantInForce>(&mut keeper, Request::Grant(Grant { granted, seconds: 600 })).expect("a grant");
    change(&bench, &mut keeper, OPEN);
    assert_eq!(kept(&bench), NOTHING);
    ask::<Value>(&mut keeper, Request::Ungrant(granted)).expect("no grant any more");
    assert_eq!(kept(&bench), [vec![key("203.0.113.9:5000")], vec![]]);
}

#[test]
fn the_kernel_remembers_flows_that_are_refused_until_a_policy_admits_them() {
    let bench = Bench::confirmed(SERVED);
    let (stranger, office) = ("203.0.113.9:5000", "198.51.100.7:5000");
    bench.world.get().flows = Some(vec![flow(stranger, 53), flow(office, 53)]);
    let mut keeper = bench.keeper();
    bench.write(OFFICE);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    assert_eq!(kept(&bench), [vec![key(stranger)], vec![]], "from the beginning of the trial");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    assert_eq!(kept(&bench), [vec![key(stranger)], vec![]]);
    // Connection tracking has forgotten it, and another policy comes.
    bench.world.get().flows = Some(vec![flow(office, 53)]);
    change(&bench, &mut keeper, NARROW);
    let mut both = kept(&bench);
    both[1].sort();
    let mut expected = [key(stranger), key(office)];
    expected.sort();
    assert_eq!(both, [vec![], expected.to_vec()]);
    bench.world.get().flows = Some(Vec::new());
    change(&bench, &mut keeper, OFFICE);
    assert_eq!(kept(&bench), [vec![key(stranger)], vec![]], "the office is admitted again");
    bench.world.pass(86_401);
    assert_eq!(kept(&bench), NOTHING, "a day of silence is enough");
}

#[test]
fn what_an_apply_had_not_remembered_when_it_was_killed_is_remembered_by_who_comes_next() {
    for trial in [Trial::Seconds(60), Trial::None] {
        let bench = Bench::confirmed(SERVED);
        let mut keeper = bench.keeper();
        bench.write(OFFICE);
        let asked = Apply { wanted: bench.wanted(), trial, shown: None };
        let installation = keeper.prepared_installation(&asked, &console());
        keeper.install_with(&installation, &[Step::Record, Step::Load]).expect("these steps");
        assert_eq!(kept(&bench), NOTHING);
        drop(keeper);
        bench.world.get().flows = Some(vec![flow("203.0.113.9:5000", 53)]);
        ask::<Status>(&mut bench.keeper(), Request::Status).expect("a status");
        assert_eq!(kept(&bench), [vec![key("203.0.113.9:5000")], vec![]]);
    }
}

#[test]
fn a_flow_that_a_rule_for_one_interface_admits_again_is_forgotten() {
    let bench = Bench::confirmed(SERVED);
    bench.world.get().flows = Some(vec![flow("203.0.113.9:5000", 53)]);
    let mut keeper = bench.keeper();
    change(&bench, &mut keeper, OFFICE);
    assert_eq!(kept(&bench), [vec![key("203.0.113.9:5000")], vec![]]);
    bench.world.get().flows = Some(Vec::new());
    let on_eth0 = SERVED.replace("\"53/udp\"", "\"53/udp\", on = \"eth0\"");
    change(&bench, &mut keeper, &on_eth0);
    assert_eq!(kept(&bench), NOTHING);
}

#[test]
fn a_trial_that_ends_by_itself_leaves_nothing_to_remember() {
    let bench = Bench::confirmed(SERVED);
    bench.world.get().flows = Some(vec![flow("203.0.113.9:5000", 53)]);
    let mut keeper = bench.keeper();
    bench.write(OFFICE);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.world.pass(60);
    assert_eq!(fates(&mut keeper).last().map(|fate| fate.starts_with("rolled back")), Some(true));
    assert_eq!(kept(&bench), NOTHING);
}

#[test]
fn the_first_plan_says_what_it_closes() {
    let bench = Bench::new(NARROW);
    let mut keeper = bench.keeper();
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let closing: Vec<&str> = planned.closing.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(closing, ["0.0.0.0:22/tcp", "0.0.0.0:5432/tcp"]);
    change(&bench, &mut keeper, NARROW);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    assert_eq!(planned.closing, [], "a comparison says it from now on");
}

#[test]
fn a_plan_says_that_somebody_changed_the_table() {
    let bench = Bench::confirmed(OPEN);
    bench.world.get().table.as_mut().expect("a table").chains.remove("b_policy");
    bench.world.get().generation += 1;
    let mut keeper = bench.keeper();
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let said = planned.findings.iter().find(|one| one.text.contains("differs from snapshot 1"));
    assert!(
        said.is_some_and(|one| one.text.ends_with("chain b_policy is missing")),
        "{:?}",
        planned.findings
    );
}
