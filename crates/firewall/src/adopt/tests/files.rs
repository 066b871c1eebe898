//! Files that ufw 0.36.2 wrote, and the configuration that comes of them.

use crate::adopt::{Effect, Imported, RulesFile, UfwFiles, compare, summary, to_toml, ufw};
use crate::compiled::Compiled;
use crate::foreign::{Owner, Published};
use model::plan::InterfaceName;
use proptest::prelude::*;

const USER: &str = include_str!("data/ufw/user.rules");
const USER6: &str = include_str!("data/ufw/user6.rules");
const BEFORE: &str = include_str!("data/ufw/before.rules");
const BEFORE6: &str = include_str!("data/ufw/before6.rules");
const DEFAULT: &str = include_str!("data/ufw/default");
const CONF: &str = include_str!("data/ufw/ufw.conf");

pub(super) fn files() -> UfwFiles<'static> {
    UfwFiles {
        user_rules: USER,
        user6_rules: USER6,
        default_ufw: DEFAULT,
        ufw_conf: CONF,
        rules: vec![
            RulesFile { name: "before.rules", text: BEFORE, packaged: Some(BEFORE) },
            RulesFile { name: "before6.rules", text: BEFORE6, packaged: Some(BEFORE6) },
        ],
        interfaces: ["lo", "eth0", "eth1", "eth2"].map(|name| InterfaceName(name.to_owned())).to_vec(),
        published: vec![container()],
    }
}

fn container() -> Published {
    Published {
        family: None,
        protocol: Some(6),
        ports: Some((8088, 8088)),
        address: None,
        to: "172.18.0.2".parse().ok(),
        to_port: Some(80),
        owner: Some(Owner::Docker),
        chain: "DOCKER".to_owned(),
    }
}

fn tuples(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("### tuple ### {line}\n")).collect()
}

fn import(v4: &[&str], v6: &[&str]) -> Imported {
    let (v4, v6) = (tuples(v4), tuples(v6));
    ufw(&UfwFiles {
        user_rules: &v4,
        user6_rules: &v6,
        default_ufw: "IPV6=yes",
        ufw_conf: "ENABLED=yes",
        ..UfwFiles::default()
    })
}

#[test]
fn real_files_become_the_configuration_that_is_expected() {
    let text = to_toml(&ufw(&files()));
    let wanted = include_str!("data/ufw/portcullis.toml");
    assert_eq!(text, wanted, "\n{text}");
}

#[test]
fn a_rule_that_another_one_admits_all_of_is_not_written() {
    let rules = ["allow any any 0.0.0.0/0 any 10.0.0.0/8 in", "limit tcp 22 0.0.0.0/0 any 10.1.0.0/16 in"];
    let narrow = "allow tcp 80 0.0.0.0/0 any 10.2.0.0/16 in";
    let lines = |rules: &[&str]| to_toml(&import(rules, &[])).matches("allow = ").count();
    assert_eq!(lines(&rules[..1]), 1);
    assert_eq!(lines(&[rules[0], narrow]), 1);
    assert_eq!(lines(&[narrow, rules[0]]), 1);
    assert_eq!(lines(&[narrow, narrow]), 1);
}

#[test]
fn a_pair_of_both_families_is_one_rule_from_anywhere() {
    let imported = import(&["allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"], &["allow tcp 22 ::/0 any ::/0 in"]);
    assert_eq!(to_toml(&imported), "[firewall]\ninbound = [\n  { allow = \"22/tcp\" },\n]\n");
}

#[test]
fn the_first_match_decides() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "deny any any 0.0.0.0/0 any 192.0.2.1 in"],
            "{ allow = \"22/tcp\", from = \"0.0.0.0/0\" }",
        ),
        (
            &["deny tcp 22 0.0.0.0/0 any 128.0.0.0/1 in", "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"],
            "{ allow = \"22/tcp\", from = \"0.0.0.0/1\" }",
        ),
        (
            &["limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"],
            "{ allow = \"22/tcp\", from = \"0.0.0.0/0\", limit = \"6/30s\" }",
        ),
        (
            &["deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 in", "allow tcp 1:100 0.0.0.0/0 any 0.0.0.0/0 in"],
            "{ allow = [\"1-24/tcp\", \"26-100/tcp\"], from = \"0.0.0.0/0\" }",
        ),
        (
            &["allow any 53 0.0.0.0/0 any 10.1.2.3 in comment=24227b5c"],
            "{ allow = \"53\", from = \"10.1.2.3\", note = \"$\\\"{\\\\\" }",
        ),
    ];
    for (lines, wanted) in cases {
        let text = to_toml(&import(lines, &[]));
        assert!(text.contains(&format!("[\n  {wanted},\n]")), "{lines:?}\n{text}");
    }
}

#[test]
fn a_source_that_is_denied_first_is_on_the_deny_list() {
    let imported =
        import(&["deny any any 0.0.0.0/0 any 192.0.2.1 in", "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"], &[]);
    assert_eq!(imported.deny.to_string(), "192.0.2.1");
    assert_eq!(imported.rules[0].peers.to_string(), "any IPv4");
}

#[test]
fn what_was_changed_by_hand_is_listed() {
    let edited = format!(
        "{}-A ufw-after-forward -j DOCKER-USER\n",
        BEFORE.replace("-A ufw-before-input -p udp -d 224.0.0.251", "# -A")
    );
    let rules = vec![RulesFile { name: "before.rules", text: &edited, packaged: Some(BEFORE) }];
    let imported = ufw(&UfwFiles { rules, ..files() });
    let listed: Vec<&str> = imported
        .not_imported
        .iter()
        .filter(|left| left.file == "before.rules")
        .map(|left| left.text.as_str())
        .collect();
    assert_eq!(
        listed,
        [
            "-A ufw-after-forward -j DOCKER-USER",
            "-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT"
        ]
    );
    assert!(imported.built_in.iter().all(|open| open.name != "mDNS"));
}

#[test]
fn what_cannot_be_said_is_never_widened() {
    let left = |line: &str| import(&[line, "allow any any 0.0.0.0/0 any 0.0.0.0/0 in"], &[]).not_imported;
    let cases = [
        ("allow tcp 22 192.0.2.1 any 0.0.0.0/0 in", Effect::Narrower),
        ("deny tcp 22 192.0.2.1 any 0.0.0.0/0 in", Effect::Narrower),
        ("deny tcp any 0.0.0.0/0 53 0.0.0.0/0 in", Effect::Wider),
        ("deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth1", Effect::Narrower),
        ("nonsense", Effect::Unknown),
    ];
    for (line, wanted) in cases {
        assert_eq!(left(line).first().map(|left| left.effect), Some(wanted), "{line}");
    }
}

#[test]
fn the_comparison_names_what_ufw_leaves_open() {
    let imported = ufw(&files());
    let found = compare(&imported, &Compiled::minimum([22], []), &[container()]);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    for wanted in [
        "opened: 22/tcp from 198.51.100.66",
        "closed: 5353/udp from anywhere (mDNS to 224.0.0.251 and ff02::fb, which was admitted without a rule)",
        "closed: 1900/udp from anywhere (SSDP to 239.255.255.250 and ff02::f, which was admitted without a rule)",
        "closed: 8088/tcp from anywhere (published by Docker, which the other firewall did not judge)",
    ] {
        assert!(texts.iter().any(|text| text == wanted), "{wanted}\n{}", texts.join("\n"));
    }
    let lines = summary(&found);
    assert!(lines.len() < 16 && lines[0].starts_with("opened: "), "{}", lines.join("\n"));
    let cut = "closed: 1-21/tcp, 23-52/tcp, 54-79/tcp, 81-442/tcp and ";
    assert!(lines.iter().any(|line| line.starts_with(cut)), "{}", lines.join("\n"));
    assert!(!texts.iter().any(|text| text.contains("ping") || text.contains("DHCP")), "{}", texts.join("\n"));
}

proptest! {
    #[test]
    fn any_text_is_read(
        text in "(### tuple ### (allow|deny|route:limit_log) (any|tcp|.{1,3}) (any|22|[0-9:,]{1,8}) (::/0|0.0.0.0/0|.{1,9}) any (0.0.0.0/0|10.0.0.0/8) (in|out|in_e!out_f)( comment=[0-9a-f]{0,5})?\n|.{0,40}\n){0,8}",
        other in ".{0,80}",
    ) {
        let rules = vec![RulesFile { name: "before.rules", text: &text, packaged: Some(&other) }];
        let imported = ufw(&UfwFiles {
            user_rules: &text, user6_rules: &text, default_ufw: &other, ufw_conf: &other, rules, ..UfwFiles::default()
        });
        prop_assert!(to_toml(&imported).contains("[firewall]"));
    }
}
