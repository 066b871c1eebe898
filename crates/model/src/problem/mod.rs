//! Problems of a configuration, as values: what is wrong, where, why, and what to do.
//!
//! Finding them is not the job here, nor is deciding which of them stops anything beyond [`Severity`].

mod render;
mod suggest;

pub use suggest::closest;

use crate::source::{Location, Sources};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan, and it is probably not what was meant.
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// Where it is; `None` where no text is at fault, such as a file that cannot be read.
    pub at: Option<Location>,
    /// What stands beside the caret.
    pub label: String,
    /// Other places that matter, each with what it says.
    pub related: Vec<(Location, String)>,
    /// Why it matters.
    pub notes: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
}

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(at: Location, title: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            title: title.into(),
            at: Some(at),
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(at: Location, title: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, title) }
    }

    /// An error without a place.
    #[must_use]
    pub fn placeless(title: impl Into<String>) -> Self {
        Self { at: None, ..Self::error(Location::default(), title) }
    }

    /// Sets what stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place.
    #[must_use]
    pub fn related(mut self, at: Location, label: impl Into<String>) -> Self {
        self.related.push((at, label.into()));
        self
    }

    /// Says why it matters.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says what to do, where there is something to say.
    #[must_use]
    pub fn hint_maybe(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

/// A text as it is quoted in a title.
pub(crate) fn shown(text: &str) -> String {
    if text.is_empty() { "an empty text".to_owned() } else { format!("`{text}`") }
}

/// Problems in the order of the files, with the texts that they point into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    sources: Sources,
}

impl Problems {
    /// Sorts problems by file and position, and drops repetitions.
    #[must_use]
    pub fn new(mut list: Vec<Problem>, sources: Sources) -> Self {
        list.sort_by_key(|problem| (problem.at, problem.severity));
        list.dedup();
        Self { list, sources }
    }

    /// Every problem, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many stop the plan.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// How many do not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.list.len() - self.errors()
    }

    /// The texts that the problems point into.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// One line such as "3 problems, 1 warning".
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |number: usize, noun: &str| match number {
            1 => format!("1 {noun}"),
            _ => format!("{number} {noun}s"),
        };
        match (self.errors(), self.warnings()) {
            (0, 0) => "no problems".to_owned(),
            (errors, 0) => count(errors, "problem"),
            (0, warnings) => count(warnings, "warning"),
            (errors, warnings) => format!("{}, {}", count(errors, "problem"), count(warnings, "warning")),
        }
    }
}
