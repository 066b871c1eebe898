//! What the doctor finds, for people and programs.

use crate::terminal::{ERROR, HINT, WARNING};
use anstyle::Style;
use model::printable;
use serde::Serialize;
use std::fmt::Write;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Worth knowing; nothing has to be done.
    Note,
    /// Something will not work, or not be enforced.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) state: State,
    /// What it is about, in a word.
    pub(super) part: &'static str,
    /// What was found.
    pub(super) found: String,
    /// What to do, where there is something to do.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn good(part: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Good, part, found: found.into(), remedy: None }
    }

    pub(super) fn note(part: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(part, found) }
    }

    pub(super) fn problem(part: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Problem, remedy: Some(remedy.into()), ..Self::good(part, found) }
    }

    pub(super) fn with(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// One line for each, the remedy below it; how many problems there are at the end.
pub(super) fn render(findings: &[Finding]) -> String {
    const GOOD: Style = Style::new();
    let width = findings.iter().map(|finding| finding.part.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (word, style) = match finding.state {
            State::Good => ("ok", GOOD),
            State::Note => ("note", WARNING),
            State::Problem => ("problem", ERROR),
        };
        let found = printable::one_line(&finding.found);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{style}{word:<7}{style:#}  {:<width$}  {found}", finding.part);
        if let Some(remedy) = finding.remedy.as_deref().map(printable::one_line) {
            let _ = writeln!(text, "{:<9}{:<width$}  {HINT}do{HINT:#}: {remedy}", "", "");
        }
    }
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    let _ = match problems {
        0 => writeln!(text, "\nthis machine is fit"),
        1 => writeln!(text, "\n1 problem"),
        count => writeln!(text, "\n{count} problems"),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_aligned_with_their_remedies_below() {
        let findings = [
            Finding::good("rights", "runs as root"),
            Finding::note("kernel", "landlock is missing\u{1b}[2J"),
            Finding::problem("descriptors", "at most 1024", "LimitNOFILE=1048576 in the unit"),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&render(&findings)).to_string());
    }
}
