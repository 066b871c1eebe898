//! Rules about lines: no trailing whitespace, no notes to do something later, a newline at the end.

use super::Finding;
use crate::workspace::Source;

/// Put together from halves, so that this file does not break its own rule.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Files that may hold any byte: input of tests is kept as it is.
fn is_data(path: &str) -> bool {
    path.contains("/cases/")
        || path.contains("/seeds/")
        || path.contains("/snapshots/")
        || path.ends_with(".snap")
        || path.ends_with("Cargo.lock")
}

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if is_data(&source.path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in source.text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(&source.path, index + 1, "trailing whitespace"));
        }
        if let Some(word) = LATER.iter().find(|word| has_word(line, word)) {
            let reason = format!("`{word}`: do it, or write an issue");
            findings.push(Finding::new(&source.path, index + 1, reason));
        }
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        findings.push(Finding::new(&source.path, 0, "the last line has no newline"));
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !inside(line[..at].chars().next_back()) && !inside(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(text: &str) -> Vec<String> {
        let source = Source { path: "a.rs".to_owned(), text: text.to_owned() };
        check(&source).into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn a_space_at_the_end_is_found() {
        assert_eq!(reasons("a \n"), ["trailing whitespace"]);
    }

    #[test]
    fn a_word_that_contains_the_mark_is_no_note() {
        assert!(reasons(&format!("a{}s\n", LATER[0])).is_empty());
        assert_eq!(reasons(&format!("// {}: x\n", LATER[0])).len(), 1);
    }
}
