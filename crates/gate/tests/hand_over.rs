//! One gate takes over from another one while clients are connected and ask: both have the same listeners, and the older
//! one ends when it may.

#![expect(clippy::unwrap_used, reason = "whatever is not there fails the test")]

mod without_keys;

use gate::{Gate, Listener, Patience, ResolverFiles};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use testkit::load::{Client, Door, Load, Outcome, Shape, Target};
use testkit::{PATIENCE, Raw, Scripted, Step};

/// More than any of these tests takes.
const LONG: Duration = Duration::from_secs(60);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// A listener that one gate after the other serves.
struct Handed {
    listener: Listener,
    file: String,
}

impl Handed {
    fn new(site: &str) -> Self {
        let file = format!(
            "[listen]\nh2c = true\n[limits]\nconnections_per_address = 1000\n[site.\"http://a.test\"{site}"
        );
        Self { listener: without_keys::listener(), file }
    }

    fn responding() -> Self {
        Self::new(".routes]\n\"/\" = { respond = \"hello\" }\n")
    }

    fn gate(&self) -> Gate {
        let content = without_keys::content(&self.file);
        Gate::start(content, std::slice::from_ref(&self.listener), None, ResolverFiles::default(), 2)
            .unwrap()
            .0
    }

    fn address(&self) -> SocketAddr {
        self.listener.local()
    }
}

#[test]
fn a_request_on_its_way_is_answered_and_the_answer_says_that_the_connection_ends() {
    let handed = Handed::responding();
    let older = handed.gate();
    let (mut idle, mut silent) = (Raw::connect(handed.address()), Raw::connect(handed.address()));
    assert_eq!(idle.get("a.test", "/").value("connection"), None);
    // The gate has it once one that came after it is answered.
    assert_eq!(Raw::connect(handed.address()).get("a.test", "/").status, 200);
    let ending = thread::spawn(move || older.drain(Patience::hand_over(LONG)));
    assert!(idle.is_silent_for(Duration::from_millis(100)), "it does not end at once");
    for client in [&mut idle, &mut silent] {
        let response = client.get("a.test", "/");
        assert_eq!((response.status, response.value("connection").as_deref()), (200, Some("close")));
        assert_eq!(client.rest(), b"");
    }
    assert_eq!(ending.join().unwrap(), 0, "none was cut");
}

#[test]
fn an_idle_connection_does_not_outlive_the_patience() {
    let handed = Handed::responding();
    let older = handed.gate();
    let mut idle = Raw::connect(handed.address());
    assert_eq!(idle.get("a.test", "/").status, 200);
    let started = Instant::now();
    older.drain(Patience::hand_over(Duration::from_millis(500)));
    assert!((Duration::from_millis(450)..Duration::from_secs(5)).contains(&started.elapsed()));
    assert_eq!(idle.rest(), b"");
}

#[test]
fn a_tunnel_lives_on() {
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec()),
        Step::ReadAll,
        Step::Send(b"last words".to_vec()),
    ]);
    let handed = Handed::new(&format!("]\nservice = \"{}\"\n", app.address()));
    let older = handed.gate();
    let mut client = Raw::connect(handed.address());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response("GET").status, 101);
    let ending = thread::spawn(move || older.drain(Patience::hand_over(LONG)));
    assert!(client.is_silent_for(Duration::from_millis(300)), "it does not end");
    client.send("bytes").end_sending();
    assert_eq!(client.rest(), b"last words");
    assert_eq!(ending.join().unwrap(), 0, "none was cut");
}

/// The type, the flags and the payload of the next frame of HTTP/2.
fn frame(stream: &mut TcpStream) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).unwrap();
    (head[3], head[4], payload)
}

/// The payload of the next frame of a type; settings are acknowledged on the way.
fn next(stream: &mut TcpStream, wanted: u8) -> Vec<u8> {
    loop {
        match frame(stream) {
            (kind, _, payload) if kind == wanted => return payload,
            (SETTINGS, 0, _) => stream.write_all(&[0, 0, 0, SETTINGS, 1, 0, 0, 0, 0]).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn http2_goes_away_in_two_steps() {
    let handed = Handed::responding();
    let older = handed.gate();
    let mut client = TcpStream::connect(handed.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(&[PREFACE, &[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]].concat()).unwrap();
    let _ = next(&mut client, SETTINGS);
    let ending = thread::spawn(move || older.drain(Patience::hand_over(LONG)));
    assert_eq!(
        next(&mut client, GOAWAY),
        [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        "what is on its way is taken"
    );
    let ping = next(&mut client, PING);
    client.write_all(&[&[0, 0, 8, PING, 1, 0, 0, 0, 0][..], &ping].concat()).unwrap();
    assert_eq!(next(&mut client, GOAWAY), [0, 0, 0, 0, 0, 0, 0, 0], "nothing was");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    assert_eq!(ending.join().unwrap(), 0, "none was cut");
}

#[test]
fn hand_overs_under_load_fail_no_request() {
    let handed = Handed::responding();
    let mut serving = Some(handed.gate());
    let door = Door { address: handed.address(), host: "a.test".to_owned(), tls: None };
    let target = Target {
        http1: vec![door.clone()],
        http2: vec![door],
        get: "/get".to_owned(),
        post: "/post".to_owned(),
        websocket: String::new(),
        download: String::new(),
        events: String::new(),
    };
    let shape = Shape { websockets: 0, long: false, pause: Duration::from_millis(15), ..Shape::default() };
    let mut ending = Vec::new();
    let report = Load::start(target, shape).disturbed(20, Duration::from_millis(100), |_| {
        let newer = handed.gate();
        let older = serving.replace(newer).unwrap();
        ending.push(thread::spawn(move || older.drain(Patience::hand_over(LONG))));
    });
    report.assert_nothing_failed();
    assert_eq!(report.tally.total(Outcome::Closed), 0, "{report}");
    assert!(report.tally.count(Client::KeepAlive, Outcome::Ended) >= 20, "{report}");
    assert!(report.tally.count(Client::Http2, Outcome::Ended) >= 20, "{report}");
    assert!(ending.into_iter().all(|ending| ending.join().unwrap() == 0), "none was cut");
    serving.unwrap().drain(Patience::stop(LONG));
}
