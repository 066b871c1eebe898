//! Parsing on past syntax errors: lines that are wrong in themselves are blanked and the rest is parsed again, since
//! the parser gives up on what follows some errors. Places stay what they were.

use super::syntax::{is_kept, is_of_one_line};
use super::tree::{self, Entry};
use crate::source::{Location, Source, SourceId};
use toml::de::{DeTable, Error};

/// The most times that a text is parsed.
const PASSES: usize = 16;

/// With more errors than this the text is something else, and no more are looked for.
pub(super) const MOST: usize = 200;

/// A syntax error.
pub(super) struct SyntaxError {
    pub(super) at: Location,
    pub(super) message: String,
}

/// The tree of a text as far as it can be had, and every syntax error that was met.
pub(super) fn parse(id: SourceId, source: &Source) -> (Vec<Entry>, Vec<SyntaxError>) {
    let mut text = source.text.clone();
    let mut known: Vec<SyntaxError> = Vec::new();
    let mut pass = 1;
    loop {
        let (table, errors) = DeTable::parse_recoverable(&text);
        let tree = tree::build(table.get_ref(), (id, 0));
        let errors = errors.iter().map(|error| located(error, id, source));
        let new: Vec<SyntaxError> = errors.filter(|error| !is_known(error, &known)).take(MOST).collect();
        let mut blank = blanked(&new, source);
        known.extend(new);
        if blank.is_empty() || pass == PASSES || known.len() >= MOST {
            return (tree, known);
        }
        pass += 1;
        blank.dedup();
        text = without(&text, &blank);
    }
}

fn located(error: &Error, id: SourceId, source: &Source) -> SyntaxError {
    let span = source.clamp(error.span().unwrap_or(0..0));
    SyntaxError {
        at: Location { source: id, start: span.start, end: span.end },
        message: error.message().to_owned(),
    }
}

fn is_known(error: &SyntaxError, known: &[SyntaxError]) -> bool {
    known.iter().any(|other| other.at == error.at && other.message == error.message)
}

/// The lines that are wrong in themselves, by number.
fn blanked(errors: &[SyntaxError], source: &Source) -> Vec<usize> {
    let wrong = errors.iter().filter(|error| !is_kept(&error.message) && is_of_one_line(error, source));
    let mut lines: Vec<usize> = wrong.map(|error| source.position(error.at.start).0).collect();
    lines.sort_unstable();
    lines
}

/// The text with spaces in place of these lines, byte for byte.
fn without(text: &str, lines: &[usize]) -> String {
    let keep_or_blank = |(index, line): (usize, &str)| {
        if lines.binary_search(&(index + 1)).is_err() {
            return line.to_owned();
        }
        line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
    };
    text.split_inclusive('\n').enumerate().map(keep_or_blank).collect()
}
