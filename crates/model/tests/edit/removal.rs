//! Rules are taken out by id, by what they say, and by traffic.

use model::edit::{EditError, Removed, Which, remove_rule};

const ALLOW_SSH: Which<'_> = Which::Allow { allow: "22/tcp", from: None };

/// Texts before and after `22/tcp` is taken out.
const REMOVED: &[(&str, &str)] = &[
    ("[firewall]\ninbound = ['ssh']\n", "[firewall]\ninbound = []\n"),
    ("[firewall]\ninbound = ['ssh', 'http'] # x\n", "[firewall]\ninbound = ['http'] # x\n"),
    ("[firewall]\ninbound = ['http', 'ssh']\n", "[firewall]\ninbound = ['http']\n"),
    ("[firewall]\ninbound = ['http', 'ssh', ]\n", "[firewall]\ninbound = ['http', ]\n"),
    ("[firewall]\ninbound = ['http', 'ssh' , 'https']\n", "[firewall]\ninbound = ['http', 'https']\n"),
    (
        "[firewall]\ninbound = [\n  # web\n  'http', # a\n  { allow = 'ssh', note = 'x, y' }, # b, c\n  # end\n]\n",
        "[firewall]\ninbound = [\n  # web\n  'http', # a\n  # end\n]\n",
    ),
    ("[firewall]\ninbound = [\n  'ssh'\n]\n", "[firewall]\ninbound = [\n]\n"),
    ("[firewall]\ninbound = [\n  'ssh', 'http',\n]\n", "[firewall]\ninbound = [\n  'http',\n]\n"),
    ("[firewall]\ninbound = [\n  'http', 'ssh',\n]\n", "[firewall]\ninbound = [\n  'http',\n]\n"),
    ("[firewall]\ninbound = [\n  'http',\n  'ssh']\n", "[firewall]\ninbound = [\n  'http']\n"),
    (
        "[[firewall.inbound]]\nallow = 'ssh' # a\nfrom = 'x'\n\n# b\n[[firewall.inbound]]\nallow = 'http'\n",
        "\n# b\n[[firewall.inbound]]\nallow = 'http'\n",
    ),
    (
        "[firewall]\r\ninbound = [\r\n  'ssh',\r\n  'http',\r\n]\r\n",
        "[firewall]\r\ninbound = [\r\n  'http',\r\n]\r\n",
    ),
];

#[test]
fn a_rule_goes_and_everything_else_stays() {
    for (before, after) in REMOVED {
        let changed = remove_rule(before, &ALLOW_SSH).map(|(text, _)| text);
        assert_eq!(changed.as_deref(), Ok(*after), "{before}");
    }
}

const RULES: &str = "[firewall]
inbound = [
  { allow = [\"ssh\"], from = [\"10.0.0.9/8\", \"office\"], id = \"admins\" },
  { allow = \"ssh\", limit = \"6/30s\", note = \"everybody\" },
  { allow = \"80,443/tcp\", on = \"eth0\", expires = 2026-12-31 },
]
[network]
office = \"192.0.2.0/24\"
";

fn line_of(which: &Which<'_>) -> Result<usize, EditError> {
    remove_rule(RULES, which).map(|(_, Removed { line, .. })| line)
}

#[test]
fn a_rule_is_found_by_its_id_and_by_its_traffic_and_peers_in_any_spelling() {
    let from = |peers: &[&str]| peers.iter().map(|peer| (*peer).to_owned()).collect::<Vec<_>>();
    assert_eq!(line_of(&Which::Id("admins")), Ok(3));
    assert_eq!(
        line_of(&Which::Allow { allow: "22/tcp", from: Some(&from(&["office", "10.0.0.0/8"])) }),
        Ok(3)
    );
    assert_eq!(line_of(&Which::Allow { allow: "ssh", from: Some(&from(&["anywhere"])) }), Ok(4));
    assert_eq!(line_of(&Which::Allow { allow: "443,80/tcp", from: None }), Ok(5));
}

#[test]
fn a_rule_of_the_plan_is_found_in_the_text() {
    let plan = model::compile_text("portcullis.toml", RULES).plan.unwrap();
    for (index, rule) in plan.policy.firewall.unwrap().inbound.iter().enumerate() {
        assert_eq!(line_of(&Which::Rule(rule)), Ok(3 + index), "{rule:?}");
    }
}

#[test]
fn what_is_not_there_or_not_clear_is_said() {
    let from = ["elsewhere".to_owned()];
    for which in [
        Which::Id("admin"),
        Which::Allow { allow: "ssh", from: Some(&from) },
        Which::Allow { allow: "?", from: None },
    ] {
        let error = line_of(&which).unwrap_err();
        assert!(matches!(&error, EditError::NotThere { present } if present.len() == 3), "{error}");
    }
    assert_eq!(
        line_of(&ALLOW_SSH).unwrap_err().to_string(),
        "more than one rule fits: `{ allow = [\"ssh\"], from = [\"10.0.0.9/8\", \"office\"], id = \"admins\" }`, \
         `{ allow = \"ssh\", limit = \"6/30s\", note = \"everybody\" }`"
    );
    let empty = remove_rule("[site]\n", &ALLOW_SSH).unwrap_err();
    assert_eq!(empty.to_string(), "there is no rule in `[firewall] inbound`");
}
