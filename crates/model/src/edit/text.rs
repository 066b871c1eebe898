//! Rules as TOML, and insertions into a text.

use super::RuleEdit;
use std::fmt::Write;
use std::ops::Range;

/// The widest line that a list of rules may make.
pub(super) const WIDEST: usize = 100;

/// A rule as one value: a string where it has nothing but one `allow`.
pub(super) fn rule(rule: &RuleEdit) -> String {
    let keys = keys(rule);
    match (keys.as_slice(), rule.allow.as_slice()) {
        ([_], [one]) => quoted(one),
        _ => format!("{{ {} }}", keys.join(", ")),
    }
}

/// A rule as lines beneath a header.
pub(super) fn block(rule: &RuleEdit) -> String {
    keys(rule).join("\n") + "\n"
}

/// A key with a list of one rule.
pub(super) fn list(key: &str, rule: &RuleEdit) -> String {
    let rule = self::rule(rule);
    let line = format!("{key} = [{rule}]\n");
    if line.chars().count() <= WIDEST { line } else { format!("{key} = [\n  {rule},\n]\n") }
}

fn keys(rule: &RuleEdit) -> Vec<String> {
    let several = |texts: &[String]| match texts {
        [one] => quoted(one),
        several => format!("[{}]", several.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")),
    };
    let mut keys = vec![format!("allow = {}", several(&rule.allow))];
    if !rule.from.is_empty() {
        keys.push(format!("from = {}", several(&rule.from)));
    }
    let texts = [
        ("on", &rule.on),
        ("limit", &rule.limit),
        ("note", &rule.note),
        ("expires", &rule.expires),
        ("id", &rule.id),
    ];
    let written = texts.into_iter().filter_map(|(key, text)| text.as_ref().map(|text| (key, text)));
    keys.extend(written.map(|(key, text)| format!("{key} = {}", quoted(text))));
    keys
}

/// A basic string (TOML 1.0, "String") that is no environment variable either.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.replace("${", "$${").chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The text with something else in place of a range.
pub(super) fn spliced(text: &str, range: Range<usize>, with: &str) -> String {
    let with = if text.contains("\r\n") { with.replace('\n', "\r\n") } else { with.to_owned() };
    format!("{}{with}{}", &text[..range.start], &text[range.end..])
}

/// The text with lines after the line in which a byte is; `apart` leaves an empty line before them.
pub(super) fn insert_lines(text: &str, after: usize, lines: &str, apart: bool) -> String {
    let at = line_end(text, after);
    let before = match (text[..at].ends_with('\n') || at == 0, apart && at > 0) {
        (true, false) => "",
        (true, true) | (false, false) => "\n",
        (false, true) => "\n\n",
    };
    spliced(text, at..at, &format!("{before}{lines}"))
}

/// The first byte of the line of a byte.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The byte after the line of a byte, its line break included.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// A text without line breaks, for messages.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
