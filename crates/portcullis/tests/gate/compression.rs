//! Responses of services that are compressed on their way: what clients see of it, and what stays as it was.

use crate::running::{Gate, request};
use std::net::SocketAddr;
use testkit::strict::{Framing, Response};
use testkit::{Answer, Raw, Recording, Scripted, Step};

/// What ends everything that a gzip encoder was made to give out (RFC 1951 section 3.2.4: a stored block of nothing).
const FLUSHED: &[u8] = b"\0\0\xff\xff";

fn before(instance: SocketAddr, compress: &str) -> Gate {
    Gate::up(&format!(
        "[site.\":{{http}}\".routes]\n\"/\" = {{ service = \"{instance}\", compress = {compress} }}\n"
    ))
}

fn page(fields: &str, length: usize) -> Answer {
    let fields = format!("Content-Type: text/html\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\n{fields}");
    Answer::raw(format!(
        "HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{}",
        "word ".repeat(length / 5)
    ))
}

/// Whether the body is a whole one of gzip, made of so many bytes (RFC 1952 section 2.3).
fn is_gzip_of(body: &[u8], length: u32) -> bool {
    body.starts_with(&[0x1f, 0x8b, 8]) && body.ends_with(&length.to_le_bytes())
}

fn ask(client: &mut Raw, method: &str, fields: &str) -> Response {
    client.send(request(method, "/", &format!("Accept-Encoding: gzip\r\n{fields}"))).response(method)
}

#[test]
fn a_page_is_compressed_and_both_connections_go_on() {
    let app = Recording::answering(|_| page("", 100_000));
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    for _ in 0..3 {
        let response = ask(&mut client, "GET", "");
        assert_eq!((response.status, response.framing), (200, Framing::Chunked));
        assert!(is_gzip_of(&response.body, 100_000));
        assert!(response.body.len() < 1000, "{}", response.body.len());
        for (name, value) in [
            ("content-encoding", Some("gzip")),
            ("vary", Some("Accept-Encoding")),
            ("etag", Some("W/\"a\"")),
            ("content-type", Some("text/html")),
            ("accept-ranges", None),
            ("content-length", None),
        ] {
            assert_eq!(response.value(name).as_deref(), value, "{name}");
        }
    }
    assert_eq!((app.requests().len(), app.connections()), (3, 1));
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn a_client_of_http_1_0_reads_to_the_end_of_the_connection() {
    let app = Recording::answering(|_| page("", 100_000));
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response("GET");
    assert_eq!(response.framing, Framing::UntilClose);
    assert!(is_gzip_of(&response.body, 100_000));
}

#[test]
fn what_is_not_compressed_stays_byte_by_byte() {
    let app = Recording::answering(|request| match request.value("x-ask").as_deref() {
        Some("cookie") => page("Set-Cookie: a=b\r\nVary: Origin\r\n", 1000),
        Some("vary") => page("Vary: Origin, accept-encoding\r\n", 1000),
        Some("short") => page("", 100),
        _ => page("", 1000),
    });
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    for (fields, length, vary) in [
        ("Cookie: a=b\r\n", 1000, vec!["Accept-Encoding"]),
        ("Authorization: Bearer a\r\n", 1000, vec!["Accept-Encoding"]),
        ("X-Ask: cookie\r\n", 1000, vec!["Origin", "Accept-Encoding"]),
        ("Accept-Encoding: gzip;q=0\r\nX-Ask: vary\r\n", 1000, vec!["Origin, accept-encoding"]),
        ("X-Ask: short\r\n", 100, vec![]),
    ] {
        let response = ask(&mut client, "GET", fields);
        assert_eq!(response.text(), "word ".repeat(length / 5), "{fields}");
        assert_eq!(response.framing, Framing::Length(length as u64), "{fields}");
        assert_eq!(response.values("vary"), vary, "{fields}");
        assert_eq!(response.value("etag").as_deref(), Some("\"a\""), "{fields}");
        assert_eq!(response.value("accept-ranges").as_deref(), Some("bytes"), "{fields}");
        assert_eq!(response.value("content-encoding"), None, "{fields}");
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn cookies_are_no_obstacle_where_the_operator_says_so() {
    let app = Recording::answering(|_| page("Set-Cookie: a=b\r\n", 1000));
    let gate = before(app.address(), "\"with-cookies\"");
    let response = ask(&mut gate.raw(), "GET", "Cookie: a=b\r\n");
    assert!(is_gzip_of(&response.body, 1000));
}

#[test]
fn nothing_is_compressed_unless_the_route_says_so() {
    let app = Recording::answering(|_| page("", 1000));
    let gate = Gate::before(app.address());
    let response = ask(&mut gate.raw(), "GET", "");
    assert_eq!((response.framing, response.value("vary")), (Framing::Length(1000), None));
}

#[test]
fn an_answer_to_head_is_that_to_get_without_its_body() {
    let app = Recording::answering(|request| match request.method.as_str() {
        "HEAD" => Answer::raw(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"a\"\r\nContent-Length: 1000\r\n\r\n",
        ),
        _ => page("", 1000),
    });
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    for method in ["HEAD", "GET", "HEAD"] {
        let response = ask(&mut client, method, "");
        assert_eq!(response.value("etag").as_deref(), Some("W/\"a\""), "{method}");
        assert_eq!(response.value("content-encoding").as_deref(), Some("gzip"), "{method}");
        assert_eq!(response.value("content-length"), None, "{method}");
    }
    assert_eq!(app.connections(), 1);
}

#[test]
fn a_304_speaks_of_what_the_client_has() {
    let app = Recording::answering(|_| {
        Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 1000\r\n\r\n")
    });
    let gate = before(app.address(), "true");
    for (had, etag, vary, length) in
        [("W/\"a\"", "W/\"a\"", Some("Accept-Encoding"), None), ("\"a\"", "\"a\"", None, Some("1000"))]
    {
        let response = ask(&mut gate.raw(), "GET", &format!("If-None-Match: {had}\r\n"));
        assert_eq!(response.value("etag").as_deref(), Some(etag));
        assert_eq!(response.value("vary").as_deref(), vary, "{had}");
        assert_eq!(response.value("content-length").as_deref(), length, "{had}");
        assert_eq!(response.value("content-encoding"), None, "{had}");
    }
}

#[test]
fn a_slow_instance_is_heard_as_it_speaks() {
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let app = Scripted::start(vec![Step::ReadHead, Step::Send(head.to_vec()), Step::Hang]);
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    client.send(request("GET", "/", "Accept-Encoding: gzip\r\n"));
    let mut seen = Vec::new();
    while !seen.ends_with(FLUSHED) {
        seen.extend(client.exactly(1));
    }
}

#[test]
fn a_body_that_breaks_off_never_looks_complete() {
    for (framing, rest) in [("Content-Length: 1000", ""), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framing}\r\n\r\n{rest}");
        let app = Scripted::answering(answer);
        let gate = before(app.address(), "true");
        let mut client = gate.raw();
        client.send(request("GET", "/", "Accept-Encoding: gzip\r\n"));
        assert!(client.try_response("GET").is_err(), "{framing}");
        assert_eq!(gate.log(1)[0]["status"], 200, "{framing}");
    }
}

#[test]
fn a_request_is_sent_on_while_its_response_is_compressed() {
    const LENGTH: usize = 4 << 20;
    let head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(head.to_vec()),
        Step::Read(LENGTH),
        Step::Send(b"5\r\nworld\r\n0\r\n\r\n".to_vec()),
    ]);
    let gate = before(app.address(), "true");
    let mut client = gate.raw();
    client.send(request("POST", "/", &format!("Accept-Encoding: gzip\r\nContent-Length: {LENGTH}\r\n")));
    client.send(vec![b'x'; LENGTH]);
    assert!(is_gzip_of(&client.response("POST").body, 10));
}
