//! Bans and grants.

use super::*;

#[test]
fn bans_are_given_to_the_kernel_one_by_one_and_end_there() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    bench.world.get().changes.clear();
    let banned: Banned = ask(&mut keeper, ban(&["203.0.113.1/32"], Some(60))).expect("a ban");
    assert_eq!((banned.total, banned.enforced), (1, true));
    assert_eq!(bench.world.get().changes, ["renew"]);
    ask::<Banned>(&mut keeper, ban(&["203.0.113.2/32"], None)).expect("a ban");
    bench.world.pass(60);
    assert_eq!(bench.world.keys("ban4"), [vec![203, 0, 113, 2]]);
    let bans: BanList = ask(&mut keeper, Request::Bans).expect("bans");
    assert_eq!(bans.len(), 1);
    let unban = Request::Unban { sources: vec!["203.0.113.2/32".parse().expect("a prefix")] };
    ask::<Banned>(&mut keeper, unban.clone()).expect("an unban");
    assert!(bench.world.keys("ban4").is_empty());
    assert_eq!(ask::<Banned>(&mut keeper, unban).expect_err("twice").reason, "203.0.113.2 is not banned");
}

#[test]
fn whom_a_ban_must_not_hit_is_refused() {
    let bench = Bench::confirmed(OPEN);
    bench.world.connect("198.51.100.20:50000", 22);
    let mut keeper = bench.keeper();
    for source in ["127.0.0.1/32", "192.0.2.1/32", "198.51.100.20/32", "0.0.0.0/0"] {
        ask::<Banned>(&mut keeper, ban(&[source], None)).expect_err(source);
    }
    let caller = over("198.51.100.7:50000");
    ask_as::<Banned>(&mut keeper, &caller, ban(&["198.51.100.0/29"], None)).expect_err("the caller");
    assert!(ask::<BanList>(&mut keeper, Request::Bans).expect("bans").is_empty());
}

#[test]
fn a_grant_needs_a_firewall_and_ends_by_itself() {
    let granted = Granted { address: [198, 51, 100, 9].into(), protocol: 6, port: 22 };
    let request = Request::Grant(Grant { granted, seconds: 60 });
    let open = Bench::new(OPEN);
    ask::<GrantInForce>(&mut open.keeper(), request.clone()).expect_err("everything is open");
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    ask::<GrantInForce>(&mut keeper, request.clone()).expect("a grant");
    assert_eq!(bench.world.keys("grant4").len(), 1);
    ask::<()>(&mut keeper, Request::Ungrant(granted)).expect("taken back");
    assert!(bench.world.keys("grant4").is_empty());
    ask::<GrantInForce>(&mut keeper, request).expect("a grant");
    bench.world.pass(60);
    assert!(bench.world.keys("grant4").is_empty());
    assert!(ask::<Vec<GrantInForce>>(&mut keeper, Request::Grants).expect("grants").is_empty());
}

#[test]
fn bans_and_grants_live_on_when_the_policy_changes() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32", "203.0.113.64/26"], None)).expect("a ban");
    bench.write(NARROW);
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    assert_eq!((bench.world.keys("ban4").len(), bench.world.keys("ban_net4").len()), (1, 1));
}

#[test]
fn a_table_never_comes_without_the_bans_that_are_kept() {
    let bench = Bench::confirmed(OPEN);
    ask::<Banned>(&mut bench.keeper(), ban(&["203.0.113.1/32", "203.0.113.64/26"], None)).expect("a ban");
    bench.world.restart();
    bench.world.get().changes.clear();
    ask::<Restored>(&mut bench.keeper(), Request::Restore).expect("a restore");
    assert_eq!(bench.world.get().changes, ["replace"], "one transaction");
    assert_eq!((bench.world.keys("ban4").len(), bench.world.keys("ban_net4").len()), (1, 1));
}

#[test]
fn bans_that_somebody_took_out_of_the_kernel_are_noticed_and_restored() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32", "203.0.113.64/26"], None)).expect("a ban");
    for (set, repaired_by_gate) in [("ban4", false), ("ban_net4", true)] {
        bench.world.flush(set);
        let status: Status = ask(&mut keeper, Request::Status).expect("a status");
        let text = &status.problems[0].text;
        assert_eq!(*text, format!("not all bans are enforced: {set} has 0 of 1"));
        if repaired_by_gate {
            keeper.tend(None).expect("a look");
            assert!(keeper.take_notices()[0].starts_with("bans or grants were removed by somebody else"));
        } else {
            let restored: Restored = ask(&mut keeper, Request::Restore).expect("a restore");
            assert_eq!(restored, Restored::Already(Number(1)));
        }
        assert_eq!(bench.world.keys(set).len(), 1, "{set}");
        let status: Status = ask(&mut keeper, Request::Status).expect("a status");
        assert!(status.problems.is_empty(), "{:?}", status.problems);
    }
}

#[test]
fn a_ban_of_somebody_who_is_banned_already_keeps_the_later_end_and_the_note() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    let now = bench.world.get().now / 1000;
    let source = "203.0.113.1/32".parse().expect("a prefix");
    for (seconds, note, replace, longer, until, kept) in [
        (Some(60), Some("scans"), false, 0, Some(now + 60), Some("scans")),
        (Some(120), None, false, 0, Some(now + 120), Some("scans")),
        (Some(60), None, false, 1, Some(now + 120), Some("scans")),
        (None, Some("again"), false, 0, None, Some("again")),
        (Some(60), None, false, 1, None, Some("again")),
        (Some(60), Some("less"), true, 0, Some(now + 60), Some("less")),
    ] {
        let asked =
            Ban { sources: vec![source], file: None, seconds, note: note.map(str::to_owned), replace };
        let banned: Banned = ask(&mut keeper, Request::Ban(asked)).expect("a ban");
        assert_eq!((banned.sources, banned.longer, banned.total), (1, longer, 1), "{seconds:?}");
        let bans: BanList = ask(&mut keeper, Request::Bans).expect("bans");
        assert_eq!((bans[0].until, bans[0].note.as_deref()), (until, kept), "{seconds:?}");
        assert_eq!(bench.world.ends("ban4"), [until.map(|until| until * 1000)], "{seconds:?}");
    }
}

#[test]
fn a_grant_that_a_ban_or_a_deny_list_defeats_is_refused_and_an_unban_names_the_list() {
    let bench = Bench::new(&OPEN.replace("[firewall]", "[firewall]\ndeny = [\"203.0.113.0/28\"]"));
    let mut keeper = bench.keeper();
    ask::<Applied>(&mut keeper, bench.apply()).expect("an apply");
    ask::<Confirmed>(&mut keeper, Request::Confirm).expect("a confirmation");
    ask::<Banned>(&mut keeper, ban(&["203.0.113.1/32", "203.0.113.64/26"], None)).expect("a ban");
    let grant = |address: [u8; 4]| {
        Request::Grant(Grant {
            granted: Granted { address: address.into(), protocol: 6, port: 22 },
            seconds: 60,
        })
    };
    for (address, reason, hint) in [
        ([203, 0, 113, 1], "203.0.113.1 is banned, and", "`portcullis unban 203.0.113.1`"),
        ([203, 0, 113, 70], "203.0.113.70 is banned, and", "`portcullis unban 203.0.113.64/26`"),
        ([203, 0, 113, 15], "203.0.113.15 is on a deny list, and", "`deny` in [firewall]"),
    ] {
        let refused = ask::<GrantInForce>(&mut keeper, grant(address)).expect_err("in vain");
        assert!(refused.reason.starts_with(reason), "{refused}");
        assert!(refused.hint.is_some_and(|given| given.contains(hint)));
    }
    ask::<GrantInForce>(&mut keeper, grant([203, 0, 113, 16])).expect("neither");
    let unbanned: Banned = ask(&mut keeper, Request::Unban { sources: Vec::new() }).expect("an unban");
    assert_eq!((unbanned.sources, unbanned.denied), (2, 1));
}
