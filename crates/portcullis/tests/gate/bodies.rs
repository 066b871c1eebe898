//! Bodies both ways, in every framing: whole, in order, with back-pressure.

use crate::running::{Gate, Hello, Setup, request, responses};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use testkit::strict::Framing;
use testkit::{Answer, Raw, Recording, Scripted, Step, eventually};

const MIB: usize = 1 << 20;

/// Bytes in which whatever is lost or moved is noticed.
fn pattern(count: usize) -> Vec<u8> {
    (b'!'..=b'y').cycle().take(count).collect()
}

fn chunked(body: &[u8], size: usize, trailers: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        write!(out, "{:x}\r\n", chunk.len()).unwrap();
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    write!(out, "0\r\n{trailers}\r\n").unwrap();
    out
}

#[test]
fn a_mebibyte_passes_both_ways_in_every_framing() {
    let app = Recording::answering(|request| {
        let length = request.body.len();
        let mut answer = match request.target.as_str() {
            "/length" => format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes(),
            "/chunked" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            _ => {
                return Answer::raw([b"HTTP/1.1 200 OK\r\n\r\n", request.body.as_slice()].concat())
                    .then_close();
            }
        };
        match request.target.as_str() {
            "/length" => answer.extend_from_slice(&request.body),
            _ => answer.extend(chunked(&request.body, 3000, "X-Trailer: yes\r\n")),
        }
        Answer::raw(answer)
    });
    let gate =
        Gate::up(&format!("[site]\n\"http://a.test\" = \"{0}\"\n\"b.test\" = \"{0}\"\n", app.address()));
    let tls = gate.tls();
    let body = pattern(MIB);
    for secure in [false, true] {
        let mut client = if secure { tls.connect(gate.https, "b.test") } else { gate.raw() };
        let host = if secure { "b.test" } else { "a.test" };
        for target in ["/length", "/chunked", "/until-close"] {
            for in_chunks in [false, true] {
                let fields = if in_chunks {
                    "Transfer-Encoding: chunked".to_owned()
                } else {
                    format!("Content-Length: {MIB}")
                };
                let head = format!(
                    "POST {target} HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nConnection: TE\r\n{fields}\r\n\r\n"
                );
                client.send(head);
                if in_chunks {
                    client.send(chunked(&body, 777, "X-Sum: 1\r\n"));
                } else {
                    client.send(&body);
                }
                let response = client.response("POST");
                assert_eq!(response.status, 200);
                assert!(
                    response.body == body,
                    "{target} {in_chunks} {secure}: {} bytes",
                    response.body.len()
                );
                let expected =
                    if target == "/length" { Framing::Length(MIB as u64) } else { Framing::Chunked };
                assert_eq!(response.framing, expected, "{target}: the connection goes on");
                assert_eq!(response.trailers.len(), usize::from(target == "/chunked"), "{target}");
                let seen = app.requests().pop().unwrap();
                assert!(seen.body == body, "{target} {in_chunks} {secure}");
                assert_eq!(seen.framing == Framing::Chunked, in_chunks);
                assert_eq!(seen.trailers.len(), usize::from(in_chunks));
            }
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn a_client_of_http_1_0_gets_what_it_understands() {
    let hello = Hello::start("app");
    let gate = Gate::before(hello.address);
    let mut client = gate.raw();
    client.send("GET /bytes/100000?chunked HTTP/1.0\r\nHost: a.test\r\n\r\n");
    let response = client.response("GET");
    assert_eq!((response.framing, response.body.len()), (Framing::UntilClose, 100_000));
    assert!(response.value("transfer-encoding").is_none());
    let mut client = gate.raw();
    for _ in 0..2 {
        client.send("GET /bytes/10 HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response("GET");
        assert_eq!((response.body.len(), response.value("connection").as_deref()), (10, Some("keep-alive")));
    }
    client.send("GET /bytes/10 HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!(responses(&client.rest()).len(), 1);
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let app = Recording::answering(|request| {
        Answer::raw(match (request.method.as_str(), request.target.as_str()) {
            ("HEAD", "/chunked") => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ("HEAD", _) => "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            (_, "/204") => "HTTP/1.1 204 No Content\r\n\r\n",
            (_, "/205") => "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
            (_, "/304") => "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"a\"\r\n\r\n",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        })
    });
    let gate = Gate::before(app.address());
    let mut client = gate.raw();
    for (method, target, status, length) in [
        ("HEAD", "/", 200, Some("1000000")),
        ("HEAD", "/chunked", 200, None),
        ("GET", "/204", 204, None),
        ("GET", "/205", 205, Some("0")),
        ("GET", "/304", 304, Some("77")),
        ("GET", "/empty", 200, Some("0")),
    ] {
        let response = client.send(request(method, target, "")).response(method);
        let facts = (response.status, response.value("content-length"), response.body.len());
        assert_eq!(facts, (status, length.map(str::to_owned), 0), "{method} {target}");
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn who_waits_to_continue_is_told_by_the_instance_alone() {
    let told = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Step::Read(5),
        Step::Send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_vec()),
    ]);
    let refused = Scripted::answering("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
    let gate = Gate::up(&format!(
        "[site.\"http://a.test\".routes]\n\"/told\" = \"{}\"\n\"/refused\" = \"{}\"\n\"/own\" = {{ respond = \"own\" }}\n",
        told.address(),
        refused.address()
    ));
    let fields = "Content-Length: 5\r\nExpect: 100-continue\r\n";
    let mut client = gate.raw();
    assert_eq!(client.send(request("PUT", "/told", fields)).response("PUT").status, 100);
    assert_eq!(client.send("hello").response("PUT").status, 200);
    for (target, status) in [("/refused", 417), ("/own", 200)] {
        let mut client = gate.raw();
        let response = client.send(request("PUT", target, fields)).response("PUT");
        assert_eq!(
            (response.status, response.value("connection").as_deref()),
            (status, Some("close")),
            "{target}"
        );
        assert_eq!(client.rest(), b"", "{target}");
    }
    // A client that does not wait is served as well.
    let mut client = gate.raw();
    client.send(request("PUT", "/told", fields) + "hello");
    let first = client.response("PUT").status;
    let last = if first == 100 { client.response("PUT").status } else { first };
    assert_eq!(last, 200);
}

#[test]
fn an_answer_during_the_upload_reaches_the_client() {
    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly".to_vec();
    for after in [vec![Step::ReadAll], vec![]] {
        let app = Scripted::start([vec![Step::ReadHead, Step::Send(answer.clone())], after].concat());
        let gate = Gate::before(app.address());
        for length in [10_usize, 100_000, 10 * MIB] {
            let mut client = gate.raw();
            client.send(request("POST", "/", &format!("Content-Length: {length}\r\n")));
            client.send(pattern(length.min(1000)));
            let response = client.response("POST");
            assert_eq!((response.status, response.text().as_str()), (403, "early"), "{length}");
        }
    }
}

#[test]
fn requests_that_arrive_together_are_answered_in_order() {
    let hello = Hello::start("app");
    let gate = Gate::before(hello.address);
    let mut all = String::new();
    for number in 0..20 {
        match number % 4 {
            0 => all += &request("GET", &format!("/status/{}", 200 + number), ""),
            1 => {
                all +=
                    &(request("POST", &format!("/status/{}", 200 + number), "Content-Length: 3\r\n") + "abc");
            }
            2 => {
                all += &(request(
                    "POST",
                    &format!("/status/{}", 200 + number),
                    "Transfer-Encoding: chunked\r\n",
                ) + "3\r\nabc\r\n0\r\n\r\n");
            }
            _ => all += &request("GET", &format!("/status/{}", 400 + number), ""),
        }
    }
    for _ in 0..2 {
        let mut client = gate.raw();
        client.send(&all);
        for number in 0..20 {
            let expected = if number % 4 == 3 { 400 + number } else { 200 + number };
            assert_eq!(client.response("GET").status, expected);
        }
        // The same, byte by byte.
        for byte in all.bytes() {
            client.send([byte]);
        }
        for number in 0..20 {
            let expected = if number % 4 == 3 { 400 + number } else { 200 + number };
            assert_eq!(client.response("GET").status, expected);
        }
    }
}

#[test]
fn a_thousand_requests_at_once_are_answered_one_after_the_other() {
    let hello = Hello::start("app");
    let gate =
        Gate::up(&format!("[site]\n\"http://a.test\" = \"{0}\"\n\"b.test\" = \"{0}\"\n", hello.address));
    for (mut client, host) in [(gate.raw(), "a.test"), (gate.tls().connect(gate.https, "b.test"), "b.test")] {
        client.send(format!("GET /static256 HTTP/1.1\r\nHost: {host}\r\n\r\n").repeat(1000));
        for number in 0..1000 {
            assert_eq!(client.response("GET").body.len(), 256, "{number}");
        }
    }
}

#[test]
fn an_answer_during_the_upload_reaches_a_client_that_goes_on_sending() {
    let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nearly".to_vec();
    let app = Scripted::start(vec![Step::ReadHead, Step::Send(answer), Step::Read(100_000), Step::Reset]);
    let gate = Gate::before(app.address());
    for _ in 0..5 {
        let client = TcpStream::connect(gate.http).unwrap();
        let mut sender = client.try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            let head = request("POST", "/", "Content-Length: 50000000\r\n");
            let block = pattern(64 << 10);
            let _ = sender.write_all(head.as_bytes());
            (0..700).take_while(|_| sender.write_all(&block).is_ok()).count()
        });
        let response = Raw::over(client).response("POST");
        assert_eq!((response.status, response.text().as_str()), (403, "early"));
        assert!(sending.join().unwrap() < 700, "the upload is cut");
    }
}

#[test]
fn connections_to_an_instance_are_used_again() {
    let app = Recording::start();
    let gate = Setup { threads: 1, ..Setup::default() }
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n", app.address()));
    let mut client = gate.raw();
    for _ in 0..20 {
        assert_eq!(client.get("a.test", "/").status, 200);
    }
    let chunked = request("POST", "/", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n";
    for _ in 0..20 {
        assert_eq!(gate.raw().send(&chunked).response("POST").status, 200);
    }
    assert_eq!((app.requests().len(), app.connections()), (40, 1));
}

#[test]
fn a_slow_reader_holds_the_instance_back_and_not_in_memory() {
    const SIZE: usize = 256 * MIB;
    let hello = Hello::start("app");
    let gate = Gate::before(hello.address);
    assert_eq!(gate.get("a.test", "/").status, 200);
    let before = gate.memory();
    let mut clients: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut client = TcpStream::connect(gate.http).unwrap();
            client.write_all(request("GET", &format!("/bytes/{SIZE}"), "").as_bytes()).unwrap();
            client
        })
        .collect();
    let mut block = vec![0; 64 << 10];
    for _ in 0..8 {
        for client in &mut clients {
            client.read_exact(&mut block).unwrap();
        }
    }
    // Whatever could be buffered is, once a client that reads all has got all.
    assert_eq!(gate.get("a.test", "/bytes/50000000").body.len(), 50_000_000);
    let grown = gate.memory().saturating_sub(before);
    assert!(grown < 16 * MIB as u64, "{} KiB more for 8 slow readers", grown >> 10);
}

#[test]
fn a_slow_instance_holds_the_client_back_and_not_in_memory() {
    let app = Scripted::start(vec![Step::ReadHead, Step::Send(Vec::new()), Step::Read(1), hold()]);
    let gate = Gate::before(app.address());
    assert_eq!(gate.get("unknown", "/%00").status, 400);
    let before = gate.memory();
    let mut client = TcpStream::connect(gate.http).unwrap();
    client.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    client.write_all(request("POST", "/", "Content-Length: 200000000\r\n").as_bytes()).unwrap();
    let body = pattern(MIB);
    let taken = (0..200).take_while(|_| client.write_all(&body).is_ok()).count();
    assert!(taken < 64, "{taken} MiB were taken for an instance that reads nothing");
    let grown = gate.memory().saturating_sub(before);
    assert!(grown < 8 * MIB as u64, "{} KiB more", grown >> 10);
}

/// Reads nothing and stays.
fn hold() -> Step {
    // A send that its peer never takes blocks the script without reading.
    Step::Send(vec![b'x'; 64 * MIB])
}

#[test]
fn an_event_stream_arrives_event_by_event() {
    let hello = Hello::start("app");
    let gate =
        Gate::up(&format!("[site]\n\"http://a.test\" = \"{0}\"\n\"b.test\" = \"{0}\"\n", hello.address));
    for (mut client, host) in [(gate.raw(), "a.test"), (gate.tls().connect(gate.https, "b.test"), "b.test")] {
        let started = std::time::Instant::now();
        client.send(format!("GET /stream/2?ms=60000 HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let mut seen = String::new();
        eventually("the first event", || {
            seen.push_str(&String::from_utf8_lossy(&client.exactly(1)));
            seen.contains("data: 1\n\n").then_some(())
        });
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_client_that_half_closes_still_gets_its_answer() {
    let hello = Hello::start("app");
    let gate = Gate::before(hello.address);
    for target in ["/delay/300", "/bytes/1000000"] {
        let mut client: Raw = gate.raw();
        client.send(request("GET", target, "")).end_sending();
        let found = responses(&client.rest());
        assert_eq!((found.len(), found[0].status), (1, 200), "{target}");
    }
}
