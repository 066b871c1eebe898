//! Desynchronisation from the client's side: bodies of requests that we answer ourselves, methods that usually have
//! no body, expectations, and bytes behind a request to upgrade.

use crate::running::{Gate, Setup, request, responses};
use testkit::{Answer, Recording, Scripted, Step};

/// Sent as a body; whoever takes it for a request answers `SMUGGLED`.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: b.test\r\n\r\n";

fn framed(chunked: bool, body: &str) -> (String, String) {
    if chunked {
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
    } else {
        (format!("Content-Length: {}\r\n", body.len()), body.to_owned())
    }
}

#[test]
fn the_body_of_a_request_that_we_answer_ourselves_is_never_a_request() {
    let setup = Setup { files: &[("down.html", "<p>down</p>")], ..Setup::default() };
    let gate = setup.up("[site]\n\"a.test\" = \"127.0.0.1:1\"\n\
         [site.\"http://m.test\"]\nservice = \"127.0.0.1:1\"\nmaintenance = \"down.html\"\n\
         [site.\"http://b.test\"]\naliases = [\"alias.test\"]\n\
         [site.\"http://b.test\".routes]\n\
         \"/redirect\" = { redirect = \"/x\" }\n\
         \"/fixed\" = { respond = \"fixed\" }\n\
         \"/folder/\" = { respond = \"folder\" }\n\
         \"/get\" = { respond = \"get\", method = \"GET\" }\n\
         \"/small\" = { respond = \"small\", body = \"4B\" }\n\
         \"/small-service\" = { service = \"127.0.0.1:1\", body = \"4B\" }\n\
         \"/dead\" = \"127.0.0.1:1\"\n\
         \"/smuggled\" = { respond = \"SMUGGLED\" }\n");
    let large = SMUGGLED.repeat(2000);
    for (host, target, statuses) in [
        ("a.test", "/", &[308][..]),
        ("alias.test", "/", &[308]),
        ("b.test", "/redirect", &[308]),
        ("b.test", "/folder", &[308]),
        ("b.test", "/fixed", &[200]),
        ("b.test", "/none", &[404]),
        ("b.test", "/get", &[405]),
        ("b.test", "/small", &[413, 200]),
        ("b.test", "/small-service", &[413, 502]),
        ("b.test", "/dead", &[502]),
        ("b.test", "/%2e%2e/x", &[400]),
        ("m.test", "/", &[503]),
        ("unknown.test", "/", &[421]),
    ] {
        for (chunked, expect) in
            [(false, ""), (true, ""), (false, "Expect: 100-continue\r\n"), (true, "Expect: 100-continue\r\n")]
        {
            for body in [SMUGGLED, &large] {
                let what = format!("{host}{target} chunked={chunked} {expect:?} {} bytes", body.len());
                let (framing, body) = framed(chunked, body);
                let mut client = gate.raw();
                let follower = "GET /fixed HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n";
                let _ = client.try_send(format!(
                    "POST {target} HTTP/1.1\r\nHost: {host}\r\n{framing}{expect}\r\n{body}{follower}"
                ));
                client.end_sending();
                let found = responses(&client.rest());
                assert!(!found.is_empty() && found.len() <= 2, "{what}: {} responses", found.len());
                assert!(statuses.contains(&found[0].status), "{what}: {}", found[0].status);
                assert!(found.iter().all(|one| one.text() != "SMUGGLED"), "{what} was smuggled");
                if let Some(second) = found.get(1) {
                    assert_eq!(second.text(), "fixed", "{what}");
                }
            }
        }
    }
}

#[test]
fn a_body_belongs_to_its_request_whatever_the_method_and_the_expectation() {
    let app = Recording::answering(|request| match request.method.as_str() {
        "HEAD" => Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
        _ => Answer::text("ok"),
    });
    let gate = Gate::before(app.address());
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "SEARCH", "get"] {
        for chunked in [false, true] {
            for expect in [
                "",
                "Expect: 100-continue\r\n",
                "Expect: y 100-continue\r\n",
                "Expect: 100-continue\r\nExpect: 100-continue\r\n",
            ] {
                let what = format!("{method} chunked={chunked} {expect:?}");
                let before = app.requests().len();
                let (framing, body) = framed(chunked, SMUGGLED);
                let mut client = gate.raw();
                client.send(request(method, "/first", &(framing + expect)) + &body);
                client.send(request("GET", "/second", "Connection: close\r\n"));
                let mut first = client.response(method);
                if first.status == 100 {
                    first = client.response(method);
                }
                let passes = expect.is_empty() || expect == "Expect: 100-continue\r\n";
                assert_eq!(first.status, if passes { 200 } else { 417 }, "{what}");
                // What is refused has no method that could be trusted, so its answer has a body even after HEAD.
                let rest = client.rest();
                let second =
                    if first.status == 417 && method == "HEAD" { Vec::new() } else { responses(&rest) };
                let seen = app.requests().split_off(before);
                let targets: Vec<&str> = seen.iter().map(|one| one.target.as_str()).collect();
                if passes {
                    assert_eq!((targets, second.len()), (vec!["/first", "/second"], 1), "{what}");
                    assert_eq!(seen[0].body, SMUGGLED.as_bytes(), "{what}");
                } else {
                    assert_eq!((targets.len(), second.len()), (0, 0), "{what}");
                }
            }
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn trace_and_connect_are_refused() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for head in [
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ] {
        let mut client = gate.raw();
        client.send(head.to_owned() + SMUGGLED);
        let found = responses(&client.rest());
        assert_eq!(found.len(), 1, "{head}");
        assert_eq!(
            (found[0].status, found[0].value("connection").as_deref()),
            (405, Some("close")),
            "{head}"
        );
        assert!(found[0].value("allow").is_some(), "{head}");
    }
    assert_eq!(app.connections(), 0);
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn bytes_behind_an_upgrade_that_is_not_granted_are_a_request_under_the_rules() {
    for status in ["403 Forbidden", "200 OK", "426 Upgrade Required"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
        let app = Recording::answering(move |_| Answer::raw(answer.clone()));
        let gate = Gate::up(&format!(
            "[site.\"http://a.test\".routes]\n\"/ws\" = \"{0}\"\n\"/free\" = \"{0}\"\n\"/admin\" = {{ respond = \"rule\", status = 403 }}\n",
            app.address()
        ));
        let mut client = gate.raw();
        client.send(
            request("GET", "/ws", UPGRADE)
                + &request("GET", "/admin", "")
                + &request("GET", "/free", "Connection: close\r\n"),
        );
        let found = responses(&client.rest());
        let expected: u16 = status[..3].parse().unwrap();
        let statuses: Vec<u16> = found.iter().map(|one| one.status).collect();
        assert_eq!((&statuses[..], found[1].text().as_str()), (&[expected, 403, expected][..], "rule"));
        let targets: Vec<String> = app.requests().iter().map(|one| one.target.clone()).collect();
        assert_eq!(targets, ["/ws", "/free"]);
        assert_eq!(app.problems(), [""; 0]);
    }
}

#[test]
fn bytes_behind_an_upgrade_wait_for_its_answer() {
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst"
                .to_vec(),
        ),
        Step::Read(5),
        Step::Send(b"second".to_vec()),
    ]);
    let gate = Gate::before(app.address());
    let mut client = gate.raw();
    client.send(request("GET", "/ws", UPGRADE) + "bytes");
    let response = client.response("GET");
    assert_eq!((response.status, response.value("upgrade").as_deref()), (101, Some("websocket")));
    assert_eq!(client.exactly(11), b"firstsecond");
}

#[test]
fn upgrades_to_anything_but_websocket_are_taken_off() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
        "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n",
        "Upgrade: h2c\r\n",
        "Upgrade: websocket\r\n",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let mut client = gate.raw();
        let status = client.send(request("GET", "/", fields)).response("GET").status;
        let seen = app.requests().pop().unwrap();
        let upgrade = seen.values("upgrade");
        assert!(
            !upgrade.iter().any(|value| value.to_ascii_lowercase().contains("h2c")),
            "{fields}: {upgrade:?}"
        );
        assert!(seen.values("http2-settings").is_empty(), "{fields}");
        assert!(matches!(status, 200), "{fields}: {status}");
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn what_an_instance_answers_before_it_has_the_body_does_not_poison_the_next_request() {
    let early = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly".to_vec();
    let app = Scripted::start_each(vec![
        vec![Step::ReadHead, Step::Send(early), Step::ReadAll],
        vec![
            Step::ReadHead,
            Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext".to_vec()),
            Step::ReadAll,
        ],
    ]);
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
    let mut client = gate.raw();
    let head = request("POST", "/", "Content-Length: 40\r\nExpect: 100-continue\r\n");
    assert_eq!(client.send(head).response("POST").text(), "early");
    assert_eq!(client.rest(), b"", "who waits to continue and is answered gets a new connection");
    assert_eq!(gate.get("a.test", "/").text(), "next");
    assert_eq!(app.connections(), 2);
}
