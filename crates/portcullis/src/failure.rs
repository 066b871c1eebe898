//! How a command ends: the exit codes, and the failure that a person reads. Reasons are lower case without full stop.

use std::error::Error;
use std::process::ExitCode;

/// The exit codes, which are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The answer is no, or the file has problems.
    No = 1,
    /// The command line is wrong; clap uses the same number.
    Usage = 2,
    /// The machine refused: rights, a port in use, a file that cannot be read.
    Refused = 3,
    /// A bug of ours (`EX_SOFTWARE` of sysexits.h).
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What went wrong.
    pub(crate) reason: String,
    /// What the person can do next.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The answer is no.
    pub(crate) fn no(reason: impl Into<String>) -> Self {
        Self { exit: Exit::No, reason: reason.into(), hint: None }
    }

    /// The command line is wrong.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, reason: reason.into(), hint: None }
    }

    /// The machine refused.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, reason: reason.into(), hint: None }
    }

    /// The same failure with advice.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An error and the reasons behind it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
