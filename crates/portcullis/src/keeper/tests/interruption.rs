//! Ends at any moment, starts of the machine, damaged files, and the firewall that is off.

use super::super::install::Step;
use super::*;

#[test]
fn an_end_after_any_step_leaves_the_old_packets_or_the_new_ones() {
    for no_trial in [false, true] {
        for done in 0..=Step::ALL.len() {
            let bench = Bench::confirmed(OPEN);
            bench.write(NARROW);
            let mut keeper = bench.keeper();
            let trial = if no_trial { Trial::None } else { Trial::AsConfigured };
            let apply = Apply { wanted: bench.wanted(), trial, shown: None };
            let installation = keeper.prepared_installation(&apply, &console());
            keeper.install_with(&installation, &Step::ALL[..done]).expect("these steps");
            drop(keeper);
            let shape = bench.world.shape();
            assert!(["b", "ab trial", "a"].contains(&shape.as_str()), "after {done}: {shape}");

            let mut keeper = bench.keeper();
            let status: Status = ask(&mut keeper, Request::Status).expect("a status");
            assert!(status.enforced, "after {done} (no trial: {no_trial}): {:?}", status.problems);
            let (expected, trial) = match (done, no_trial) {
                (0 | 1, _) => (Some(Number(1)), false),
                (_, false) => (Some(Number(1)), true),
                (_, true) => (Some(Number(2)), false),
            };
            assert_eq!(
                (status.snapshot, status.trial.is_some()),
                (expected, trial),
                "after {done}, {no_trial}"
            );
            bench.world.pass(60);
            let status: Status = ask(&mut keeper, Request::Status).expect("a status");
            assert_eq!(
                (status.enforced, status.snapshot, status.trial),
                (true, expected, None),
                "after {done}"
            );
        }
    }
}

#[test]
fn a_restart_brings_back_packets_bans_and_grants_without_the_file() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32", "203.0.113.64/26"], Some(3600))).expect("a ban");
    let granted = Granted { address: [198, 51, 100, 9].into(), protocol: 6, port: 5432 };
    ask::<GrantInForce>(&mut keeper, Request::Grant(Grant { granted, seconds: 100 })).expect("a grant");
    drop(keeper);
    bench.world.restart();
    bench.world.pass(50);
    fs::remove_file(&bench.file).expect("ours");
    let mut keeper = bench.keeper();
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!((restored, bench.world.shape().as_str()), (Restored::Snapshot(Number(1)), "b"));
    assert_eq!(bench.world.keys("ban4").len(), 1);
    assert_eq!(bench.world.keys("ban_net4").len(), 1);
    assert_eq!(bench.world.keys("grant4").len(), 1);
    bench.world.pass(50);
    assert_eq!(bench.world.keys("grant4").len(), 0, "what was left of its time");
    let again: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!(again, Restored::Already(Number(1)));
}

#[test]
fn a_restart_during_a_trial_brings_back_what_was_confirmed() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    drop(keeper);
    bench.world.restart();
    let mut keeper = bench.keeper();
    ask::<Restored>(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!(bench.world.shape(), "b");
    assert!(fates(&mut keeper)[1].starts_with("rolled back: its trial ended early"));
}

#[test]
fn without_anything_to_restore_nothing_but_ssh_is_open() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!(
        restored,
        Restored::Minimum { reason: "the state folder knows of nothing that was confirmed".to_owned() }
    );
    assert_eq!(bench.world.shape(), "a");
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.world.pass(60);
    ask::<Status>(&mut keeper, Request::Status).expect("a status");
    assert_eq!(bench.world.shape(), "a", "it goes back to the minimum and never to an open machine");
}

#[test]
fn a_damaged_snapshot_leaves_the_machine_closed() {
    let bench = Bench::confirmed(OPEN);
    fs::write(bench.folder.join("state/firewall/snapshots/00000001"), "half").expect("ours");
    bench.world.restart();
    let mut keeper = bench.keeper();
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    let reason = "the file of the confirmed snapshot 1 is damaged".to_owned();
    assert_eq!(restored, Restored::Minimum { reason });
    assert!(keeper.take_notices().iter().any(|notice| notice.contains("00000001.damaged-1")));
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!((status.enforced, status.snapshot), (true, Some(Number(2))));
}

#[test]
fn a_snapshot_that_is_damaged_while_it_is_in_force_stays_in_force() {
    let bench = Bench::confirmed(OPEN);
    fs::write(bench.folder.join("state/firewall/snapshots/00000001"), "half").expect("ours");
    bench.world.get().changes.clear();
    let mut keeper = bench.keeper();
    keeper.tend(None).expect("a look");
    assert!(bench.world.get().changes.is_empty());
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert!(
        status.problems[0].text.starts_with("the file of snapshot 1 is damaged"),
        "{:?}",
        status.problems
    );
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.world.pass(60);
    ask::<Status>(&mut keeper, Request::Status).expect("a status");
    assert_eq!(bench.world.shape(), "b", "the minimum, and never an open machine");
}

#[test]
fn lost_records_never_open_a_closed_machine() {
    for lost in [&["confirmed"][..], &["confirmed", "history"]] {
        let bench = Bench::confirmed(OPEN);
        for name in lost {
            fs::write(bench.folder.join("state/firewall").join(name), "half").expect("ours");
        }
        for _ in 0..2 {
            let status: Status = ask(&mut bench.keeper(), Request::Status).expect("a status");
            assert_eq!(status.enforced, lost.len() == 1, "{:?}", status.problems);
            if lost.len() == 2 {
                assert!(
                    status.problems[0].text.starts_with("packets of ours are enforced"),
                    "{:?}",
                    status.problems
                );
            }
        }
        bench.write(NARROW);
        let mut keeper = bench.keeper();
        let applied: Applied = ask(&mut keeper, bench.apply()).expect("an apply");
        assert_eq!(applied.packets, Packets::Trial { seconds: 60, first: false });
        bench.world.pass(60);
        ask::<Status>(&mut keeper, Request::Status).expect("a status");
        assert_eq!(bench.world.shape(), "b", "{lost:?}");
    }
}

#[test]
fn a_restore_by_hand_leaves_packets_that_the_records_know_nothing_of() {
    for lost in [&["confirmed", "history"][..], &["snapshots/00000001"]] {
        let bench = Bench::confirmed(NARROW);
        for name in lost {
            fs::write(bench.folder.join("state/firewall").join(name), "half").expect("ours");
        }
        bench.world.get().changes.clear();
        let mut keeper = bench.keeper();
        let restored: Restored = ask(&mut keeper, Request::Restore).expect("an answer");
        assert!(matches!(restored, Restored::Left { .. }), "{restored:?}");
        assert!(bench.world.get().changes.is_empty(), "the minimum would open ssh to everybody");
        bench.world.restart();
        let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
        assert!(matches!(restored, Restored::Minimum { .. }), "{restored:?}");
        assert_eq!(bench.world.shape(), "a");
    }
}

#[test]
fn a_restore_during_the_first_trial_leaves_it() {
    let bench = Bench::new(NARROW);
    let mut keeper = bench.keeper();
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("an answer");
    assert_eq!(restored, Restored::Already(Number(1)));
    bench.world.pass(60);
    ask::<Status>(&mut keeper, Request::Status).expect("a status");
    assert_eq!(bench.world.shape(), "nothing");
}

#[test]
fn numbers_go_on_and_damaged_files_are_named_as_long_as_they_lie_there() {
    let bench = Bench::confirmed(NARROW);
    for name in ["confirmed", "history"] {
        fs::write(bench.folder.join("state/firewall").join(name), "half").expect("ours");
    }
    for _ in 0..2 {
        let status: Status = ask(&mut bench.keeper(), Request::Status).expect("a status");
        let text = &status.problems.last().expect("a problem").text;
        assert!(text.contains("confirmed.damaged-1") && text.contains("history.damaged-1"), "{text}");
        assert!(status.unknown_table && !status.enforced);
    }
    let mut keeper = bench.keeper();
    assert!(ask::<History>(&mut keeper, Request::History).expect("a history").unknown_table);
    let applied: Applied = ask(&mut keeper, bench.apply()).expect("an apply");
    assert_eq!(applied.snapshot, Number(2), "snapshot 1 lies there");
    for name in ["confirmed", "history"] {
        fs::remove_file(bench.folder.join("state/firewall").join(name).with_extension("damaged-1"))
            .expect("ours");
    }
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert!(
        status.problems.iter().all(|problem| !problem.text.contains("damaged-1")),
        "{:?}",
        status.problems
    );
}

#[test]
fn off_stays_off_and_says_before_what_it_opens() {
    let bench = Bench::new(NARROW);
    let mut keeper = bench.keeper();
    let opens = |keeper: &mut Keeper| {
        let openings: Openings = ask(keeper, Request::OffWouldOpen).expect("openings");
        assert!(openings.enforced);
        openings.listeners.into_iter().map(|listener| listener.what).collect::<Vec<_>>()
    };
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    let closed = ["0.0.0.0:22/tcp", "0.0.0.0:5432/tcp"];
    assert_eq!(opens(&mut keeper), closed, "on trial");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    assert_eq!(opens(&mut keeper), closed);
    ask::<()>(&mut keeper, Request::Off).expect("off");
    assert_eq!(bench.world.shape(), "nothing");
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!((restored, bench.world.shape().as_str()), (Restored::Off, "nothing"));
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert_eq!(status.problems[0].text, "not enforced: the firewall was switched off");
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply switches it on");
    assert_eq!(bench.world.shape(), "ab trial");
}

#[test]
fn the_minimum_opens_ssh_where_it_was_although_it_is_not_up_yet() {
    let bench = Bench::new(OPEN);
    bench.world.get().sshd = Some(2222);
    let mut keeper = bench.keeper();
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    drop(keeper);
    fs::write(bench.folder.join("state/firewall/snapshots/00000001"), "half").expect("ours");
    bench.world.get().sshd = None;
    bench.world.restart();
    let mut keeper = bench.keeper();
    ask::<Restored>(&mut keeper, Request::Restore).expect("a restore");
    let minimum = keeper.in_force().expect("a look").expect("the minimum");
    assert_eq!(minimum.compiled.canonical.administration, [2222].into());
}

#[test]
fn a_disk_without_room_does_not_keep_what_helps_in_need_from_being_done() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.refuse("history");
    bench.refuse("confirmed");
    bench.world.pass(60);
    let status: Status = ask(&mut keeper, Request::Status).expect("a status");
    assert!(status.enforced, "{:?}", status.problems);
    assert!(status.problems[0].text.starts_with("nothing can be written down: "), "{:?}", status.problems);
    assert!(keeper.take_notices().iter().any(|notice| notice.contains("history")));
    ask::<Restored>(&mut keeper, Request::Restore).expect("a restore");
    let refused = ask::<()>(&mut keeper, Request::Off).expect_err("it cannot be written down");
    assert!(refused.reason.starts_with("it is off until"), "{refused}");
    assert_eq!(bench.world.shape(), "nothing");
}

#[test]
fn a_confirmation_that_cannot_be_written_leaves_the_trial() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.refuse("confirmed");
    let refused = ask::<Confirmed>(&mut keeper, Request::Confirm).expect_err("no room");
    assert!(refused.reason.starts_with("snapshot 2 stays on trial: cannot use "), "{refused}");
    assert_eq!(bench.world.shape(), "ab trial");
    bench.world.pass(60);
    assert!(fates(&mut keeper)[1].starts_with("rolled back: nobody confirmed it"));
    assert_eq!(bench.world.shape(), "b");
}

#[test]
fn a_policy_whose_name_cannot_be_written_is_taken_back() {
    for (name, kept) in [("confirmed", 2), ("history", 1)] {
        let bench = Bench::confirmed(OPEN);
        let mut keeper = bench.keeper();
        bench.write(NARROW);
        bench.refuse(name);
        let apply = Apply { wanted: bench.wanted(), trial: Trial::None, shown: None };
        let refused = ask::<Applied>(&mut keeper, Request::Apply(apply)).expect_err("no room");
        assert!(refused.reason.starts_with("nothing is changed: cannot use "), "{refused}");
        assert_eq!(bench.world.shape(), "b", "{name}");
        drop(keeper);
        let status: Status = ask(&mut bench.keeper(), Request::Status).expect("a status");
        assert_eq!((status.enforced, status.snapshot), (true, Some(Number(1))), "{name}");
        assert_eq!(fates(&mut bench.keeper()).len(), kept, "{name}");
    }
}

#[test]
fn only_the_line_about_a_confirmation_is_lost_where_its_name_was_written() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    bench.refuse("history");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("its name is what counts");
    assert!(keeper.take_notices().iter().any(|notice| notice.contains("history")));
    drop(keeper);
    fs::remove_dir(bench.folder.join("state/firewall/.history.new")).expect("ours");
    bench.world.restart();
    let mut keeper = bench.keeper();
    let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
    assert_eq!(restored, Restored::Snapshot(Number(2)));
    assert_eq!(fates(&mut keeper)[1], "confirmed");
}

#[test]
fn bans_and_grants_that_cannot_be_written_leave_list_and_kernel_as_they_were() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    let granted = Granted { address: [198, 51, 100, 9].into(), protocol: 6, port: 5432 };
    let grant = |seconds| Request::Grant(Grant { granted, seconds });
    ask::<GrantInForce>(&mut keeper, grant(100)).expect("a grant");
    let before = (bench.world.keys("grant4"), bench.world.ends("grant4"), bench.world.keys("ban4"));
    bench.refuse("grants");
    fs::create_dir(bench.folder.join("state/firewall/bans")).expect("ours");
    for request in [grant(500), Request::Ungrant(granted), ban(&["203.0.113.1/32", "203.0.113.64/26"], None)]
    {
        let refused = ask::<Value>(&mut keeper, request.clone()).expect_err("no room");
        assert!(refused.reason.starts_with("nothing is changed: cannot use "), "{request:?}: {refused}");
        let after = (bench.world.keys("grant4"), bench.world.ends("grant4"), bench.world.keys("ban4"));
        assert_eq!(after, before, "{request:?}");
    }
    fs::remove_dir(bench.folder.join("state/firewall/bans")).expect("ours");
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32"], None)).expect("room again");
    assert_eq!(ask::<BanList>(&mut keeper, Request::Bans).expect("bans").len(), 1);
}

#[test]
fn bans_and_grants_that_the_kernel_refuses_are_not_listed() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    let granted = Granted { address: [198, 51, 100, 9].into(), protocol: 6, port: 5432 };
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32"], Some(60))).expect("a ban");
    bench.world.get().refuses = true;
    for request in [
        ban(&["203.0.113.1/32", "203.0.113.2/32"], None),
        Request::Unban { sources: Vec::new() },
        Request::Grant(Grant { granted, seconds: 100 }),
    ] {
        ask::<Value>(&mut keeper, request).expect_err("refused");
        let bans: BanList = ask(&mut keeper, Request::Bans).expect("bans");
        assert_eq!((bans.len(), bans[0].until), (1, Some(1060)));
        assert!(ask::<Vec<GrantInForce>>(&mut keeper, Request::Grants).expect("grants").is_empty());
    }
    drop(keeper);
    assert_eq!(ask::<BanList>(&mut bench.keeper(), Request::Bans).expect("bans").len(), 1);
}
