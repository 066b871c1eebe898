//! Route patterns, precedence and the search, by tables of cases and against a reference.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read fails the test")]

#[path = "../path/cases.rs"]
mod cases;
mod reference;
mod site;
mod verdicts;

use cases::{lines, text};
use model::pattern::RoutePattern;
use model::routes::conflicts;

#[test]
fn accepted_patterns_have_one_canonical_form() {
    for (line, fields) in lines(include_str!("patterns.txt")) {
        let fields: Vec<String> = fields.iter().map(|field| text(field)).collect();
        let pattern = RoutePattern::parse(&fields[0]).unwrap_or_else(|error| panic!("line {line}: {error}"));
        let canonical = if fields[1] == "=" { &fields[0] } else { &fields[1] };
        assert_eq!(pattern.as_str(), canonical, "line {line}");
        assert_eq!(pattern.literal_prefix(), fields[2], "line {line}");
        assert_eq!(pattern.segment_count().to_string(), fields[3], "line {line}");
        assert_eq!(pattern.is_subtree(), fields[4] == "subtree", "line {line}");
        assert_eq!(pattern.parameters(), &fields[5..], "line {line}");
        assert_eq!(RoutePattern::parse(pattern.as_str()).as_ref(), Ok(&pattern), "line {line}");
    }
}

#[test]
fn refused_patterns_say_why() {
    for (line, fields) in lines(include_str!("refused_patterns.txt")) {
        let error = RoutePattern::parse(&text(&fields[0])).expect_err(&format!("line {line}"));
        assert_eq!(format!("{error:?}"), text(&fields[1]), "line {line}");
        assert!(error.to_string().starts_with("the pattern "), "line {line}: {error}");
    }
}

#[test]
fn a_pattern_of_65_segments_is_refused() {
    assert!(RoutePattern::parse(&"/a".repeat(64)).is_ok());
    assert!(RoutePattern::parse(&"/a".repeat(65)).is_err());
}

#[test]
fn two_routes_conflict_when_precedence_leaves_a_request_open() {
    for (line, fields) in lines(include_str!("conflicts.txt")) {
        let fields: Vec<String> = fields.iter().map(|field| text(field)).collect();
        let route = |at: usize| {
            let conditions = fields[at + 1..at + 3].iter().filter(|field| *field != "-");
            let headers = fields[at + 2].split(',').filter(|field| *field != "-");
            site::route(
                &fields[at],
                conditions.take(1).filter(|f| f.starts_with(char::is_uppercase)),
                headers,
            )
        };
        let expected = if fields[6] == "conflict" { vec![(0, 1)] } else { vec![] };
        assert_eq!(conflicts(&[route(0), route(3)]), expected, "line {line}");
        assert_eq!(conflicts(&[route(3), route(0)]), expected, "line {line}, the other way round");
    }
}
