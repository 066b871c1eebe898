//! Canonical paths, by tables of cases and by properties.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read fails the test")]

mod cases;
mod properties;

use cases::{lines, text};
use model::path::{canonicalize, decode_segments, skip_segments, split_target};

#[test]
fn accepted_paths_have_one_canonical_form() {
    let mut out = Vec::new();
    for (line, fields) in lines(include_str!("accepted.txt")) {
        let (raw, expected) = (&fields[0], if fields[1] == b"=" { &fields[0] } else { &fields[1] });
        let facts = canonicalize(raw, &mut out).unwrap_or_else(|error| panic!("line {line}: {error}"));
        assert_eq!(text(&out), text(expected), "line {line}");
        assert_eq!(facts.encoded_slash, fields.get(2).is_some(), "line {line}");
    }
}

#[test]
fn refused_paths_name_the_rule() {
    for (line, fields) in lines(include_str!("refused.txt")) {
        let error = canonicalize(&fields[0], &mut Vec::new()).expect_err(&format!("line {line}"));
        assert_eq!(error.rule(), text(&fields[1]), "line {line}: {}", text(&fields[0]));
    }
}

#[test]
fn targets_are_split_at_the_first_question_mark() {
    for (line, fields) in lines(include_str!("targets.txt")) {
        match (split_target(&fields[0]), &fields[1..]) {
            (Ok(target), [path, query]) => {
                assert_eq!(text(target.path), text(path), "line {line}");
                assert_eq!(text(target.query.unwrap_or(b"none")), text(query), "line {line}");
            }
            (Err(error), [rule]) => assert_eq!(error.rule(), text(rule), "line {line}"),
            (result, _) => panic!("line {line}: {result:?}"),
        }
    }
}

#[test]
fn segments_are_file_names_or_refused() {
    for (line, fields) in lines(include_str!("segments.txt")) {
        let names: Vec<Vec<u8>> = decode_segments(&fields[0])
            .map(|name| {
                name.map_or_else(|error| format!("!{error:?}").into_bytes(), |name| name.into_owned())
            })
            .collect();
        assert_eq!(names, fields[1..], "line {line}");
    }
}

#[test]
fn skipping_counts_segments_and_not_bytes() {
    let cases: [(&str, usize, &str); 9] = [
        ("/api/x", 0, "/api/x"),
        ("/api/x", 1, "/x"),
        ("/api;v=1/x", 1, "/x"),
        ("/api/", 1, "/"),
        ("/api", 1, ""),
        ("/api", 5, ""),
        ("/a/b/c/", 2, "/c/"),
        ("/", 0, "/"),
        ("/a%2Fb/c", 1, "/c"),
    ];
    for (path, count, rest) in cases {
        assert_eq!(text(skip_segments(path.as_bytes(), count)), rest, "{path} without {count}");
    }
}
