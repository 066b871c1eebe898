//! Bans that a gate asks for, which may be in the hands of somebody else.

use super::*;

fn asked(address: &str, seconds: u32) -> AutomaticBan {
    AutomaticBan {
        address: address.parse().expect("an address"),
        seconds,
        rule: "request-rate".to_owned(),
        proxies: vec!["203.0.113.32/28".parse().expect("a prefix")],
    }
}

fn answer(keeper: &mut Keeper, address: &str, seconds: u32) -> String {
    match keeper.ban_for_gate(&asked(address, seconds), None) {
        Ok(()) => "banned".to_owned(),
        Err(refused) => refused.rule,
    }
}

#[test]
fn a_gate_never_gets_anybody_banned_whom_the_operator_needs() {
    let text = format!("[listen]\ntrusted_proxies = [\"203.0.113.0/28\"]\n{OPEN}");
    let bench = Bench::confirmed(&text);
    let mut keeper = bench.keeper();
    bench.world.connect("198.51.100.7:50000", 22);
    bench.world.connect("198.51.100.8:50000", 80);
    ask_as::<Applied>(&mut keeper, &over("198.51.100.9:50000"), bench.apply()).ok();
    let grant = Granted { address: [198, 51, 100, 10].into(), protocol: 6, port: 22 };
    ask::<GrantInForce>(&mut keeper, Request::Grant(Grant { granted: grant, seconds: 60 })).expect("a grant");
    for (address, expected) in [
        ("127.0.0.1", "own-address"),
        ("127.9.9.9", "own-address"),
        ("::1", "own-address"),
        ("::ffff:127.0.0.1", "own-address"),
        ("192.0.2.1", "own-address"),
        ("::ffff:192.0.2.1", "own-address"),
        ("198.51.100.7", "operator"),
        ("198.51.100.8", "banned"),
        ("198.51.100.10", "operator"),
        ("203.0.113.1", "trusted-proxy"),
        ("::ffff:203.0.113.1", "trusted-proxy"),
        ("203.0.113.32", "trusted-proxy"),
        ("0.0.0.0", "no-client"),
        ("::", "no-client"),
        ("255.255.255.255", "no-client"),
        ("224.0.0.1", "no-client"),
        ("ff02::1", "no-client"),
        ("203.0.113.99", "banned"),
        ("2001:db8::99", "banned"),
    ] {
        assert_eq!(answer(&mut keeper, address, 60), expected, "{address}");
    }
}

#[test]
fn what_a_gate_bans_ends_within_a_day_and_leaves_the_bans_of_operators_alone() {
    let bench = Bench::confirmed(OPEN);
    let mut keeper = bench.keeper();
    let now = bench.world.get().now / 1000;
    let noted = |source: &str, seconds| {
        let sources = vec![source.parse().expect("a prefix")];
        Request::Ban(Ban { sources, file: None, seconds, note: Some("scans".to_owned()), replace: false })
    };
    ask::<Banned>(&mut keeper, noted("203.0.113.1/32", None)).expect("a ban");
    ask::<Banned>(&mut keeper, noted("203.0.113.2/32", Some(10))).expect("a ban");
    ask::<Banned>(&mut keeper, noted("198.51.100.0/24", None)).expect("a ban");
    for address in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.1"] {
        assert_eq!(answer(&mut keeper, address, u32::MAX), "banned", "{address}");
    }
    let bans: BanList = ask(&mut keeper, Request::Bans).expect("bans");
    let shown: Vec<_> = bans
        .iter()
        .map(|ban| (shown_source(&ban.source), ban.until.map(|until| until - now), ban.note.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            ("198.51.100.0/24".to_owned(), None, Some("scans")),
            ("203.0.113.1".to_owned(), None, Some("scans")),
            ("203.0.113.2".to_owned(), Some(86_400), Some("scans")),
            ("203.0.113.3".to_owned(), Some(86_400), Some("gate: request-rate")),
        ]
    );
}

#[test]
fn without_a_firewall_a_gate_bans_nobody() {
    let bench = Bench::new(OPEN);
    let mut keeper = bench.keeper();
    assert_eq!(answer(&mut keeper, "203.0.113.1", 60), "no-firewall");
    assert!(ask::<BanList>(&mut keeper, Request::Bans).expect("bans").is_empty());
}
