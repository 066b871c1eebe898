//! Rules are added to and taken out of a text, and nothing else of it changes.

#![expect(clippy::unwrap_used, reason = "a case that cannot be read is a failed test")]

mod properties;
mod removal;

use model::edit::{EditError, List, RuleEdit, add_rule};
use model::plan::Rule;

/// A rule that allows this, and nothing else.
pub(crate) fn allow(allow: &str) -> RuleEdit {
    RuleEdit { allow: vec![allow.to_owned()], ..RuleEdit::default() }
}

/// The only inbound rule of `[firewall]` in a text.
pub(crate) fn rule(text: &str) -> Rule {
    let plan = model::compile_text("portcullis.toml", text).plan.unwrap();
    plan.policy.firewall.unwrap().inbound.remove(0)
}

/// Every way in which the rules may be written, before and after `ssh` is allowed.
const ADDED: &[(&str, &str)] = &[
    ("", "[firewall]\ninbound = [\"ssh\"]\n"),
    ("# mine\n[site]\n'a.test' = 'x'", "# mine\n[site]\n'a.test' = 'x'\n\n[firewall]\ninbound = [\"ssh\"]\n"),
    ("[site]\n", "[site]\n\n[firewall]\ninbound = [\"ssh\"]\n"),
    ("[firewall]", "[firewall]\ninbound = [\"ssh\"]\n"),
    ("[firewall] # on\n\n[site]\n", "[firewall] # on\ninbound = [\"ssh\"]\n\n[site]\n"),
    (
        "[firewall]\nconfirm = \"60s\" # a minute\n# more\n[site]\n",
        "[firewall]\nconfirm = \"60s\" # a minute\ninbound = [\"ssh\"]\n# more\n[site]\n",
    ),
    (
        "[firewall]\nconfirm = '60s'\n[[firewall.outbound]]\nallow = 'dns'\n",
        "[firewall]\nconfirm = '60s'\ninbound = [\"ssh\"]\n[[firewall.outbound]]\nallow = 'dns'\n",
    ),
    (
        "firewall.confirm = '1m'\nlog.access = 'off'\n",
        "firewall.confirm = '1m'\nfirewall.inbound = [\"ssh\"]\nlog.access = 'off'\n",
    ),
    ("firewall = { confirm = '1m' }\n", "firewall = { confirm = '1m', inbound = [\"ssh\"] }\n"),
    ("firewall = {}\n", "firewall = { inbound = [\"ssh\"] }\n"),
    ("firewall = { inbound = ['http'] }\n", "firewall = { inbound = ['http', \"ssh\"] }\n"),
    ("[firewall]\ninbound = []\n", "[firewall]\ninbound = [\"ssh\"]\n"),
    ("[firewall]\ninbound = [ 'http' ] # x\n", "[firewall]\ninbound = [ 'http', \"ssh\" ] # x\n"),
    ("[firewall]\ninbound = ['http',]\n", "[firewall]\ninbound = ['http', \"ssh\",]\n"),
    ("[firewall]\ninbound = [\n]\n", "[firewall]\ninbound = [\n  \"ssh\",\n]\n"),
    ("[firewall]\ninbound = [ # none\n]\n", "[firewall]\ninbound = [ # none\n  \"ssh\",\n]\n"),
    (
        "[firewall]\ninbound = [\n\t'http', # web, all of it\n\t# more to come\n]\n",
        "[firewall]\ninbound = [\n\t'http', # web, all of it\n\t\"ssh\",\n\t# more to come\n]\n",
    ),
    (
        "[firewall]\ninbound = [\n    'http' # web, all of it\n]\n",
        "[firewall]\ninbound = [\n    'http', # web, all of it\n    \"ssh\",\n]\n",
    ),
    ("[firewall]\ninbound = [\n  'http']\n", "[firewall]\ninbound = [\n  'http',\n  \"ssh\"]\n"),
    ("[firewall]\ninbound = [\n  'http', ]\n", "[firewall]\ninbound = [\n  'http',\n  \"ssh\" ]\n"),
    (
        "[firewall]\ninbound = ['http',\n  'https']\nconfirm = '1m'\n",
        "[firewall]\ninbound = ['http',\n  'https',\n  \"ssh\"]\nconfirm = '1m'\n",
    ),
    (
        "[[firewall.inbound]]\nallow = 'http'\n\n[site]\n",
        "[[firewall.inbound]]\nallow = 'http'\n\n[[firewall.inbound]]\nallow = \"ssh\"\n\n[site]\n",
    ),
    (
        "[firewall]\r\ninbound = [\r\n  'http',\r\n]\r\n",
        "[firewall]\r\ninbound = [\r\n  'http',\r\n  \"ssh\",\r\n]\r\n",
    ),
    ("[firewall]\r\n", "[firewall]\r\ninbound = [\"ssh\"]\r\n"),
];

#[test]
fn a_rule_is_added_in_the_style_of_the_text() {
    for (before, after) in ADDED {
        assert_eq!(add_rule(before, List::Firewall, &allow("ssh")).as_deref(), Ok(*after), "{before}");
    }
}

/// Every way in which a group may be written, before and after `ssh` is allowed for `a`.
const OF_A_GROUP: &[(&str, &str)] = &[
    ("[group.a] # mine\n[group.b]\n", "[group.a] # mine\ninbound = [\"ssh\"]\n[group.b]\n"),
    (
        "[group.b]\ninbound = []\n[group.a]\ndescription = 'x' # y\n\n[host.h]\n",
        "[group.b]\ninbound = []\n[group.a]\ndescription = 'x' # y\ninbound = [\"ssh\"]\n\n[host.h]\n",
    ),
    (
        "[firewall]\ninbound = ['dns']\n[group.a]\ninbound = ['http'] # web\n",
        "[firewall]\ninbound = ['dns']\n[group.a]\ninbound = ['http', \"ssh\"] # web\n",
    ),
    (
        "[[group.a.inbound]] # one\nallow = 'http'\n\n[group.b]\n",
        "[[group.a.inbound]] # one\nallow = 'http'\n\n[[group.a.inbound]]\nallow = \"ssh\"\n\n[group.b]\n",
    ),
    (
        "[group]\na = { inbound = ['http'] }\nb = {}\n",
        "[group]\na = { inbound = ['http', \"ssh\"] }\nb = {}\n",
    ),
    ("[group]\na = {}\n", "[group]\na = { inbound = [\"ssh\"] }\n"),
    (
        "[group]\na.description = 'x'\nb.description = 'y'\n",
        "[group]\na.description = 'x'\na.inbound = [\"ssh\"]\nb.description = 'y'\n",
    ),
    (
        "group.a.description = 'x'\nlog.access = 'off'\n",
        "group.a.description = 'x'\ngroup.a.inbound = [\"ssh\"]\nlog.access = 'off'\n",
    ),
    ("group.a = { description = 'x' }\n", "group.a = { description = 'x', inbound = [\"ssh\"] }\n"),
    ("['group'.'a']\noutbound = []\n", "['group'.'a']\noutbound = []\ninbound = [\"ssh\"]\n"),
];

#[test]
fn a_rule_is_added_to_a_group() {
    for (before, after) in OF_A_GROUP {
        assert_eq!(add_rule(before, List::Group("a"), &allow("ssh")).as_deref(), Ok(*after), "{before}");
    }
    let no_group = ["", "[group.b]\n", "group = 1\n", "[group]\na = 1\n", "[group.a]\ninbound = 1\n"];
    for text in no_group {
        assert_eq!(add_rule(text, List::Group("a"), &allow("ssh")), Err(EditError::Shape), "{text}");
    }
}

#[test]
fn a_list_that_grows_too_wide_gets_one_rule_a_line() {
    let before = "[firewall]\ninbound = [{ allow = 'http', note = 'the shop and all of its many pages' }, 'https'] # web\n";
    let rule = RuleEdit {
        from: vec!["192.0.2.0/24".to_owned(), "office".to_owned()],
        limit: Some("6/30s".to_owned()),
        note: Some("say \"hi\" \\ ${HOME}".to_owned()),
        ..allow("ssh")
    };
    let after = "[firewall]\ninbound = [\n  { allow = 'http', note = 'the shop and all of its many pages' },\n  'https',\n  \
                 { allow = \"ssh\", from = [\"192.0.2.0/24\", \"office\"], limit = \"6/30s\", \
                 note = \"say \\\"hi\\\" \\\\ $${HOME}\" },\n] # web\n";
    assert_eq!(add_rule(before, List::Firewall, &rule).as_deref(), Ok(after));
}

#[test]
fn what_is_added_compiles_to_the_rule() {
    let rule = RuleEdit {
        allow: vec!["80/tcp".to_owned(), "https".to_owned()],
        from: vec!["10.0.0.1".to_owned()],
        on: Some("eth0".to_owned()),
        limit: Some("10/m".to_owned()),
        note: Some("é \u{1b} ${X}".replace('\u{1b}', "x")),
        expires: Some("2026-12-31T18:00:00Z".to_owned()),
        id: Some("web".to_owned()),
    };
    let text = add_rule("[site]\n'a.test' = 'localhost:1'\n", List::Firewall, &rule).unwrap();
    let compiled = model::compile_text("portcullis.toml", &text);
    let plan = compiled.plan.unwrap();
    let written = &plan.policy.firewall.unwrap().inbound[0];
    assert_eq!(written.id.0, "web");
    assert_eq!(written.note.as_deref(), Some("é x ${X}"));
    assert_eq!(written.expires, Some(1_798_740_000));
    assert_eq!((written.peers.len(), written.traffic.len()), (1, 2));
}

#[test]
fn texts_that_cannot_be_changed_are_left_alone() {
    let error = |text: &str| add_rule(text, List::Firewall, &allow("ssh")).unwrap_err();
    assert!(matches!(error("[firewall\n"), EditError::Syntax { line: 1, .. }));
    assert!(matches!(error("[site]\n'a' = \n"), EditError::Syntax { line: 2, .. }));
    assert_eq!(error("firewall = true\n"), EditError::Shape);
    assert_eq!(error("[firewall]\ninbound = 'ssh'\n"), EditError::Shape);
    assert_eq!(error("[[firewall]]\n"), EditError::Shape);
}
