//! Every limit at its bound and one beyond it, every clock with a small value, and honest slow clients that survive.

use crate::running::{Gate, Hello, Setup, request, responses};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use testkit::{Raw, Recording, Scripted, Step, eventually};

fn status(gate: &Gate, bytes: impl AsRef<[u8]>) -> u16 {
    let mut client = gate.raw();
    let _ = client.try_send(bytes);
    client.response("GET").status
}

#[test]
fn the_limits_of_a_head_hold_at_n_and_not_at_n_plus_1() {
    let app = Recording::start();
    let gate = Gate::up(&format!(
        "[site]\n\":{{http}}\" = \"{}\"\n[limits]\nheader_bytes = \"2KiB\"\nheader_count = 10\nrequest_line = \"512B\"\n",
        app.address()
    ));
    let line =
        |length: usize| request("GET", &format!("/{}", "a".repeat(length - "GET / HTTP/1.1".len())), "");
    let empty = request("GET", "/", "X: \r\n").len();
    let bytes = |length: usize| request("GET", "/", &format!("X: {}\r\n", "a".repeat(length - empty)));
    let count = |fields: usize| request("GET", "/", &"X: 1\r\n".repeat(fields - 1));
    assert_eq!(status(&gate, count(10)), 200);
    assert_eq!(status(&gate, count(11)), 431);
    assert_eq!(status(&gate, bytes(2048)), 200);
    assert_eq!(status(&gate, bytes(2049)), 431);
    assert_eq!(status(&gate, line(512)), 200);
    assert_eq!(status(&gate, line(513)), 414);
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn the_limit_of_a_body_holds_at_n_and_not_at_n_plus_1() {
    let app = Recording::start();
    let gate = Gate::up(&format!(
        "[site.\":{{http}}\".routes]\n\"/\" = \"{0}\"\n\"/more/\" = {{ service = \"{0}\", body = \"200B\" }}\n\
         \"/any/\" = {{ service = \"{0}\", body = \"unlimited\" }}\n\"/none/\" = {{ service = \"{0}\", body = \"0B\" }}\n\
         [limits]\nbody = \"100B\"\n",
        app.address()
    ));
    for (target, most) in [("/", 100), ("/more/", 200), ("/none/", 0)] {
        for (length, expected) in [(most, 200), (most + 1, 413)] {
            let body = "b".repeat(length);
            let before = app.requests().len();
            assert_eq!(
                status(&gate, request("POST", target, &format!("Content-Length: {length}\r\n")) + &body),
                expected
            );
            let mut chunks = String::new();
            for byte in body.chars() {
                chunks += &format!("1\r\n{byte}\r\n");
            }
            let chunked = request("POST", target, "Transfer-Encoding: chunked\r\n") + &chunks + "0\r\n\r\n";
            assert_eq!(status(&gate, chunked), expected, "{target} {length} in chunks");
            assert_eq!(
                app.requests().len() - before,
                if expected == 200 { 2 } else { 0 },
                "{target} {length}"
            );
        }
    }
    let fields = "Content-Length: 100000\r\n";
    assert_eq!(status(&gate, request("POST", "/any/", fields) + &"b".repeat(100_000)), 200);
    let mut client = gate.raw();
    client.send(request("POST", "/", "Content-Length: 101\r\nExpect: 100-continue\r\n"));
    let response = client.response("POST");
    assert_eq!((response.status, response.value("connection").as_deref()), (413, Some("close")));
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn one_address_gets_n_connections_and_not_n_plus_1() {
    let app = Recording::start();
    let gate = Gate::up(&format!(
        "[site]\n\":{{http}}\" = \"{}\"\n[limits]\nconnections_per_address = 5\n",
        app.address()
    ));
    let mut held: Vec<Raw> = (0..5).map(|_| gate.raw()).collect();
    for client in &mut held {
        assert_eq!(client.get("a", "/").status, 200);
    }
    let mut beyond = gate.raw();
    let _ = beyond.try_send(request("GET", "/", ""));
    assert_eq!(beyond.rest(), b"", "the sixth is closed without an answer");
    assert_eq!(held[0].get("a", "/").status, 200, "the others live on");
    drop(held.pop());
    eventually("room for another one", || {
        let mut client = gate.raw();
        client.try_send(request("GET", "/", "")).ok()?;
        client.try_response("GET").ok()
    });
    assert!(gate.metric(&["refused_connections"]) >= 1.0);
}

#[test]
fn the_total_of_connections_waits_and_does_not_refuse() {
    let app = Recording::start();
    let gate =
        Gate::up(&format!("[site]\n\":{{http}}\" = \"{}\"\n[limits]\nconnections = 4\n", app.address()));
    let mut held: Vec<Raw> = (0..4).map(|_| gate.raw()).collect();
    for client in &mut held {
        assert_eq!(client.get("a", "/").status, 200);
    }
    let mut fifth = gate.raw();
    fifth.send(request("GET", "/", ""));
    assert!(fifth.is_silent_for(Duration::from_millis(300)));
    drop(held.pop());
    assert_eq!(fifth.response("GET").status, 200);
}

/// How long a connection lives after what `start` does with it, and everything it was told.
fn life(mut client: TcpStream, trickle: Option<&[u8]>) -> (Duration, Vec<u8>) {
    let started = Instant::now();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut told = Vec::new();
    let mut bytes = trickle.unwrap_or_default().iter();
    let mut block = [0; 4096];
    loop {
        if let Some(byte) = bytes.next() {
            let _ = client.write_all(&[*byte]);
        }
        match client.read(&mut block) {
            Ok(0) => break,
            Ok(count) => told.extend_from_slice(&block[..count]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        assert!(started.elapsed() < testkit::PATIENCE, "the connection does not end");
    }
    (started.elapsed(), told)
}

/// A name, a connection in that phase, what it sends byte by byte, how many milliseconds it lives at least, and the
/// statuses that it is answered with.
type Phase<'a> = (&'a str, TcpStream, Option<&'a [u8]>, u64, &'a [u16]);

#[test]
fn every_phase_of_a_connection_has_a_clock() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[site]\n\"b.test\" = \"{0}\"\n\
         [site.\"http://a.test\".routes]\n\"/\" = \"{0}\"\n\"/own\" = {{ respond = \"own\" }}\n\
         [limits]\nhandshake_timeout = \"500ms\"\nhead_timeout = \"600ms\"\nidle_timeout = \"700ms\"\nread_timeout = \"500ms\"\n",
        hello.address
    ));
    let hello_start: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let head = request("GET", "/", &format!("X: {}\r\n", "a".repeat(10_000)));
    let ask = |bytes: &str| {
        let mut client = TcpStream::connect(gate.http).unwrap();
        client.write_all(bytes.as_bytes()).unwrap();
        client
    };
    let handshake = |bytes: &[u8]| {
        let mut client = TcpStream::connect(gate.https).unwrap();
        client.write_all(bytes).unwrap();
        client
    };
    let cases: Vec<Phase<'_>> = vec![
        ("no handshake", handshake(b""), None, 500, &[]),
        ("half a handshake", handshake(hello_start), None, 500, &[]),
        ("a handshake byte by byte", handshake(hello_start), Some(&[0; 508]), 500, &[]),
        ("no request", ask(""), None, 600, &[]),
        ("half a head", ask("GET / HTTP/1.1\r\n"), None, 600, &[408]),
        ("a head byte by byte", ask(""), Some(head.as_bytes()), 600, &[408]),
        ("silence after a response", ask(&request("GET", "/static256", "")), None, 700, &[200]),
        ("half a second head", ask(&(request("GET", "/static256", "") + "GET")), None, 600, &[200, 408]),
        ("half a body", ask(&(request("POST", "/", "Content-Length: 10\r\n") + "abc")), None, 500, &[408]),
        (
            "half a body for an answer of our own",
            ask(&(request("POST", "/own", "Content-Length: 10\r\n") + "abc")),
            None,
            500,
            &[200],
        ),
        (
            "half a chunk",
            ask(&(request("POST", "/", "Transfer-Encoding: chunked\r\n") + "5\r\nab")),
            None,
            500,
            &[408],
        ),
        (
            "half a call that is not translated to what takes none",
            ask(&(request("POST", "/", "Content-Type: application/grpc-web\r\nContent-Length: 10\r\n")
                + "abc")),
            None,
            500,
            &[200],
        ),
    ];
    let ends = cases.into_iter().map(|(what, client, trickle, least, statuses)| {
        let trickle = trickle.map(<[u8]>::to_vec);
        (what, least, statuses, thread::spawn(move || life(client, trickle.as_deref())))
    });
    for (what, least, statuses, life) in ends.collect::<Vec<_>>() {
        let (lived, told) = life.join().unwrap();
        let told = if what.contains("handshake") { Vec::new() } else { responses(&told) };
        assert!(told.iter().map(|one| one.status).eq(statuses.iter().copied()), "{what}: {told:?}");
        let most = Duration::from_millis(least + 5000);
        assert!(
            lived >= Duration::from_millis(least) - Duration::from_millis(50),
            "{what} lived only {lived:?}"
        );
        assert!(lived < most, "{what} lived {lived:?}");
    }
    let rules: Vec<String> =
        gate.log(9).iter().filter_map(|line| line["rule"].as_str().map(str::to_owned)).collect();
    assert_eq!(rules.iter().filter(|rule| *rule == "head-timeout").count(), 3, "{rules:?}");
    assert_eq!(rules.iter().filter(|rule| *rule == "read-timeout").count(), 3, "{rules:?}");
}

#[test]
fn who_takes_nothing_of_a_response_is_cut() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[site.\"http://a.test\".routes]\n\"/\" = \"{0}\"\n\"/file\" = {{ files = \".\" }}\n\
         [site.\"b.test\".routes]\n\"/\" = \"{0}\"\n\"/file\" = {{ files = \".\" }}\n\
         [limits]\nwrite_timeout = \"500ms\"\n",
        hello.address
    ));
    let file = gate.folder.write("file", "");
    std::fs::File::options().write(true).open(file).unwrap().set_len(1 << 30).unwrap();
    let tls = gate.tls();
    let mut held = Vec::new();
    for target in ["/bytes/500000000", "/file"] {
        for (mut client, host) in [(gate.raw(), "a.test"), (tls.connect(gate.https, "b.test"), "b.test")] {
            client.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            held.push(client);
        }
    }
    for line in gate.log(4) {
        assert!(line["error"].is_string(), "{line}");
        let lived = line["ms"].as_f64().unwrap();
        assert!((500.0..8000.0).contains(&lived), "{line}");
    }
    for client in &mut held {
        assert!(client.try_response("GET").is_err());
    }
}

#[test]
fn an_honest_slow_client_survives() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[site]\n\"http://a.test\" = \"{}\"\n\
         [limits]\nhead_timeout = \"5s\"\nread_timeout = \"1s\"\nwrite_timeout = \"1s\"\nidle_timeout = \"1s\"\n",
        hello.address
    ));
    let mut client = gate.raw();
    client.send(request("POST", "/upload", "Content-Length: 25\r\n"));
    for byte in [b'a'; 25] {
        client.send([byte]);
        thread::sleep(Duration::from_millis(60));
    }
    assert!(client.response("POST").text().starts_with("25 "));
    // A reader that takes a little at a time.
    client.send(request("GET", "/bytes/20000000", ""));
    let mut seen = 0;
    while seen < 15_000_000 {
        seen += client.exactly(1_000_000).len();
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_silent_instance_is_cut_in_the_middle_of_its_response() {
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec()),
        Step::Hang,
    ]);
    let gate = Gate::up(&format!(
        "[service.app]\ninstances = [\"{}\"]\nread_timeout = \"300ms\"\n[site]\n\"http://a.test\" = \"app\"\n",
        app.address()
    ));
    let mut client = gate.raw();
    client.send(request("GET", "/", ""));
    assert!(client.try_response("GET").is_err());
    assert_eq!(gate.log(1)[0]["error"], "response body: silence for too long");
}

#[test]
fn an_upgraded_connection_is_cut_after_silence_in_both_directions() {
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec()),
        Step::Hang,
    ]);
    let gate = Gate::up(&format!(
        "[site]\n\":{{http}}\" = \"{}\"\n[limits]\nupgrade_timeout = \"1s\"\n",
        app.address()
    ));
    let mut client = gate.raw();
    client.send(request("GET", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    assert_eq!(client.response("GET").status, 101);
    let started = Instant::now();
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(400));
        client.send("still here");
    }
    assert_eq!(client.rest(), b"");
    let lived = started.elapsed();
    assert!(lived > Duration::from_millis(2500) && lived < Duration::from_secs(8), "{lived:?}");
}

#[test]
fn trickling_below_the_rate_is_cut_even_when_every_pause_is_short() {
    let hello = Hello::start("app");
    let gate = Setup::default()
        .up(&format!("[site]\n\"http://a.test\" = \"{}\"\n[limits]\nmin_rate = \"10kB\"\n", hello.address));
    let mut client = TcpStream::connect(gate.http).unwrap();
    client.write_all(request("POST", "/", "Content-Length: 100000\r\n").as_bytes()).unwrap();
    let (lived, told) = life(client, Some(&[b'a'; 2000]));
    assert_eq!(responses(&told)[0].status, 408);
    assert!((Duration::from_secs(9)..Duration::from_secs(18)).contains(&lived), "{lived:?}");
}

#[test]
fn extensions_of_chunks_are_bounded_and_cost_no_memory() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    assert_eq!(status(&gate, request("GET", "/", "")), 200);
    let before = gate.memory();
    let extension = ";a".repeat(500);
    let chunks = format!("1{extension}\r\nx\r\n").repeat(32_000);
    let mut client = gate.raw();
    let _ = client.try_send(request("POST", "/", "Transfer-Encoding: chunked\r\n") + &chunks + "0\r\n\r\n");
    assert_eq!(client.response("POST").status, 400);
    assert_eq!((app.requests().len(), app.problems()), (1, Vec::new()));
    assert!(gate.memory().saturating_sub(before) < 8 << 20);
}

#[test]
fn nothing_is_left_of_connections_that_ended_however_they_did() {
    let hello = Hello::start("app");
    let gate = Gate::up(&format!(
        "[service.app]\ninstances = [\"{}\"]\nkeep_alive = 0\nresponse_timeout = \"500ms\"\n\
         [site]\n\"http://a.test\" = \"app\"\n\"b.test\" = \"app\"\n[limits]\nupgrade_timeout = \"1s\"\n",
        hello.address
    ));
    let tls = gate.tls();
    assert_eq!(gate.get("a.test", "/").status, 200);
    let status =
        || -> serde_json::Value { serde_json::from_str(&gate.ask(&["status", "--json"]).stdout).unwrap() };
    eventually("the end of the first one", || (status()["connections"] == 0).then_some(()));
    let before = gate.descriptors();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for start in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nHost: {}\r\n\r\n",
        "GET /bytes/100000000 HTTP/1.1\r\nHost: {}\r\n\r\n",
        "GET /stream/1000 HTTP/1.1\r\nHost: {}\r\n\r\n",
        "GET /hang HTTP/1.1\r\nHost: {}\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "PUT / HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        upgrade,
    ] {
        for _ in 0..3 {
            let clients = [(gate.raw(), "a.test"), (tls.connect(gate.https, "b.test"), "b.test")];
            for (mut client, host) in clients {
                client.send(start.replace("{}", host));
                if start.len() > 10 {
                    client.is_silent_for(Duration::from_millis(5));
                }
            }
        }
        let _ = TcpStream::connect(gate.https).unwrap().write_all(&[0x16, 3, 1]);
    }
    eventually("the end of all connections", || (status()["connections"] == 0).then_some(()));
    eventually("the end of all descriptors", || (gate.descriptors() <= before).then_some(()));
}
