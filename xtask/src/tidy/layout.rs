//! Rules about files: each says its job in its first line, none is long, none has a name that means nothing.

use super::Finding;
use crate::workspace::Source;

/// Lines that no file of Rust may exceed.
const MOST: usize = 800;
/// Lines from which a file is mentioned.
const LONG: usize = 500;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let first = source.text.lines().next().unwrap_or_default();
    if !first.starts_with("//!") {
        findings.push(Finding::new(&source.path, 1, "the first line does not say the file's job with `//!`"));
    }
    let lines = source.text.lines().count();
    if lines > MOST {
        findings.push(Finding::new(&source.path, 0, format!("{lines} lines, at most {MOST}")));
    }
    let parts = source.path.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.into_iter().find(|part| EMPTY_NAMES.contains(part)) {
        findings.push(Finding::new(&source.path, 0, format!("`{name}` names no idea")));
    }
    findings
}

/// Files that are long without breaking the rule.
pub(super) fn long(sources: &[Source]) -> Vec<String> {
    let length = |source: &Source| source.text.lines().count();
    let long = sources.iter().filter(|one| one.is_rust() && (LONG + 1..=MOST).contains(&length(one)));
    long.map(|one| format!("{}: {} lines", one.path, length(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn a_file_says_its_job_first() {
        assert_eq!(count("a/b.rs", "//! Job.\n"), 0);
        assert_eq!(count("a/b.rs", "\n//! Job.\n"), 1);
    }

    #[test]
    fn eight_hundred_lines_pass_and_one_more_does_not() {
        assert_eq!(count("a/b.rs", &"//!\n".repeat(800)), 0);
        assert_eq!(count("a/b.rs", &"//!\n".repeat(801)), 1);
    }

    #[test]
    fn a_name_that_says_nothing_is_refused_as_file_and_as_folder() {
        assert_eq!(count("a/util.rs", "//!\n"), 1);
        assert_eq!(count("a/common/mod.rs", "//!\n"), 1);
        assert_eq!(count("a/utility.rs", "//!\n"), 0);
    }
}
