//! WebSocket through the gate.

use crate::running::{Gate, Hello};
use std::time::Duration;
use testkit::{Raw, eventually};

const MASK: [u8; 4] = [1, 2, 3, 4];

fn open(mut client: Raw, host: &str) -> Raw {
    client.send(format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ));
    let response = client.response("GET");
    assert_eq!(response.status, 101);
    assert_eq!(response.value("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    client
}

/// The bytes of a frame with this payload, as a client sends it and as it comes back.
fn frames(first: u8, payload: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut head = vec![first];
    match payload.len() {
        length @ 0..=125 => head.push(length as u8),
        length @ 126..=0xffff => head.extend([&[126][..], &(length as u16).to_be_bytes()].concat()),
        length => head.extend([&[127][..], &(length as u64).to_be_bytes()].concat()),
    }
    let back = [&head, payload].concat();
    head[1] |= 0x80;
    head.extend(MASK);
    head.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    (head, back)
}

/// A WebSocket through the gate that is open.
pub(crate) struct Open(Raw);

impl Open {
    pub(crate) fn new(gate: &Gate, host: &str) -> Self {
        Self(open(gate.raw(), host))
    }

    pub(crate) fn echoes(&mut self, payload: &[u8]) {
        let (sent, expected) = frames(0x82, payload);
        assert!(self.0.send(sent).exactly(expected.len()) == expected, "{} bytes", payload.len());
    }

    /// Waits until the other side has ended it.
    pub(crate) fn ends(&mut self) {
        assert_eq!(self.0.rest(), b"");
    }
}

#[test]
fn messages_come_back_and_a_close_ends_both_sides() {
    let hello = Hello::start("app");
    let gate =
        Gate::up(&format!("[site]\n\"http://a.test\" = \"{0}\"\n\"b.test\" = \"{0}\"\n", hello.address));
    for (client, host) in [(gate.raw(), "a.test"), (gate.tls().connect(gate.https, "b.test"), "b.test")] {
        let mut open = Open(open(client, host));
        for size in [0, 1, 125, 126, 0xffff, 0x10000, 1 << 20] {
            open.echoes(&vec![b'x'; size]);
        }
        let (close, answer) = frames(0x88, &1000_u16.to_be_bytes());
        assert_eq!(open.0.send(close).rest(), answer);
    }
    let lines = gate.log(2);
    assert!(lines.iter().all(|line| line["status"] == 101 && line["error"].is_null()), "{lines:?}");
    assert!(lines.iter().all(|line| line["bytes_out"].as_u64() > Some(1 << 20)), "{lines:?}");
}

#[test]
fn a_client_that_ends_its_half_still_receives_the_other() {
    use testkit::{Scripted, Step};
    let app = Scripted::start(vec![
        Step::ReadHead,
        Step::Send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec()),
        Step::ReadAll,
        Step::Send(b"last words".to_vec()),
    ]);
    let gate = Gate::before(app.address());
    let mut client = gate.raw();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response("GET").status, 101);
    client.send("bytes").end_sending();
    assert_eq!(client.rest(), b"last words");
}

#[test]
fn a_websocket_outlives_its_route_and_has_the_drain_timeout_when_its_site_is_gone() {
    let hello = Hello::start("app");
    let limits = "[limits]\ndrain_timeout = \"1s\"\n";
    let gate = Gate::up(&format!("{limits}[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let mut socket = Open::new(&gate, "a.test");
    socket.echoes(b"before");
    gate.reload(&format!("{limits}[site.\"http://a.test\".routes]\n\"/\" = {{ respond = \"else\" }}\n"));
    eventually("the other route", || (gate.get("a.test", "/ws").text() == "else").then_some(()));
    assert!(socket.0.is_silent_for(Duration::from_millis(1500)), "its site is there");
    socket.echoes(b"with another route");
    gate.reload(&format!("{limits}[site]\n\"http://b.test\" = \"localhost:1\"\n"));
    eventually("the other site", || (gate.get("a.test", "/").status == 421).then_some(()));
    socket.echoes(b"without a site");
    assert_eq!(socket.0.rest(), b"");
    let ended = |line: &&serde_json::Value| line["status"] == 101 && line["rule"] == "removed";
    let lines =
        eventually("its line", || Some(gate.log(3)).filter(|lines| lines.iter().any(|line| ended(&line))));
    assert_eq!(lines.iter().filter(ended).count(), 1, "{lines:?}");
}

#[test]
fn a_long_answer_has_the_drain_timeout_when_its_site_is_gone() {
    let hello = Hello::start("app");
    let limits = "[limits]\ndrain_timeout = \"500ms\"\n";
    let gate = Gate::up(&format!("{limits}[site]\n\"http://a.test\" = \"{}\"\n", hello.address));
    let mut silent = gate.raw();
    silent.send("GET /stream/2?ms=60000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(silent.exactly(9) == b"HTTP/1.1 " && !silent.is_silent_for(Duration::from_millis(200)));
    gate.reload(&format!("{limits}[site]\n\"http://b.test\" = \"localhost:1\"\n"));
    assert!(!silent.rest().ends_with(b"0\r\n\r\n"), "it does not look complete");
}
