//! Decisions about whole heads.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::{Judged, Verdict, decide};
use http1::{HeadLimits, Request, Response};
use model::plan::Compression;

/// The fields of one side, in the order they stand in the head.
struct Side {
    first_line: String,
    fields: Vec<(String, String)>,
}

impl Side {
    fn new(first_line: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { first_line: first_line.to_owned(), fields }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(former, _)| former != name);
        if !value.is_empty() {
            self.fields.push((name.to_owned(), value.to_owned()));
        }
    }

    fn head(&self) -> String {
        let fields: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{fields}\r\n", self.first_line)
    }
}

fn judged(compression: Compression, request: &Side, response: &Side) -> Verdict {
    let limits = HeadLimits::default();
    let (asked, answered) = (request.head(), response.head());
    let (mut parsed, mut answer) = (Request::default(), Response::default());
    parsed.parse(asked.as_bytes(), &limits).unwrap();
    answer.parse(answered.as_bytes(), asked.starts_with("HEAD"), &limits).unwrap();
    let request = Judged { message: &parsed, head: asked.as_bytes() };
    decide(compression, &request, &Judged { message: &answer, head: answered.as_bytes() })
}

fn run(case: &str) {
    let mut lines = case.lines();
    let (compression, expected) = match lines.next().unwrap().split_once(' ') {
        None => (Compression::On, case.lines().next().unwrap()),
        Some(("with-cookies", expected)) => (Compression::WithCookies, expected),
        Some(("off", expected)) => (Compression::Off, expected),
        Some(_) => panic!("{case}"),
    };
    let mut request = Side::new("GET / HTTP/1.1", &[("Host", "a"), ("Accept-Encoding", "zstd")]);
    let mut response =
        Side::new("HTTP/1.1 200 OK", &[("Content-Type", "text/html"), ("Content-Length", "256")]);
    for line in lines.skip(1) {
        let (side, line) = line.split_at(2);
        match (side, line.split_once(':')) {
            ("> ", Some((name, value))) => request.set(name, value.trim()),
            ("< ", Some((name, value))) => response.set(name, value.trim()),
            ("> ", None) => request.first_line = format!("{line} / HTTP/1.1"),
            ("< ", None) => response.first_line = format!("HTTP/1.1 {line} X"),
            _ => panic!("{case}"),
        }
    }
    let verdict = match judged(compression, &request, &response) {
        Verdict::Untouched => "untouched",
        Verdict::Varies => "varies",
        Verdict::Confirmed => "confirmed",
        Verdict::Encoded(coding) => coding.token(),
    };
    assert_eq!(verdict, expected, "{case}");
}

#[test]
fn responses_are_encoded_where_that_is_safe_and_worth_it() {
    let cases = include_str!("cases/verdicts.txt").split("\n= ").skip(1);
    assert!(cases.map(|case| run(case.trim())).count() > 30);
}
