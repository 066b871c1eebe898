//! What is refused, with nothing changed.

use super::super::request::Blame;
use super::*;

#[test]
fn a_file_with_a_problem_changes_nothing() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.world.get().changes.clear();
    bench.write("[firewall]\ninbound = [{ allow = \"sshh\" }]\n");
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("a problem");
    assert!(refused.problems.contains("sshh"), "{}", refused.problems);
    assert!(bench.world.get().changes.is_empty());
}

#[test]
fn a_deny_list_that_cannot_be_read_changes_nothing() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(&NARROW.replace("[firewall]", "[firewall]\ndeny = [\"./missing.txt\"]"));
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("it would refuse nobody");
    assert!(refused.reason.contains("missing.txt"), "{refused} {}", refused.problems);
    assert_eq!(bench.world.shape(), "b");
}

#[test]
fn a_file_without_a_firewall_does_not_open_what_was_closed() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write("[site]\n\"http://a.test\" = \"localhost:3000\"\n");
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("it would open");
    assert!(refused.reason.ends_with("has no [firewall], and packets are in force"), "{refused}");
    assert_eq!(bench.world.shape(), "b");
}

#[test]
fn a_rule_on_an_interface_counts_only_where_no_other_one_may_carry_the_session() {
    let bench = Bench::new("[firewall]\ninbound = [{ allow = \"ssh\", on = \"eth0\" }]\n");
    let other = firewall::observed::Interface {
        name: model::plan::InterfaceName("eth1".to_owned()),
        addresses: Vec::new(),
        kind: firewall::observed::InterfaceKind::Other,
    };
    bench.world.get().interfaces.push(other);
    let caller = over("198.51.100.7:50000");
    let mut keeper = bench.keeper();
    let refused = ask_as::<Applied>(&mut keeper, &caller, bench.apply()).expect_err("eth1 may carry it");
    assert!(refused.hint.is_some_and(|hint| hint.contains("a rule on eth0 admits it")));
    // The route says which one it is, unless it is not the one that has the address.
    bench.world.get().route = Some(model::plan::InterfaceName("eth1".to_owned()));
    ask_as::<Applied>(&mut keeper, &caller, bench.apply()).expect_err("answers leave by eth1");
    bench.world.get().route = None;
    bench.world.get().interfaces.pop();
    ask_as::<Applied>(&mut keeper, &caller, bench.apply()).expect("nothing else carries it");
}

#[test]
fn a_session_is_carried_by_the_interface_that_has_its_address_and_its_route() {
    let bench = Bench::new("[firewall]\ninbound = [{ allow = \"ssh\", on = \"eth0\" }]\n");
    let other = firewall::observed::Interface {
        name: model::plan::InterfaceName("eth1".to_owned()),
        addresses: Vec::new(),
        kind: firewall::observed::InterfaceKind::Other,
    };
    bench.world.get().interfaces.push(other);
    bench.world.get().route = Some(model::plan::InterfaceName("eth0".to_owned()));
    ask_as::<Applied>(&mut bench.keeper(), &over("198.51.100.7:50000"), bench.apply()).expect("it is eth0");
}

#[test]
fn the_plan_that_was_shown_is_the_plan_that_is_applied() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    bench.write(NARROW);
    let apply = Apply { wanted: bench.wanted(), trial: Trial::AsConfigured, shown: Some(planned.name) };
    let refused = ask::<Applied>(&mut keeper, Request::Apply(apply)).expect_err("another plan");
    assert!(refused.reason.starts_with("the plan is another one"), "{refused}");
    assert_eq!(bench.world.shape(), "nothing");
}

#[test]
fn the_callers_own_session_is_not_cut_unless_the_risk_is_named() {
    let bench = Bench::new(NARROW);
    let mut keeper = bench.keeper();
    let outside = over("203.0.113.9:50000");
    let refused = ask_as::<Applied>(&mut keeper, &outside, bench.apply()).expect_err("it would cut");
    assert!(refused.reason.contains("your own session would be cut"), "{refused}");
    assert!(refused.hint.is_some_and(|hint| hint.contains("--cut-my-session")));
    assert_eq!(bench.world.shape(), "nothing");
    let risks = Risks { cut_my_session: true, ..Risks::default() };
    let apply = Apply { wanted: Wanted { risks, ..bench.wanted() }, trial: Trial::AsConfigured, shown: None };
    ask_as::<Applied>(&mut keeper, &outside, Request::Apply(apply)).expect("the risk is named");
}

#[test]
fn what_the_kernel_does_not_clean_up_is_told() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    bench.world.get().leaves = true;
    ask::<Applied>(&mut keeper, bench.apply()).expect("the packets are the new ones");
    assert_eq!(keeper.take_notices(), ["cannot clean up: no memory"]);
}

#[test]
fn a_kernel_that_gives_back_other_packets_is_not_believed() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    bench.world.get().lies = true;
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("not the policy");
    assert_eq!(refused.blame, Blame::Portcullis);
    bench.world.get().lies = false;
    assert_eq!(bench.world.shape(), "b");
    assert!(fates(&mut keeper)[1].starts_with("not applied: the kernel gave back other packets"));
}

#[test]
fn a_kernel_that_refuses_leaves_the_old_packets() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    bench.world.get().refuses = true;
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("refused");
    assert_eq!(
        (refused.blame, refused.reason.as_str()),
        (Blame::Machine, "cannot change the packets: refused by the test")
    );
    bench.world.get().refuses = false;
    assert_eq!(bench.world.shape(), "b");
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!((status.enforced, status.snapshot), (true, Some(Number(1))));
}

#[test]
fn without_rights_the_reason_is_said_and_nothing_is_done() {
    let bench = Bench::new(OPEN);
    let none = Refused { blame: Blame::Machine, ..Refused::no("no right to change packet rules") };
    let machine = Box::new(bench.world.clone());
    let mut keeper = Keeper::with(&bench.folder.join("state"), Err(none), machine).expect("a keeper");
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!((status.enforced, status.reachable), (false, false));
    assert_eq!(
        status.problems[0].text,
        "it cannot be told whether packets are enforced: no right to change packet rules"
    );
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("no rights");
    assert_eq!(refused.blame, Blame::Machine);
    for request in
        [ban(&["203.0.113.1/32"], None), Request::Confirm, Request::EndTrial, Request::Off, Request::Restore]
    {
        let refused = ask::<Value>(&mut keeper, request.clone()).expect_err("no rights");
        assert_eq!(refused.blame, Blame::Machine, "{request:?}");
    }
    assert!(fates(&mut keeper).is_empty(), "nothing is written down");
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan needs no rights");
    assert!(planned.packets_change);
}

#[test]
fn ssh_is_not_opened_to_everybody_unless_the_risk_is_named() {
    let bench = Bench::confirmed(NARROW);
    let mut keeper = bench.keeper();
    bench.write("[firewall]\ninbound = [{ allow = \"80/tcp\" }]\n");
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let text = "ssh on port 22 would be open to anywhere: no rule names it any more, so the derived rule admits everybody";
    assert_eq!(planned.findings.iter().filter(|finding| finding.text == text).count(), 1, "{planned:?}");
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("it would open");
    assert_eq!(refused.reason, "nothing is changed: ssh on port 22 would be open to anywhere");
    assert!(refused.hint.is_some_and(|hint| hint.contains("`--open-ssh`")));
    let risks = Risks { open_ssh: true, ..Risks::default() };
    let apply = Apply { wanted: Wanted { risks, ..bench.wanted() }, trial: Trial::AsConfigured, shown: None };
    ask::<Applied>(&mut keeper, Request::Apply(apply)).expect("the risk is named");
}

#[test]
fn a_way_in_that_ends_is_refused_with_the_moment_and_the_flag() {
    let bench = Bench::new(
        "[firewall]\ninbound = [{ allow = \"ssh\", from = \"198.51.100.0/24\", expires = 2099-01-01T00:00:00Z }]\n",
    );
    let mut keeper = bench.keeper();
    let caller = over("198.51.100.7:50000");
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let text = "nobody can log in over ssh after 2099-01-01 00:00 UTC: every rule for it ends then";
    assert!(planned.findings.iter().any(|finding| finding.text == text), "{planned:?}");
    let refused =
        ask_as::<Applied>(&mut keeper, &caller, bench.apply()).expect_err("nobody is left to prolong it");
    assert!(refused.reason.ends_with("ends, the last one on 2099-01-01 00:00 UTC"), "{refused}");
    assert!(refused.hint.is_some_and(|hint| hint.contains("`--close-last-way-in`")));
    let risks = Risks { close_last_way_in: true, ..Risks::default() };
    let apply = Apply { wanted: Wanted { risks, ..bench.wanted() }, trial: Trial::AsConfigured, shown: None };
    ask_as::<Applied>(&mut keeper, &caller, Request::Apply(apply)).expect("the risk is named");
}
