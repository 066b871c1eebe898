//! Texts and places in them: files, and the command line read as one.
//!
//! Nothing here reads a file. What lies outside of a text comes through [`Surroundings`].

use crate::plan::Place;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Something to be done, by whichever thread.
pub type Task<'a> = Box<dyn FnOnce() + Send + 'a>;

/// What lies around a configuration: files and environment variables, and who does its work.
pub trait Surroundings {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Whatever kept the file from being read; its text is shown to the user.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files that a pattern such as `/etc/portcullis/sites/*.toml` names, in any order; none is not an error.
    ///
    /// # Errors
    /// A pattern that is malformed, or a folder that cannot be read.
    fn glob(&self, pattern: &Path) -> io::Result<Vec<PathBuf>>;

    /// An environment variable, where it is set.
    fn variable(&self, name: &str) -> Option<String>;

    /// Does all of these, in any order; several at once where there is more than one core.
    fn carry_out(&self, tasks: Vec<Task<'_>>) {
        tasks.into_iter().for_each(|task| task());
    }
}

/// Surroundings without files or variables, for the command line and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Surroundings for Nothing {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn glob(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Which text a [`Location`] is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A range of bytes of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The text.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Location {
    /// The bytes as a range.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub at: Location,
}

impl<T> Located<T> {
    /// A value with its place.
    pub const fn new(value: T, at: Location) -> Self {
        Self { value, at }
    }
}

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, by the path it was opened with.
    File(PathBuf),
    /// Arguments of the command line, joined by spaces.
    CommandLine,
}

/// One text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it came from.
    pub origin: Origin,
    /// The text.
    pub text: String,
    /// The first byte of each line, once somebody asks for a line.
    lines: OnceLock<Vec<usize>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.origin, &self.text) == (&other.origin, &other.text)
    }
}

impl Eq for Source {}

impl Source {
    /// A text and where it came from.
    #[must_use]
    pub fn new(origin: Origin, text: String) -> Self {
        Self { origin, text, lines: OnceLock::new() }
    }

    /// The name for people: the path of a file, or "command line".
    #[must_use]
    pub fn name(&self) -> String {
        match &self.origin {
            Origin::File(path) => path.display().to_string(),
            Origin::CommandLine => "command line".to_owned(),
        }
    }

    /// The folder that relative paths start from; empty is the current folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match &self.origin {
            Origin::File(path) => path.parent().unwrap_or(Path::new("")),
            Origin::CommandLine => Path::new(""),
        }
    }

    /// The line and the column of a byte, both from 1; the column counts characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.floor(byte);
        let line = self.line(byte);
        let start = self.lines().get(line - 1).copied().unwrap_or(0);
        (line, self.text.get(start..byte).unwrap_or("").chars().count() + 1)
    }

    fn lines(&self) -> &[usize] {
        let starts = || self.text.match_indices('\n').map(|(at, _)| at + 1);
        self.lines.get_or_init(|| std::iter::once(0).chain(starts()).collect())
    }

    /// The line of a byte, from 1.
    fn line(&self, byte: usize) -> usize {
        self.lines().partition_point(|start| *start <= byte).max(1)
    }

    /// The text of a range, moved to the borders of characters and into the text.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> &str {
        let range = self.clamp(range);
        self.text.get(range).unwrap_or("")
    }

    /// A range that lies in the text, on borders of characters.
    #[must_use]
    pub fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let start = self.floor(range.start);
        let mut end = range.end.clamp(start, self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }

    fn floor(&self, byte: usize) -> usize {
        let mut at = byte.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// All texts of one configuration, the main file first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text.
    pub fn add(&mut self, source: Source) -> SourceId {
        self.list.push(source);
        SourceId(self.list.len() - 1)
    }

    /// A text.
    #[must_use]
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.list.get(id.0)
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every text, the main file first.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter()
    }

    /// The place of a location, as a plan keeps it.
    #[must_use]
    pub fn place(&self, at: Location) -> Place {
        match self.get(at.source) {
            Some(source) if matches!(source.origin, Origin::File(_)) => {
                let line = u32::try_from(source.line(at.start)).unwrap_or(u32::MAX);
                Place { file: source.name(), line }
            }
            _ => Place::default(),
        }
    }

    /// How many lines the second location is below the first one in their text; below zero is above.
    #[must_use]
    pub fn lines_between(&self, first: Location, second: Location) -> i32 {
        let Some(source) = self.get(first.source) else { return 0 };
        let line = |at: Location| i32::try_from(source.line(at.start)).unwrap_or(i32::MAX);
        line(second) - line(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new(Origin::CommandLine, "a\nü = 1\n".to_owned());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(5), (2, 3));
        assert_eq!(source.position(3), (2, 1), "inside of a character counts as its start");
        assert_eq!(source.position(999), (3, 1));
    }

    #[test]
    fn ranges_are_moved_into_the_text() {
        let source = Source::new(Origin::CommandLine, "aü".to_owned());
        assert_eq!(source.clamp(2..2), 1..3);
        assert_eq!(source.clamp(7..9), 3..3);
        assert_eq!(source.slice(1..2), "ü");
    }
}
