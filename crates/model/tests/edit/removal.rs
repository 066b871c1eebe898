//! Rules are taken out, and told apart by what they say.

use crate::{allow, rule};
use model::edit::{EditError, List, RuleEdit, add_rule, remove_rule, says};

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
        // From whom is not a part of what these lists are about.
        let from = if before.contains("from = 'x'") { "{ allow = 'ssh', from = 'x' }" } else { "'ssh'" };
        let ssh = rule(&format!("[firewall]\ninbound = [{from}]\n[network]\nx = '192.0.2.0/24'\n"));
        let changed = remove_rule(before, List::Firewall, &ssh).map(|(text, _)| text);
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

#[test]
fn a_rule_of_the_plan_is_found_in_the_text() {
    let plan = model::compile_text("portcullis.toml", RULES).plan.unwrap();
    for (index, rule) in plan.policy.firewall.unwrap().inbound.iter().enumerate() {
        let line = remove_rule(RULES, List::Firewall, rule).map(|(_, removed)| removed.line);
        assert_eq!(line, Ok(3 + index), "{rule:?}");
    }
}

#[test]
fn words_fit_a_rule_in_any_spelling() {
    let plan = model::compile_text("portcullis.toml", RULES).plan.unwrap();
    let rules = plan.policy.firewall.unwrap().inbound;
    let fitting = |words: &RuleEdit| -> Vec<usize> {
        rules.iter().enumerate().filter(|(_, rule)| says(rule, words)).map(|(index, _)| index).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    let from = |peers: &[&str]| RuleEdit {
        from: peers.iter().map(|peer| (*peer).to_owned()).collect(),
        ..allow("22/tcp")
    };
    for (words, expected) in [
        (allow("ssh"), &[0, 1][..]),
        (from(&["office", "10.0.0.0/8"]), &[0]),
        (from(&["10.0.0.9/8", "office"]), &[0]),
        (from(&["anywhere"]), &[1]),
        (from(&["elsewhere"]), &[]),
        (RuleEdit { id: text("admins"), ..allow("ssh") }, &[0]),
        (RuleEdit { limit: text("6/30s"), ..allow("ssh") }, &[1]),
        (RuleEdit { limit: text("6"), ..allow("ssh") }, &[]),
        (RuleEdit { note: text("everybody"), ..allow("ssh") }, &[1]),
        (RuleEdit { on: text("eth0"), ..allow("ssh") }, &[]),
        (RuleEdit { on: text("eth0"), ..allow("443,80/tcp") }, &[2]),
        (RuleEdit { expires: text("2026-12-31"), ..allow("443,80/tcp") }, &[2]),
        (allow("?"), &[]),
    ] {
        assert_eq!(fitting(&words), expected, "{words:?}");
    }
}

#[test]
fn only_the_rule_of_the_named_list_goes() {
    let both = "[firewall]\ninbound = ['ssh']\n[group.a]\ninbound = ['ssh'] # a\n";
    let ssh = rule("[firewall]\ninbound = ['ssh']\n");
    let (text, removed) = remove_rule(both, List::Group("a"), &ssh).unwrap();
    assert_eq!(
        (text.as_str(), removed.line),
        ("[firewall]\ninbound = ['ssh']\n[group.a]\ninbound = [] # a\n", 4)
    );
    assert_eq!(remove_rule(&text, List::Group("a"), &ssh), Err(EditError::NotThere));
    assert_eq!(
        add_rule(&text, List::Group("a"), &allow("ssh")).unwrap(),
        both.replace("'ssh'] #", "\"ssh\"] #")
    );
}
