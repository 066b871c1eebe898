//! A list in which everything stands once: what is written again is warned of and left out.

use super::super::Lowering;
use crate::problem::Problem;
use crate::source::Location;
use std::collections::HashMap;
use std::hash::Hash;

/// Values in the order of the file, each once.
pub(super) struct Distinct<T> {
    list: Vec<T>,
    first: HashMap<T, Location>,
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    pub(super) fn new() -> Self {
        Self { list: Vec::new(), first: HashMap::new() }
    }

    /// Adds a value that is written as `what`; false where it is there already.
    pub(super) fn add(&mut self, value: T, what: &str, at: Location, lowering: &mut Lowering<'_>) -> bool {
        if let Some(first) = self.first.get(&value) {
            lowering.report(
                Problem::warning(at, format!("`{what}` is in the list twice"))
                    .label("again here")
                    .related(*first, "first here"),
            );
            return false;
        }
        self.first.insert(value.clone(), at);
        self.list.push(value);
        true
    }

    pub(super) fn into_list(self) -> Vec<T> {
        self.list
    }
}
