//! Whatever the text is, a change of one rule changes its own lines alone, and can be taken back.

use crate::allow;
use model::edit::{Which, add_rule, remove_rule};
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
fn rules() -> impl Strategy<Value = String> {
    let item = proptest::sample::select(vec![
        "'http'",
        "\"https\"",
        "{ allow = 'dns', from = 'office' }",
        "{allow=['ntp','mdns'],note='a, b # c'}",
    ]);
    (proptest::collection::vec(item, 0..5), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(items, lines, trailing, comments)| {
            let (open, separator, close) = if lines { ("[\n  ", ",\n  ", "\n]") } else { ("[", ", ", "]") };
            let separator = if lines && comments { ", # why, [x]\n  " } else { separator };
            let comma = if trailing && !items.is_empty() { "," } else { "" };
            format!("inbound = {open}{}{comma}{close}", items.join(separator))
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    let lines = || proptest::collection::vec(line(), 0..5);
    (lines(), proptest::option::of(rules()), lines(), any::<bool>()).prop_map(
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
        let changed = add_rule(&text, &allow("ssh")).unwrap();
        let rest = &mut changed.split_inclusive('\n').peekable();
        for line in text.split_inclusive('\n').filter(|line| !is_of_rules(line)) {
            prop_assert!(rest.any(|other| other == line), "{line:?} is lost in\n{changed}");
        }
    }

    #[test]
    fn what_is_added_can_be_taken_back(text in text()) {
        let changed = add_rule(&text, &allow("ssh")).unwrap();
        let (back, removed) = remove_rule(&changed, &Which::Allow { allow: "ssh", from: None }).unwrap();
        prop_assert_eq!(removed.written, "\"ssh\"");
        for line in text.split_inclusive('\n').filter(|line| !is_of_rules(line)) {
            prop_assert!(back.contains(line), "{line:?} is lost in\n{back}");
        }
        let bare = |text: &str| text.replace([' ', '\t', ',', '\r', '\n'], "");
        let before = if text.contains("inbound = ") { bare(&text) } else { bare(&text) + "[firewall]inbound=[]" };
        prop_assert_eq!(bare(&back), before);
    }

    #[test]
    fn no_text_panics(text in "(\\[firewall\\]|\\[\\[firewall\\.inbound\\]\\]|inbound|allow|=|\\[|\\]|\\{|\\}|'|,|\n|#| |é){0,20}") {
        let _ = add_rule(&text, &allow("ssh"));
        let _ = remove_rule(&text, &Which::Allow { allow: "ssh", from: None });
    }
}

/// Lines of the list of rules, which may get a comma or another form.
fn is_of_rules(line: &str) -> bool {
    line.contains("inbound = ")
        || line.starts_with("  ") && !line.trim().is_empty() && !line.contains("lines")
}
