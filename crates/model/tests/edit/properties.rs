//! Whatever the text is, a change of one rule changes its own lines alone, and can be taken back.

use crate::{allow, rule};
use model::edit::{List, add_rule, remove_rule};
use model::plan::Rule;
use proptest::prelude::*;

/// Lines around the rules, with what a careless rewriting would lose.
fn line() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "# comment, with [brackets] and \"quotes\"",
        "",
        "   ",
        "\t# indented",
        "[log]  # logs",
        "'quoted key'  =  'value'   # trailing",
        "number = 1_000",
        "text = \"\"\"\nseveral\n  lines\"\"\"",
        "list = [1,2 , 3,]",
        "date = 2026-12-31 18:00:00Z",
    ])
}

/// A list of rules in one style or another.
fn rules(key: &'static str) -> impl Strategy<Value = String> {
    let item = proptest::sample::select(vec![
        "'http'",
        "\"https\"",
        "{ allow = 'dns', from = 'office' }",
        "{allow=['ntp','mdns'],note='a, b # c'}",
    ]);
    (proptest::collection::vec(item, 0..5), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        move |(items, lines, trailing, comments)| {
            let (open, separator, close) = if lines { ("[\n  ", ",\n  ", "\n]") } else { ("[", ", ", "]") };
            let separator = if lines && comments { ", # why, [x]\n  " } else { separator };
            let comma = if trailing && !items.is_empty() { "," } else { "" };
            format!("{key} = {open}{}{comma}{close}", items.join(separator))
        },
    )
}

/// A list in a text, by the name of its group, and how its section is written.
#[derive(Clone, Copy, Debug)]
enum Style {
    /// `[firewall]` or `[group.a]`.
    Header,
    /// `group.a = { ... }` on one line.
    Inline,
    /// `group.a.x = ...` lines.
    Dotted,
    /// A block for each rule.
    Blocks,
}

/// A section with rules or without, and some text of its own.
fn section(path: &'static str) -> impl Strategy<Value = String> {
    let style = proptest::sample::select(vec![Style::Header, Style::Inline, Style::Dotted, Style::Blocks]);
    let own = if path == "firewall" { "confirm = '60s'" } else { "description = 'x # y' # z" };
    (style, proptest::option::of(rules("inbound"))).prop_map(move |(style, rules)| match (style, rules) {
        (Style::Header, rules) => format!("[{path}] # head\n{own}\n{} # end\n", rules.unwrap_or_default()),
        (Style::Inline, Some(rules)) if !rules.contains('\n') => format!("{path} = {{ {rules} }} # end\n"),
        (Style::Inline, _) => format!("{path} = {{}} # end\n"),
        (Style::Dotted, rules) => {
            let rules = rules.map(|rules| format!("{path}.{rules} # end\n")).unwrap_or_default();
            format!("{path}.{own}\n{rules}")
        }
        (Style::Blocks, _) => format!(
            "[[{path}.inbound]] # one\nallow = 'http'\n\n  # two\n[[{path}.inbound]]\nallow = 'dns'\n"
        ),
    })
}

/// A text with both lists, and which of them is meant.
fn two_lists() -> impl Strategy<Value = (String, bool)> {
    let other = proptest::sample::select(vec!["", "# between\n", "\n\n"]);
    (section("firewall"), other, section("group.a"), any::<bool>(), any::<bool>()).prop_map(
        |(firewall, other, group, group_first, windows)| {
            // What has no header stands before what has one.
            let headless = |text: &str| !text.starts_with('[');
            let group_first = headless(&group) && (!headless(&firewall) || group_first);
            let (one, two) = if group_first { (&group, &firewall) } else { (&firewall, &group) };
            let text = format!("{one}{other}{two}{other}[log] # logs\naccess = 'off'\n");
            (if windows { text.replace('\n', "\r\n") } else { text }, group_first)
        },
    )
}

/// The lists of rules, and everything else.
fn parsed(text: &str) -> (toml::Value, [Vec<toml::Value>; 2]) {
    let mut root: toml::Value = toml::from_str(text).unwrap();
    let take = |section: Option<&mut toml::Value>| {
        let inbound = section.and_then(|section| section.as_table_mut()?.remove("inbound"));
        inbound.and_then(|list| list.as_array().cloned()).unwrap_or_default()
    };
    let firewall = take(root.get_mut("firewall"));
    let group = take(root.get_mut("group").and_then(|groups| groups.get_mut("a")));
    (root, [firewall, group])
}

/// How many bytes at both ends two texts share, neither counted twice.
fn shared(before: &str, after: &str) -> usize {
    let start = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let end = before.bytes().rev().zip(after.bytes().rev()).take_while(|(a, b)| a == b).count();
    (start + end).min(before.len()).min(after.len())
}

fn text() -> impl Strategy<Value = String> {
    let lines = || proptest::collection::vec(line(), 0..5);
    (lines(), proptest::option::of(rules("inbound")), lines(), any::<bool>()).prop_map(
        |(before, rules, after, windows)| {
            // Every line has its own table, so that no key is there twice.
            let tables = |lines: Vec<&str>, name: &str| {
                let numbered = lines.iter().enumerate();
                numbered
                    .map(|(at, line)| format!("[{name}{at}]\n{}\n", line.replace("[log]", "[log.x]")))
                    .collect::<String>()
            };
            let unique =
                tables(before, "before").replacen("[log.x]", "[log.a]", 1).replace("[log.x]", "# [log.x]");
            let rules = rules
                .map(|rules| format!("[firewall]\nconfirm = '60s'\n{rules} # end\n"))
                .unwrap_or_default();
            let after =
                tables(after, "after").replacen("[log.x]", "[log.b]", 1).replace("[log.x]", "# [log.x]");
            let text = format!("{unique}{rules}{after}");
            if windows { text.replace('\n', "\r\n") } else { text }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn other_lines_stay_as_they_are(text in text()) {
        let changed = add_rule(&text, List::Firewall, &allow("ssh")).unwrap();
        let rest = &mut changed.split_inclusive('\n').peekable();
        for line in text.split_inclusive('\n').filter(|line| !is_of_rules(line)) {
            prop_assert!(rest.any(|other| other == line), "{line:?} is lost in\n{changed}");
        }
    }

    #[test]
    fn what_is_added_can_be_taken_back(text in text()) {
        let changed = add_rule(&text, List::Firewall, &allow("ssh")).unwrap();
        let (back, removed) = remove_rule(&changed, List::Firewall, &ssh()).unwrap();
        prop_assert_eq!(removed.written, "\"ssh\"");
        for line in text.split_inclusive('\n').filter(|line| !is_of_rules(line)) {
            prop_assert!(back.contains(line), "{line:?} is lost in\n{back}");
        }
        let before = if text.contains("inbound = ") { bare(&text) } else { bare(&text) + "[firewall]inbound=[]" };
        prop_assert_eq!(bare(&back), before);
    }

    #[test]
    fn exactly_one_rule_of_one_list_is_more_or_less((text, _) in two_lists(), of_group in any::<bool>()) {
        let list = if of_group { List::Group("a") } else { List::Firewall };
        let changed = add_rule(&text, list, &allow("ssh")).unwrap();
        let ((rest, before), (other_rest, after)) = (parsed(&text), parsed(&changed));
        prop_assert_eq!(&rest, &other_rest);
        for (index, (before, after)) in before.iter().zip(&after).enumerate() {
            let more = usize::from((index == 1) == of_group);
            prop_assert_eq!(&after[..before.len()], &before[..], "{}", changed);
            prop_assert_eq!(after.len(), before.len() + more, "{}", changed);
        }
        // One place of the text grows: at most one line, of a list, is written anew.
        let widest = text.lines().map(str::len).max().unwrap_or_default();
        prop_assert!(shared(&text, &changed) + widest >= text.len(), "{}\n{}", text, changed);
        prop_assert_eq!(shared(&bare(&text), &bare(&changed)), bare(&text).len(), "{}\n{}", text, changed);
        let (back, _) = remove_rule(&changed, list, &ssh()).unwrap();
        prop_assert_eq!(parsed(&back), (rest, before));
        let comments = |text: &str| text.matches('#').count();
        prop_assert_eq!(comments(&back), comments(&text));
    }

    #[test]
    fn no_text_panics(text in "(\\[firewall\\]|\\[group\\.a\\]|\\[\\[firewall\\.inbound\\]\\]|inbound|allow|=|\\[|\\]|\\{|\\}|'|,|\n|#| |é){0,20}") {
        let _ = add_rule(&text, List::Firewall, &allow("ssh"));
        let _ = remove_rule(&text, List::Firewall, &ssh());
        let _ = add_rule(&text, List::Group("a"), &allow("ssh"));
        let _ = remove_rule(&text, List::Group("a"), &ssh());
    }
}

/// A text without what may change around rules.
fn bare(text: &str) -> String {
    text.replace([' ', '\t', ',', '\r', '\n'], "")
}

/// `ssh` from anywhere.
fn ssh() -> Rule {
    rule("[firewall]\ninbound = ['ssh']\n")
}

/// Lines of the list of rules, which may get a comma or another form.
fn is_of_rules(line: &str) -> bool {
    line.contains("inbound = ")
        || line.starts_with("  ") && !line.trim().is_empty() && !line.contains("lines")
}
