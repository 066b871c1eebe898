//! Every rule of the crate by tables of vectors, each judged whole and split at every byte; and properties against
//! naive readers, httparse and hyper.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a vector that cannot be read fails the test")]

mod hyper_reads;
mod judge;
mod splits;
mod table;

use judge::Chunked;
use table::{Vector, unescape, vectors};

/// Compares verdicts and reports all that differ at once.
fn check(vectors: &[Vector], judge: impl Fn(&Vector) -> String) {
    let wrong: Vec<String> = vectors
        .iter()
        .map(|vector| (vector, judge(vector)))
        .filter(|(vector, verdict)| *verdict != vector.verdict)
        .map(|(vector, verdict)| {
            format!(
                "{}\n    {}\n    expected {}, got {verdict}",
                vector.place, vector.written, vector.verdict
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

/// A verdict that is the same whole and split at every byte, or a word that says where it is not.
fn unsplit(bytes: &[u8], judge: impl Fn(&[&[u8]]) -> String) -> String {
    let whole = judge(&[bytes]);
    // Long vectors are about bounds, and their splits take a second each.
    let places = if bytes.len() > 400 { 1..2 } else { 1..bytes.len().max(1) };
    for place in places {
        let (start, rest) = bytes.split_at(place.min(bytes.len()));
        let split = judge(&[start, rest]);
        if split != whole {
            return format!("{whole}, but split at {place}: {split}");
        }
    }
    whole
}

#[test]
fn requests_are_judged_by_the_rule_they_break() {
    check(&vectors("requests"), |vector| unsplit(&vector.bytes, judge::request));
}

#[test]
fn responses_are_judged_as_strictly() {
    check(&vectors("responses"), |vector| {
        let (method, head) = vector.bytes.split_at(vector.bytes.iter().position(|&b| b == b' ').unwrap());
        unsplit(&head[1..], |pieces| judge::response(method == b"HEAD", pieces))
    });
}

#[test]
fn chunked_bodies_are_decoded_or_refused() {
    check(&vectors("chunks.txt"), |vector| {
        let read = |pieces: &[&[u8]]| match judge::chunked(pieces) {
            Chunked::Done { data, trailers, rest } => words("done", &[data, trailers, rest]),
            Chunked::More { data } => words("more", &[data]),
            Chunked::Refused(refusal) => format!("! {}", refusal.rule()),
        };
        let found = unsplit(&vector.bytes, read);
        // The same words, however they are escaped.
        if normal(&found) == normal(&vector.verdict) { vector.verdict.clone() } else { found }
    });
}

fn words(first: &str, parts: &[Vec<u8>]) -> String {
    let escaped = parts.iter().map(|part| if part.is_empty() { "\\-".to_owned() } else { hexed(part) });
    std::iter::once(first.to_owned()).chain(escaped).collect::<Vec<_>>().join(" ")
}

fn hexed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect()
}

fn normal(verdict: &str) -> Vec<Vec<u8>> {
    verdict.split_ascii_whitespace().map(unescape).collect()
}
