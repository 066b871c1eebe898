//! Problems as text in the style of rustc, and as JSON.

use super::{Problem, Problems, Severity};
use crate::printable::{lines, one_line};
use crate::source::{Location, Origin, Source, SourceId};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

/// More problems than this are counted, not shown: whoever has so many repairs the first ones first.
const SHOWN: usize = 50;

/// A line longer than this is not shown around a caret, only named.
const LONGEST_LINE: usize = 4096;

impl Problems {
    /// All problems for people, with a summary at the end; `colour` adds escape sequences of a terminal.
    /// Empty where there is nothing to say.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        if self.is_empty() {
            return String::new();
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for problem in self.iter().take(SHOWN) {
            text.push_str(&renderer.render(&[self.group(problem)]));
            text.push_str("\n\n");
        }
        let hidden = self.list.len().saturating_sub(SHOWN);
        if hidden > 0 {
            text.push_str(&format!("... and {hidden} more\n\n"));
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(lines(&problem.title)));
        for (id, places) in places_by_source(problem) {
            if let Some(source) = self.sources.get(id) {
                group = group.element(snippet(source, &places));
            }
        }
        group = group.elements(problem.notes.iter().map(|note| Level::NOTE.message(lines(note))));
        group.elements(problem.hints.iter().map(|hint| Level::HELP.message(lines(hint))))
    }

    /// All problems for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let problems: Vec<Value> = self.iter().map(|problem| self.problem_to_json(problem)).collect();
        json!({ "errors": self.errors(), "warnings": self.warnings(), "problems": problems })
    }

    fn problem_to_json(&self, problem: &Problem) -> Value {
        let related = problem
            .related
            .iter()
            .map(|(at, label)| json!({ "place": self.place_to_json(*at), "label": label }));
        json!({
            "severity": match problem.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "title": problem.title,
            "label": problem.label,
            "place": problem.at.map(|at| self.place_to_json(at)),
            "related": related.collect::<Vec<_>>(),
            "notes": problem.notes,
            "hints": problem.hints,
        })
    }

    fn place_to_json(&self, at: Location) -> Value {
        let Some(source) = self.sources.get(at.source) else { return Value::Null };
        let point = |byte| {
            let (line, column) = source.position(byte);
            json!({ "line": line, "column": column, "byte": byte })
        };
        json!({ "file": source.name(), "start": point(at.start), "end": point(at.end) })
    }
}

/// A place, its label, and whether it is the problem's own.
type Marked<'a> = (Location, &'a str, AnnotationKind);

/// The places of a problem by text, its own first.
fn places_by_source(problem: &Problem) -> Vec<(SourceId, Vec<Marked<'_>>)> {
    let mut groups: Vec<(SourceId, Vec<Marked<'_>>)> = Vec::new();
    let own = problem.at.iter().map(|at| (*at, problem.label.as_str(), AnnotationKind::Primary));
    let related = problem.related.iter().map(|(at, label)| (*at, label.as_str(), AnnotationKind::Context));
    for place in own.chain(related) {
        match groups.iter_mut().find(|(id, _)| *id == place.0.source) {
            Some((_, places)) => places.push(place),
            None => groups.push((place.0.source, vec![place])),
        }
    }
    groups
}

fn snippet<'a>(source: &'a Source, places: &[Marked<'a>]) -> Snippet<'a, Annotation<'a>> {
    let start = places.iter().map(|(at, ..)| at.start).min().unwrap_or(0);
    let end = places.iter().map(|(at, ..)| first_line_end(source, *at)).max().unwrap_or(0);
    let window = source.clamp(start..end);
    let from = source.text[..window.start].rfind('\n').map_or(0, |newline| newline + 1);
    let to = source.text[window.end..].find('\n').map_or(source.text.len(), |newline| window.end + newline);
    let text = &source.text[from..to];
    let long = text.lines().any(|line| line.len() > LONGEST_LINE);
    let shown = if long { String::new() } else { in_place(text) };
    let snippet = Snippet::source(shown).path(one_line(&source.name())).line_start(source.position(from).0);
    let snippet = snippet.line_numbering(matches!(source.origin, Origin::File(_)));
    snippet.annotations(places.iter().map(|(at, label, kind)| {
        let range = source.clamp(at.start..first_line_end(source, *at));
        let range = if long { 0..0 } else { range.start - from..range.end - from };
        let label = (!label.is_empty()).then(|| one_line(label));
        kind.span(range).label(label)
    }))
}

/// The text with harmless characters of the same length in the place of those that a terminal obeys, so that carets
/// stand where they should. Those of ASCII are left to the renderer.
fn in_place(text: &str) -> String {
    let harmless = |character: char| match character.len_utf8() {
        1 => character,
        _ if lines(character.encode_utf8(&mut [0; 4])).starts_with(character) => character,
        2 => '·',
        _ => '\u{fffd}',
    };
    text.chars().map(harmless).collect()
}

/// Where a place ends, or where its first line does: a caret under a whole table helps nobody.
fn first_line_end(source: &Source, at: Location) -> usize {
    let text = source.slice(at.range());
    match text.find('\n') {
        Some(0) | None => at.end,
        Some(newline) => source.clamp(at.range()).start + newline,
    }
}

#[cfg(test)]
mod tests {
    use crate::problem::{Problem, Problems};
    use crate::source::Location;
    use crate::source::{Origin, Source, Sources};

    #[test]
    fn nothing_of_a_file_speaks_to_the_terminal() {
        const EVIL: &str = "a\u{1b}[2Jb\u{9b}2J\u{7f}c\u{202e}d";
        let mut sources = Sources::default();
        let source = sources.add(Source::new(Origin::File(EVIL.into()), format!("{EVIL} = 1\n")));
        let at = Location { source, start: 0, end: 1 };
        let problem = Problem::error(at, EVIL).label(EVIL).hint(EVIL).note(EVIL).related(at, EVIL);
        let text = Problems::new(vec![problem], sources).render(false);
        let speaks =
            |character: &char| crate::printable::lines(&character.to_string()) != character.to_string();
        assert_eq!(
            text.chars().filter(speaks).collect::<String>().escape_default().to_string(),
            "",
            "{text}"
        );
    }
}
