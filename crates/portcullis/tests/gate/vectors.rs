//! Every vector of the parser's tables through the real gate: what is refused reaches no instance and ends the
//! connection, and what passes reaches the instance as a strict message.

use crate::running::{Gate, of_crate, responses};
use crate::table::{Vector, vectors};
use testkit::Recording;

impl Vector {
    fn name(&self) -> String {
        format!("{}: {}", self.place, self.written)
    }
}

/// What must never be read as a request of its own where the bytes before it are refused.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

fn refusals(folder: &str) -> Vec<Vector> {
    vectors(&of_crate(&format!("http1/tests/judgement/{folder}")))
}

/// Every status that a refusal of a head or a body has.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 405 | 413 | 414 | 417 | 431 | 505)
}

#[test]
fn what_is_refused_reaches_no_instance_and_ends_the_connection() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    let refused: Vec<_> =
        refusals("requests").into_iter().filter(|one| one.verdict.starts_with('!')).collect();
    for vector in &refused {
        let mut client = gate.raw();
        // The gate may end the connection before it has everything.
        let _ = client.try_send([vector.bytes.as_slice(), SMUGGLED.as_bytes()].concat());
        let answered: Vec<u16> = responses(&client.rest()).iter().map(|response| response.status).collect();
        assert!(matches!(answered[..], [status] if is_refusal(status)), "{}: {answered:?}", vector.name());
        assert_eq!(app.requests().len(), 0, "{}", vector.name());
    }
    assert_eq!((app.problems(), app.connections()), (Vec::new(), 0), "of {} vectors", refused.len());
}

#[test]
fn what_passes_reaches_the_instance_as_a_strict_message() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for vector in
        refusals("requests").iter().filter(|one| !one.verdict.starts_with('!') && one.verdict != "more")
    {
        let words: Vec<&str> = vector.verdict.split(' ').collect();
        let body = match words[0] {
            "none" => Vec::new(),
            "chunked" => b"3\r\nabc\r\n0\r\n\r\n".to_vec(),
            length => vec![b'b'; length.parse::<usize>().unwrap().min(1 << 10)],
        };
        let before = app.requests().len();
        let mut client = gate.raw();
        let bytes = [vector.bytes.as_slice(), &body, SMUGGLED.as_bytes()].concat();
        let _ = client.try_send(bytes);
        client.end_sending();
        let answered = client.rest();
        let seen = &app.requests()[before..];
        let most = if words[1] == "close" { 1 } else { 2 };
        assert!(seen.len() <= most, "{}: {} requests", vector.name(), seen.len());
        let asked_to_head = vector.bytes.starts_with(b"HEAD");
        assert!(asked_to_head || responses(&answered).len() <= most, "{}", vector.name());
        assert!(answered.starts_with(b"HTTP/1.1 "), "{} is answered", vector.name());
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn what_does_not_end_is_no_request() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for vector in refusals("requests").iter().filter(|one| one.verdict == "more") {
        let mut client = gate.raw();
        client.send(&vector.bytes).end_sending();
        assert_eq!(client.rest().escape_ascii().to_string(), "", "{}", vector.name());
    }
    assert_eq!((app.requests().len(), app.problems(), app.cut()), (0, Vec::new(), Vec::new()));
}

#[test]
fn chunked_bodies_arrive_as_they_were_meant_or_not_at_all() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for vector in refusals("chunks.txt") {
        let before = app.requests().len();
        let head = "POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = gate.raw();
        let _ = client.try_send([head.as_bytes(), &vector.bytes, SMUGGLED.as_bytes()].concat());
        let words: Vec<&str> = vector.verdict.split_ascii_whitespace().collect();
        if words[0] != "!" {
            client.end_sending();
        }
        let answered = responses(&client.rest());
        let seen = &app.requests()[before..];
        let posts = seen.iter().filter(|request| request.target == "/chunked").count();
        match words[0] {
            "done" => {
                let body = crate::table::unescape(words[1]);
                assert_eq!(
                    (posts, seen[0].body.escape_ascii().to_string()),
                    (1, body.escape_ascii().to_string()),
                    "{}",
                    vector.name()
                );
                assert!(seen.len() <= 2 && seen.len() <= answered.len(), "{}", vector.name());
            }
            _ if words[0] == "more" => assert_eq!(posts, 0, "{}", vector.name()),
            _ => {
                assert_eq!(seen.len(), 0, "{}", vector.name());
                assert!(
                    answered.iter().map(|response| response.status).eq([400]),
                    "{}: {:?}",
                    vector.name(),
                    answered.iter().map(|response| response.status).collect::<Vec<_>>()
                );
            }
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}
