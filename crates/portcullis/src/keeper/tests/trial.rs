//! Trials: what the kernel goes back to, who may confirm, what is cut.

use super::*;

#[test]
fn a_first_policy_is_on_trial_before_an_open_generation_and_stays_when_confirmed() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    let applied: Applied = ask(&mut keeper, bench.apply()).expect("an apply");
    assert_eq!(applied.packets, Packets::Trial { seconds: 60, first: true });
    assert_eq!(bench.world.shape(), "ab trial");
    assert_eq!(fates(&mut keeper), ["trial"]);
    let confirmed: Confirmed = ask(&mut keeper, Request::Confirm).expect("a confirmation");
    assert_eq!((confirmed.snapshot, bench.world.shape().as_str()), (Number(1), "b"));
    assert_eq!(fates(&mut keeper), ["confirmed"]);
}

#[test]
fn nobody_confirms_so_the_kernel_and_the_records_go_back() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.world.pass(60);
    assert_eq!(bench.world.shape(), "ab", "the kernel went back by itself");
    assert_eq!(fates(&mut keeper), ["rolled back: nobody confirmed it within 1m"]);
    assert_eq!(bench.world.shape(), "nothing", "nothing was enforced before");
    let refused = ask::<Confirmed>(&mut keeper, Request::Confirm).expect_err("too late");
    assert!(refused.reason.contains("nobody confirmed it within 1m"), "{refused}");
}

#[test]
fn a_second_policy_goes_back_to_the_first() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    assert_eq!(bench.world.shape(), "ab trial");
    bench.world.pass(59);
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!(status.trial.map(|trial| trial.seconds_left), Some(1));
    bench.world.pass(1);
    assert_eq!(fates(&mut keeper)[1], "rolled back: nobody confirmed it within 1m");
    assert_eq!(bench.world.shape(), "b");
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!((status.enforced, status.snapshot, status.trial), (true, Some(Number(1)), None));
}

#[test]
fn a_trial_that_is_ended_by_hand_goes_back_at_once() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    let refused = ask::<Applied>(&mut keeper, bench.apply()).expect_err("one trial at a time");
    assert_eq!(refused.reason, "snapshot 2 is on trial: confirm or rollback first");
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    let trial = planned.trial.map(|trial| trial.snapshot);
    assert_eq!((trial, planned.compared_with), (Some(Number(2)), Some(Number(1))));
    let ended: Ended = ask(&mut keeper, Request::EndTrial).expect("an end");
    assert_eq!(
        (ended.snapshot, ended.back_to, bench.world.shape().as_str()),
        (Number(2), Some(Number(1)), "b")
    );
    assert_eq!(fates(&mut keeper)[1], "rolled back: taken back by root");
}

#[test]
fn a_rollback_puts_the_texts_of_an_earlier_snapshot_on_trial() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    bench.write("[nonsense]\n");
    let wanted = Wanted { source: Source::Snapshot(None), ..bench.wanted() };
    let planned: Planned = ask(&mut keeper, Request::Plan(wanted.clone())).expect("a plan");
    assert_eq!((planned.origin.as_str(), planned.packets_change), ("snapshot 1", true));
    let apply = Apply { wanted, trial: Trial::None, shown: Some(planned.name) };
    let applied: Applied = ask(&mut keeper, Request::Apply(apply)).expect("an apply");
    assert_eq!((applied.snapshot, applied.packets), (Number(3), Packets::InForce));
    let again: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert!(again.rules.iter().any(|rule| rule.text.contains("80/tcp")), "{:?}", again.rules);
}

#[test]
fn only_a_new_connection_confirms() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    let first = over("198.51.100.7:50000");
    ask_as::<Applied>(&mut keeper, &first, bench.apply()).expect("an apply");
    let refused =
        ask_as::<Confirmed>(&mut keeper, &first, Request::Confirm).expect_err("the same connection");
    assert!(refused.hint.is_some_and(|hint| hint.contains("ControlMaster")));
    assert_eq!(bench.world.shape(), "ab trial");
    ask_as::<Confirmed>(&mut keeper, &over("198.51.100.7:50001"), Request::Confirm).expect("a new one");
}

#[test]
fn a_connection_to_ssh_that_was_there_before_does_not_confirm() {
    let bench = Bench::new(OPEN);
    bench.world.connect("198.51.100.7:50001", 22);
    let mut keeper = bench.keeper();
    ask_as::<Applied>(&mut keeper, &over("198.51.100.7:50000"), bench.apply()).expect("an apply");
    let other = over("198.51.100.7:50001");
    ask_as::<Confirmed>(&mut keeper, &other, Request::Confirm).expect_err("it was there before");
}

#[test]
fn applied_through_a_multiplexer_only_a_connection_that_came_later_confirms() {
    let bench = Bench::new(OPEN);
    bench.world.connect("198.51.100.8:50001", 22);
    let mut keeper = bench.keeper();
    let mut multiplexed = over("198.51.100.7:50000");
    multiplexed.sessions[0].own = false;
    ask_as::<Applied>(&mut keeper, &multiplexed, bench.apply()).expect("an apply");
    ask_as::<Confirmed>(&mut keeper, &multiplexed, Request::Confirm).expect_err("nothing is known of it");
    for before in ["198.51.100.7:50000", "198.51.100.8:50001"] {
        ask_as::<Confirmed>(&mut keeper, &over(before), Request::Confirm).expect_err(before);
    }
    ask_as::<Confirmed>(&mut keeper, &over("198.51.100.7:50002"), Request::Confirm).expect("a new one");
}

#[test]
fn what_the_policy_forbids_is_cut_when_it_is_confirmed_and_the_callers_own_last() {
    let bench = Bench::confirmed(OPEN);
    bench.world.connect("203.0.113.9:40000", 80);
    bench.world.connect("203.0.113.9:40001", 22);
    bench.world.connect("198.51.100.7:40002", 22);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    let planned: Planned = ask(&mut keeper, Request::Plan(bench.wanted())).expect("a plan");
    assert_eq!(planned.cut.named.len(), 2);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    assert!(bench.world.get().cut.is_empty(), "nothing is cut before it is confirmed");
    let mut caller = over("203.0.113.9:40001");
    caller.console = true;
    let confirmed: Confirmed = ask_as(&mut keeper, &caller, Request::Confirm).expect("a confirmation");
    let ended = ["203.0.113.9:40000", "203.0.113.9:40001"].map(|peer| peer.parse().expect("an address"));
    assert_eq!(bench.world.get().cut, ended);
    assert_eq!(confirmed.cut.named.iter().filter(|cut| cut.yours).count(), 1);
}
