//! Rules of the repository that the compiler does not know. Each rule is a file; none of them changes a source.

mod arrows;
mod calls;
mod layout;
mod links;
mod manifest;
mod text;
mod unsafety;
mod unused;

use crate::{Outcome, workspace};
use std::fmt;

/// A place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// From 1; 0 where the whole file is meant.
    line: usize,
    reason: String,
}

impl Finding {
    fn new(path: &str, line: usize, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, reason: reason.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.reason),
            line => write!(f, "{}:{line}: {}", self.path, self.reason),
        }
    }
}

/// Checks every rule and prints what breaks one.
pub(crate) fn run() -> Outcome {
    let root = workspace::root();
    let sources = workspace::sources(&root)?;
    for long in layout::long(&sources) {
        println!("note: {long}");
    }
    let findings = findings(&root, &sources)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("{count} findings").into()),
    }
}

fn findings(
    root: &std::path::Path,
    sources: &[workspace::Source],
) -> Result<Vec<Finding>, Box<dyn std::error::Error>> {
    let mut findings = Vec::new();
    for source in sources {
        findings.extend(text::check(source));
        findings.extend(layout::check(source));
        findings.extend(calls::check(source));
        findings.extend(unsafety::check(source));
        findings.extend(links::check(source, root));
        if source.path == "Cargo.toml" {
            findings.extend(manifest::check(source));
        }
    }
    let members = workspace::members(root)?;
    findings.extend(arrows::check(&members));
    findings.extend(unused::check(&members, sources));
    Ok(findings)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    #[test]
    fn the_repository_is_tidy() {
        let root = crate::workspace::root();
        let sources = crate::workspace::sources(&root).unwrap();
        let findings = super::findings(&root, &sources).unwrap();
        let list = findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(findings.is_empty(), "{list}");
    }
}
