//! A configuration of which only some sections are read, so that what is wrong in the others changes nothing.

use crate::source::Surroundings;
use std::cell::{Ref, RefCell};
use std::io;
use std::path::{Path, PathBuf};

/// Files with nothing in them but some sections and what stands before the first one, line for line.
pub(crate) struct Narrowed<'a> {
    surroundings: &'a dyn Surroundings,
    sections: &'static [&'static str],
    texts: RefCell<Vec<String>>,
}

impl<'a> Narrowed<'a> {
    pub(crate) fn new(surroundings: &'a dyn Surroundings, sections: &'static [&'static str]) -> Self {
        Self { surroundings, sections, texts: RefCell::default() }
    }

    /// The whole texts of what was read.
    pub(crate) fn texts(&self) -> Ref<'_, Vec<String>> {
        self.texts.borrow()
    }

    fn narrow(&self, text: &str) -> String {
        let mut is_kept = true;
        let lines = text.split_inclusive('\n').map(|line| {
            if let Some(header) = line.trim_start().strip_prefix('[') {
                let name = header.split(']').next().unwrap_or_default();
                is_kept = self.sections.contains(&name.trim_matches([' ', '\t', '"', '\'']));
            }
            if is_kept { line } else { "\n" }
        });
        lines.collect()
    }
}

impl Surroundings for Narrowed<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = self.surroundings.read(path)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let narrowed = self.narrow(&text);
        self.texts.borrow_mut().push(text);
        Ok(narrowed.into_bytes())
    }

    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>> {
        self.surroundings.glob(pattern)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.surroundings.variable(name)
    }
}
