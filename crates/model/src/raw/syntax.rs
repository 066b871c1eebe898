//! What the TOML parser found wrong, said in the words of this file, with the classic slips named.

use super::recover::{MOST, SyntaxError};
use super::tree::{Entry, Value};
use crate::problem::Problem;
use crate::source::{Location, Source};
use std::ops::Range;

/// Quotes that a word processor makes.
const TYPOGRAPHIC: [char; 7] = ['“', '”', '„', '‟', '‘', '’', '‚'];

/// How far a tree can be believed.
pub(super) struct Verdict {
    /// Whether the tree has all that the text says.
    pub(super) complete: bool,
    /// The tables with a syntax error, about which nothing else is said.
    doubtful: Vec<Range<usize>>,
}

impl Verdict {
    /// Whether a place is neither in a table with a syntax error nor around one.
    pub(super) fn believes(&self, at: Location) -> bool {
        self.complete || self.doubtful.iter().all(|table| at.end < table.start || table.end <= at.start)
    }
}

/// Reports syntax errors, one a line.
pub(super) fn report(
    source: &Source,
    tree: &[Entry],
    mut errors: Vec<SyntaxError>,
    problems: &mut Vec<Problem>,
) -> Verdict {
    let believed = |error: &SyntaxError| is_kept(&error.message) && is_harmless(error.at, source, tree);
    let complete = errors.iter().all(believed);
    errors.sort_by_key(|SyntaxError { at, message }| {
        (line_of(source, *at), is_kept(message), rank(message), at.start)
    });
    errors.dedup_by_key(|error| line_of(source, error.at));
    let first = problems.len();
    problems.extend(errors.iter().map(|error| problem(error.at, &error.message, source, tree)));
    if let Some(last) = problems.get_mut(first..).and_then(<[_]>::last_mut).filter(|_| !complete) {
        last.notes.push("what the files mean together is checked once their syntax is right".to_owned());
    }
    let everything = 0..source.text.len() + 1;
    let doubtful = if errors.len() >= MOST {
        vec![everything]
    } else {
        errors.iter().map(|error| table_of(error.at, source)).collect()
    };
    Verdict { complete, doubtful }
}

/// Whether an error is one of its line alone, so that the lines after it mean what they say.
pub(super) fn is_of_one_line(error: &SyntaxError, source: &Source) -> bool {
    let of_one_line = error.message.starts_with("invalid") || error.message.starts_with("key with no value");
    of_one_line || slip(error.at, source).is_some()
}

/// From the header before a place to the next one.
fn table_of(at: Location, source: &Source) -> Range<usize> {
    let (start, _) = line(at, source);
    let is_header = |text: &str| text.trim_start_matches([' ', '\t']).starts_with('[');
    let mut first = start;
    while first > 0 && !is_header(&source.text[first..]) {
        first = source.text[..first - 1].rfind('\n').map_or(0, |newline| newline + 1);
    }
    let mut breaks = source.text[start..].match_indices('\n').map(|(newline, _)| start + newline + 1);
    let next = breaks.find(|line| is_header(&source.text[*line..]));
    first..next.unwrap_or(source.text.len() + 1)
}

fn line_of(source: &Source, at: Location) -> usize {
    source.position(at.start).0
}

/// Whether the parser could keep the value.
pub(super) fn is_kept(message: &str) -> bool {
    let kept = ["duplicate key", "string values must be quoted", "cannot extend value"];
    kept.iter().any(|start| message.starts_with(start))
}

/// Whether what was kept can be believed: not where one form of a site took the place of the other, and not where
/// quotes of the wrong kind are a part of the text.
fn is_harmless(at: Location, source: &Source, tree: &[Entry]) -> bool {
    !is_site(at, tree) && !line(at, source).1.contains(TYPOGRAPHIC)
}

/// Whether a place is the name of a site.
fn is_site(at: Location, tree: &[Entry]) -> bool {
    let site = tree.iter().find(|entry| entry.key == "site");
    match site.map(|site| &site.node.value) {
        Some(Value::Table(sites)) => sites.iter().any(|entry| entry.key_at == at),
        _ => false,
    }
}

/// What says most about a line comes first.
fn rank(message: &str) -> u8 {
    if message.starts_with("invalid") || message.starts_with("unclosed") { 0 } else { 1 }
}

/// The line of a place, and where it starts.
fn line(at: Location, source: &Source) -> (usize, &str) {
    let start = source.text[..at.start].rfind('\n').map_or(0, |newline| newline + 1);
    (start, source.text[start..].lines().next().unwrap_or(""))
}

fn problem(at: Location, message: &str, source: &Source, tree: &[Entry]) -> Problem {
    if message.starts_with("duplicate key") || message.starts_with("cannot extend value") {
        return duplicate(at, source, tree);
    }
    slip(at, source).unwrap_or_else(|| plain(at, message, source))
}

/// A key or table that is written twice.
fn duplicate(at: Location, source: &Source, tree: &[Entry]) -> Problem {
    let written = source.slice(at.range());
    let key = written.trim_matches(['"', '\'']);
    let mut problem = Problem::error(at, format!("`{key}` is written twice")).label("again here");
    let first = first_of(written, at, source);
    if let Some(first) = first {
        problem = problem.related(first, "first here");
    }
    let site = is_site(at, tree) || first.is_some_and(|first| is_site(first, tree));
    if !site {
        return problem;
    }
    problem.hint(
        "a site is written once, in the short form \"name\" = \"target\" or in the long form [site.\"name\"], \
         where the target becomes `service = \"target\"`",
    )
}

/// The last place before a key where the same text is a key, too.
fn first_of(written: &str, at: Location, source: &Source) -> Option<Location> {
    let before = source.slice(0..at.start);
    let is_key = |start: usize| {
        let left = before[..start].trim_end_matches([' ', '\t']);
        let right = source.text[start + written.len()..].trim_start_matches([' ', '\t']);
        (left.is_empty() || left.ends_with(['\n', '[', '.', '{', ','])) && right.starts_with(['=', ']', '.'])
    };
    let found = before.rmatch_indices(written).map(|(start, _)| start).find(|start| is_key(*start))?;
    (!written.is_empty()).then_some(Location { start: found, end: found + written.len(), ..at })
}

/// Slips that people make who come from other formats.
fn slip(at: Location, source: &Source) -> Option<Problem> {
    let (start, line) = line(at, source);
    let place = |from: usize, to: usize| Location { start: start + from, end: start + to, ..at };
    if let Some((found, quote)) = line.char_indices().find(|(_, c)| TYPOGRAPHIC.contains(c)) {
        return Some(
            Problem::error(place(found, found + quote.len_utf8()), "typographic quotes do not make a string")
                .label(format!("this is `{quote}`"))
                .hint("write the plain quote `\"`, as on the keyboard"),
        );
    }
    if let Some(colon) = colon_after_key(line) {
        return Some(
            Problem::error(place(colon, colon + 1), "`:` stands where `=` belongs")
                .label("write `=`")
                .hint("in TOML a key and its value are joined by `=`"),
        );
    }
    let (from, to) = unquoted_name(line)?;
    let name = line[from..to].replace('"', "");
    Some(
        Problem::error(place(from, to), format!("the name `{name}` is not in quotes"))
            .label("only letters, digits, `-` and `_` may stand without quotes")
            .hint(format!("quote it: \"{name}\"")),
    )
}

/// The colon of `key: value`, where no `=` is in between.
fn colon_after_key(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    let key = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].find(quote)? + 2,
        _ => rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')))?,
    };
    let after = rest[key..].trim_start();
    let colon = rest.len() - after.len();
    let value = after.strip_prefix(':')?;
    let number = value.bytes().take_while(u8::is_ascii_digit).count();
    // `localhost:8080 = …` is a name without quotes, not a colon for an equals sign.
    (key > 0 && !value[number..].trim_start().starts_with('=')).then_some(indent + colon)
}

/// A host name without quotes, as a key or as the last part of a header.
fn unquoted_name(line: &str) -> Option<(usize, usize)> {
    let header = line.trim_start().strip_prefix("[site.").map(|rest| (line.len() - rest.len(), rest));
    let (from, rest) = header.unwrap_or_else(|| {
        let rest = line.trim_start();
        (line.len() - rest.len(), rest)
    });
    let end = if header.is_some() { rest.find(']')? } else { rest.find('=')? };
    let name = rest[..end].trim_end();
    let looks_like_name =
        name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | ':' | '*' | '-' | '_' | '/'));
    let needs_quotes = name.contains([':', '*', '/']) || !name.is_ascii();
    (looks_like_name && needs_quotes).then_some((from, from + name.len()))
}

fn plain(at: Location, message: &str, source: &Source) -> Problem {
    let written = source.slice(at.range());
    if message.starts_with("string values must be quoted") {
        let problem =
            Problem::error(at, format!("`{written}` is not in quotes")).label("a string needs quotes");
        return match written.to_lowercase().as_str() {
            "true" | "yes" => problem.hint("a boolean is `true` or `false`; did you mean true?"),
            "false" | "no" => problem.hint("a boolean is `true` or `false`; did you mean false?"),
            _ => problem.hint(format!("write \"{written}\"")),
        };
    }
    let kind = message.split(',').next().and_then(|first| first.strip_prefix("invalid "));
    if kind.is_some_and(|kind| ["float", "integer", "boolean", "date-time"].contains(&kind)) {
        return not_a_value(at, source);
    }
    let (title, label) = message.split_once(", ").unwrap_or((message, ""));
    Problem::error(at, title.to_owned()).label(label.to_owned())
}

/// A word or address without quotes that begins like a number or a boolean.
fn not_a_value(at: Location, source: &Source) -> Problem {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | '=' | '#' | '"');
    let before = source.text[..at.start].char_indices().rev().find(|(_, c)| ends(*c));
    let start = before.map_or(0, |(found, c)| found + c.len_utf8());
    let end = source.text[at.start..].find(ends).map_or(source.text.len(), |found| at.start + found);
    let written = source.slice(start..end);
    let problem = Problem::error(Location { start, end, ..at }, format!("`{written}` is not a value"));
    match written.to_lowercase().as_str() {
        boolean @ ("true" | "false") => {
            problem.label("booleans are in small letters").hint(format!("write {boolean}"))
        }
        _ => problem.label("a string needs quotes").hint(format!("write \"{written}\"")),
    }
}
