//! What an operator reads, as snapshots.

use super::*;
use crate::keeper::*;

fn planned() -> Planned {
    let rule = |change, text: &str, before: Option<&str>, owner: &str, note: Option<&str>| RuleChange {
        change,
        rule: "x".into(),
        text: text.into(),
        prefixes: Vec::new(),
        before: before.map(str::to_owned),
        owner: owner.into(),
        note: note.map(str::to_owned),
    };
    let reach =
        |what: &str, peers: &str| Reach { what: what.into(), peers: peers.into(), prefixes: Vec::new() };
    let cut = |peer: &str, yours| Cut {
        protocol: "tcp".into(),
        opened_by: firewall::connections::Opener::Peer,
        local: "192.0.2.1:22".parse().expect("an address"),
        peer: peer.parse().expect("an address"),
        program: Some("sshd".into()),
        yours,
    };
    Planned {
        name: "abc".into(),
        origin: "/etc/portcullis/portcullis.toml".into(),
        host: Some("web-1".into()),
        compared_with: Some(Number(3)),
        trial: None,
        packets_change: true,
        rules: vec![
            rule(Change::Added, "allow 8080/tcp from frontend", None, "group payment", Some("the API")),
            rule(Change::Removed, "allow 80/tcp from anywhere", None, "this machine", None),
            rule(
                Change::Changed,
                "allow ssh from office",
                Some("allow ssh from anywhere"),
                "group frontend",
                None,
            ),
        ],
        opens: vec![reach("8080/tcp", "from 172.31.44.18")],
        closes: vec![reach("80/tcp", "from anywhere"), reach("22/tcp", "from all but 198.51.100.0/24")],
        other: vec!["- 8000/tcp of service api on this machine: only for root".into()],
        routes: vec![RouteChange {
            change: Change::Added,
            kind: "site".into(),
            name: "shop.example.com".into(),
        }],
        cut: Cuts { named: vec![cut("198.51.100.7:50122", true), cut("203.0.113.9:40022", false)], more: 0 },
        closing: vec![OpenListener { what: "0.0.0.0:8000/tcp".into(), program: Some("node".into()) }],
        findings: vec![Finding::warning("`my-ip` in rule x is nobody at present", "write your address")],
        confirm_seconds: 60,
    }
}

#[test]
fn what_was_open_before_any_packets_stays_reachable() {
    let text = plan(&Planned { compared_with: None, ..planned() });
    assert!(text.contains("\nstays reachable\n  8080/tcp  from 172.31.44.18\n"), "{text}");
}

#[test]
fn packets_that_change_fit_in_a_line() {
    assert_eq!(
        packets(&planned()),
        ": + 8080/tcp from 172.31.44.18; - 80/tcp from anywhere; - 22/tcp from all but 198.51.100.0/24; and 1 more"
    );
    assert_eq!(packets(&Planned::default()), "");
}

#[test]
fn a_plan_says_what_it_opens_closes_and_cuts() {
    insta::assert_snapshot!(plan(&planned()));
}

#[test]
fn a_plan_without_a_change_says_so() {
    let nothing =
        Planned { origin: "portcullis.toml".into(), compared_with: Some(Number(3)), ..Planned::default() };
    insta::assert_snapshot!(plan(&nothing));
    let lost = plan(&Planned { compared_with: Some(Number(0)), ..nothing });
    assert!(lost.contains("compared with snapshot 0: essentials and ssh, in place of packets"), "{lost}");
}

#[test]
fn a_plan_during_a_trial_says_so_and_what_it_is_compared_with() {
    let trial = Some(TrialStatus { snapshot: Number(4), seconds_left: 42 });
    let during = |compared_with| {
        let origin = "portcullis.toml".into();
        plan(&Planned { origin, compared_with, trial: trial.clone(), ..Planned::default() })
    };
    insta::assert_snapshot!([during(None), during(Some(Number(3)))].join("\n"), @r"
    portcullis.toml, compared with what was before the trial: no filter
    snapshot 4 is on trial for 42s more: `portcullis confirm` keeps it, `portcullis rollback` ends it

    nothing changes

    portcullis.toml, compared with what was before the trial: snapshot 3
    snapshot 4 is on trial for 42s more: `portcullis confirm` keeps it, `portcullis rollback` ends it

    nothing changes
    ");
}

#[test]
fn an_apply_says_how_to_keep_it() {
    let shown =
        |packets| applied(&Applied { snapshot: Number(4), packets, routes: true, cut: planned().cut }, None);
    let trial = Packets::Trial { seconds: 60, first: true };
    let at_console = Applied { snapshot: Number(4), packets: trial, routes: false, cut: Cuts::default() };
    let all = [
        shown(Packets::Trial { seconds: 60, first: true }),
        shown(Packets::Trial { seconds: 90, first: false }),
        applied(&at_console, Some("portcullis confirm --console")),
        shown(Packets::Unchanged),
        shown(Packets::InForce),
        confirmed(&Confirmed { snapshot: Number(4), cut: planned().cut }),
        ended(&Ended { snapshot: Number(4), back_to: Some(Number(3)), routes_back: true }),
        ended(&Ended { snapshot: Number(1), back_to: None, routes_back: false }),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_restore_says_what_is_in_force() {
    let all = [
        Restored::Snapshot(Number(3)),
        Restored::Already(Number(3)),
        Restored::Minimum { reason: "nothing was ever confirmed".into() },
        Restored::Left { reason: "the state folder knows of nothing that was confirmed".into() },
        Restored::Off,
    ];
    insta::assert_snapshot!(all.iter().map(restored).collect::<String>());
}

#[test]
fn off_says_what_becomes_open() {
    let listener = |what: &str, program: Option<&str>| OpenListener {
        what: what.into(),
        program: program.map(str::to_owned),
    };
    let list = vec![listener("0.0.0.0:5432/tcp", Some("postgres")), listener("[::]:53/udp", None)];
    let open = Openings { enforced: true, listeners: list, bans: 2 };
    insta::assert_snapshot!(openings(&open));
}

#[test]
fn the_history_names_who_and_what_became_of_it() {
    let entry = |number: u64, user, from: Option<&str>, fate| Entry {
        number: Number(number),
        applied_at: 1_795_173_840 + number * 60,
        who: Who { user, from: from.map(|from| from.parse().expect("an address")) },
        sessions: Vec::new(),
        origin: "/etc/portcullis/portcullis.toml".into(),
        rules: 7,
        changed: ChangedRules {
            first: vec!["+web-3".into(), "-ssh-1a2b3c4d".into()],
            more: number as usize - 1,
        },
        fate,
    };
    let entries = vec![
        entry(1, 0, None, Fate::Confirmed { at: 1_795_173_940 }),
        entry(
            2,
            1000,
            Some("198.51.100.7"),
            Fate::RolledBack { at: 1, reason: "nobody confirmed it within 1m".into() },
        ),
        entry(3, 1000, Some("198.51.100.7"), Fate::Trial { until: 1_795_174_120 }),
    ];
    let confirmed = Some(Number(1));
    let mut ended = entries[..2].to_vec();
    assert_eq!(going_back(&History { confirmed, entries: ended.clone(), unknown_table: false }), "");
    ended.insert(0, Entry { number: Number(0), ..entries[0].clone() });
    assert_eq!(
        going_back(&History { confirmed, entries: ended, unknown_table: false }),
        "snapshot 2 was rolled back already: nobody confirmed it within 1m; in force is snapshot 1, \
         and this goes back to snapshot 0\n"
    );
    insta::assert_snapshot!(history(&History { confirmed, entries, unknown_table: false }));
    let nothing = |unknown_table| history(&History { confirmed: None, entries: Vec::new(), unknown_table });
    insta::assert_snapshot!(nothing(false));
    assert!(nothing(true).starts_with("packets of ours are enforced that the state folder knows nothing of"));
}

#[test]
fn bans_and_grants_say_when_they_end() {
    let ban = |source: &str, until, note: Option<&str>| BannedSource {
        source: source.parse().expect("a prefix"),
        since: 0,
        until,
        note: note.map(str::to_owned),
    };
    let list = [ban("192.0.2.1/32", Some(3700), Some("scans")), ban("2001:db8::/32", None, None)];
    let granted = Granted { address: [192, 0, 2, 7].into(), protocol: 6, port: 22 };
    let who = Who { user: 1000, from: Some([192, 0, 2, 7].into()) };
    let all = [
        bans(&list, 100),
        bans(&[], 100),
        banned(&Banned { sources: 1, longer: 0, denied: 0, total: 2, enforced: true }, "banned"),
        banned(&Banned { sources: 3, longer: 1, denied: 0, total: 7, enforced: true }, "banned"),
        banned(&Banned { sources: 2, longer: 0, denied: 0, total: 2, enforced: false }, "banned"),
        banned(&Banned { sources: 1, longer: 0, denied: 1, total: 0, enforced: true }, "not banned any more"),
        banned(&Banned { sources: 3, longer: 0, denied: 2, total: 0, enforced: true }, "not banned any more"),
        grants(&[GrantInForce { granted, until: 7300, who }], 100),
        grants(&[], 100),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn the_status_begins_with_whether_it_is_enforced() {
    let rule = RuleCount {
        rule: "web".into(),
        text: "80/tcp from anywhere".into(),
        packets: 123_456,
        bytes: 7_890_123_456,
        note: Some("the shop".into()),
    };
    let enforced = Status {
        enforced: true,
        snapshot: Some(Number(3)),
        features: Features { owned: true, missing: Vec::new() },
        bans: 2,
        connection_table: Some(ConnectionTable { count: 210_000, max: 262_144 }),
        problems: vec![Finding::warning("the kernel's table of connections is 80 % full", "raise it")],
        refused: vec![Refusals { reason: "no rule".into(), packets: 1200, bytes: 64_000 }],
        rules: vec![rule],
        ..Status::default()
    };
    let not = Status {
        reachable: true,
        bans: 1,
        problems: vec![Finding::warning("no right to change packet rules", "run it as root")],
        ..Status::default()
    };
    let trial = Status {
        trial: Some(TrialStatus { snapshot: Number(4), seconds_left: 42 }),
        features: Features { owned: false, missing: vec!["ownership of tables (Linux 6.9)".into()] },
        ..enforced.clone()
    };
    insta::assert_snapshot!([status(&enforced), status(&trial), status(&not)].join("----\n"));
}

#[test]
fn amounts_keep_their_magnitude() {
    for (number, shown) in
        [(0, "0"), (999, "999"), (1000, "1.0 k"), (123_456, "123.5 k"), (7_890_123_456, "7.9 G")]
    {
        assert_eq!(amount(number), shown);
    }
}

#[test]
fn names_that_others_choose_do_not_speak_to_the_terminal() {
    let open = OpenListener { what: "0.0.0.0:22/tcp".to_owned(), program: Some("\x1b[2J\nsshd".to_owned()) };
    let text = openings(&Openings { enforced: true, listeners: vec![open], bans: 0 });
    assert!(text.contains("0.0.0.0:22/tcp  \\u{1b}[2J\\nsshd\n"), "{text:?}");
    let note = Finding::warning("a\x1b[2Jb", "");
    assert!(!findings(&[note]).contains('\x1b'));
}
