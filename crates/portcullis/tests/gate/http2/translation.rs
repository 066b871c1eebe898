//! What reaches an instance is strict, and means what the client said.

use super::client::{H2, get, send, whole};
use super::frames::{
    DATA, END_HEADERS, END_STREAM, Frame, Frames, HEADERS, RST_STREAM, WINDOW_UPDATE, block, frame,
};
use super::requests::gate;
use bytes::Bytes;
use http::{HeaderMap, Request};
use testkit::Recording;

#[test]
fn trailers_reach_the_instance_and_come_back() {
    let instance = Recording::answering(|_| {
        testkit::Answer::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nGrpc-Status: 0\r\nX: a b\r\n\r\n",
        )
    });
    let gate = gate(&format!("service = \"{}\"\n", instance.address()));
    let client = H2::of(&gate);
    let mut stream = client.start(Request::post("http://a.test/").body(()).unwrap(), false);
    client.wait(send(&mut stream.body, b"body"));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    stream.body.send_trailers(trailers).unwrap();
    let answer = client.wait(whole(stream.answer)).unwrap();
    let trailers = answer.trailers.unwrap();
    assert_eq!((&trailers["grpc-status"], &trailers["x"]), (&"0".parse().unwrap(), &"a b".parse().unwrap()));
    let requests = instance.wait_for_requests(1);
    assert_eq!(requests[0].body, b"body");
    assert_eq!(requests[0].trailers.len(), 1, "{:?}", requests[0].trailers);
    assert_eq!(instance.problems(), [""; 0]);
}

/// Sends one request of these fields; the frames until its stream is over.
fn ask(gate: &crate::running::Gate, fields: &[(&str, &str)], data: Option<&[u8]>) -> Vec<Frame> {
    let mut frames = Frames::connect(gate, &[]);
    let end = if data.is_none() { END_STREAM } else { 0 };
    frames.send(&frame(HEADERS, END_HEADERS | end, 1, &block(fields)));
    if let Some(data) = data {
        // The connection may have been cut at the head.
        let _ = frames.try_send(&frame(DATA, END_STREAM, 1, data));
    }
    let mut seen = Vec::new();
    while let Some(frame) = frames.next() {
        let over = frame.stream == 1 && (frame.kind == RST_STREAM || frame.flags & END_STREAM > 0);
        seen.push(frame);
        if over {
            break;
        }
    }
    seen
}

#[test]
fn what_http11_would_read_otherwise_never_reaches_an_instance() {
    const GOOD: &[(&str, &str)] =
        &[(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
    let instance = Recording::start();
    let gate = gate(&format!("service = \"{}\"\n", instance.address()));
    let with = |further: &[(&'static str, &'static str)]| [GOOD, further].concat();
    let replaced = |name: &str, value: &'static str| -> Vec<_> {
        GOOD.iter().map(|(known, old)| (*known, if *known == name { value } else { *old })).collect()
    };
    for fields in [
        with(&[("x", "a\r\nContent-Length: 0")]),
        with(&[("x", "a\nb")]),
        with(&[("x", "a\0b")]),
        with(&[("x", " padded")]),
        with(&[("x", "padded ")]),
        with(&[("X-Upper", "1")]),
        with(&[("", "empty")]),
        with(&[("a b", "1")]),
        with(&[("a:b", "1")]),
        with(&[("connection", "x")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "websocket")]),
        with(&[("keep-alive", "1")]),
        with(&[("proxy-connection", "1")]),
        with(&[("te", "gzip")]),
        with(&[("host", "b.test")]),
        with(&[("host", "a.test"), ("host", "a.test")]),
        with(&[(":authority", "b.test")]),
        with(&[(":path", "/b")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "3")]),
        with(&[("content-length", "4"), ("content-length", "4")]),
        with(&[("content-length", "+4")]),
        replaced(":path", "/a b"),
        replaced(":path", "/a\r\nx: y"),
        replaced(":path", "a"),
        replaced(":path", ""),
        replaced(":path", "/%00"),
        replaced(":method", "POST / HTTP/1.1\r\nX:"),
        replaced(":method", "CONNECT"),
        replaced(":method", "TRACE"),
        replaced(":authority", "a.test\r\nx: y"),
        replaced(":authority", "a@a.test"),
        replaced(":scheme", ""),
        GOOD[1..].to_vec(),
        [&GOOD[..2], &GOOD[3..]].concat(),
    ] {
        let frames = ask(&gate, &fields, Some(b"1234"));
        // An answer of ours is 4xx, which starts with an index or a literal; a request that passed would be 200.
        let passed = frames.iter().any(|frame| frame.kind == HEADERS && frame.payload.first() == Some(&0x88));
        assert!(!passed, "{fields:?}");
    }
    assert_eq!(instance.requests().len(), 0, "{:?}", instance.requests());
    assert_eq!(instance.problems(), [""; 0]);
    let passed = ask(&gate, &with(&[("host", "a.test"), ("content-length", "4")]), Some(b"1234"));
    assert!(passed.iter().any(|frame| frame.kind == HEADERS && frame.payload[0] == 0x88), "{passed:?}");
}

#[test]
fn trailers_that_frame_or_route_never_reach_an_instance() {
    for name in ["content-length", "host", "transfer-encoding", "x-forwarded-for", "authorization"] {
        let instance = Recording::start();
        let gate = gate(&format!("service = \"{}\"\n", instance.address()));
        let mut frames = Frames::connect(&gate, &[]);
        let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
        frames.send(&frame(HEADERS, END_HEADERS, 1, &block(&fields)));
        frames.send(&frame(DATA, 0, 1, b"1234"));
        frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(name, "1")])));
        let end = std::iter::from_fn(|| frames.next())
            .find(|frame| frame.stream == 1 && frame.kind != WINDOW_UPDATE);
        assert!(end.is_some_and(|frame| frame.payload.first() != Some(&0x88)), "{name}");
        assert!(instance.requests().iter().all(|request| request.trailers.is_empty()), "{name}");
    }
}

#[test]
fn crumbs_are_one_cookie_and_the_address_is_ours_to_tell() {
    let instance = Recording::start();
    let gate = gate(&format!("service = \"{}\"\n", instance.address()));
    let client = H2::of(&gate);
    let request = get("/a/../b?q").header("cookie", "a=1").header("cookie", "b=2");
    let request = request.header("x-forwarded-for", "1.2.3.4").header("te", "trailers").body(()).unwrap();
    assert_eq!(client.exchange(request, None).unwrap().status, 200);
    let request = &instance.wait_for_requests(1)[0];
    assert_eq!(request.value("cookie").as_deref(), Some("a=1; b=2"));
    assert_eq!(request.value("host").as_deref(), Some("a.test"));
    assert_eq!(request.value("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(request.target, "/b?q");
    assert_eq!(instance.problems(), [""; 0]);
}

#[test]
fn data_is_not_read_faster_than_the_instance_takes_it() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = gate(&format!("service = \"{}\"\n", deaf.local_addr().unwrap()));
    let before = gate.memory();
    let client = H2::of(&gate);
    let mut stream = client.start(Request::post("http://a.test/").body(()).unwrap(), false);
    let sent = client.wait(async {
        let chunk = Bytes::from(vec![0; 64 << 10]);
        let mut sent = 0;
        loop {
            stream.body.reserve_capacity(chunk.len());
            let room = std::future::poll_fn(|context| stream.body.poll_capacity(context));
            let Ok(Some(Ok(room))) = tokio::time::timeout(super::client::PROMPT, room).await else {
                break sent;
            };
            stream.body.send_data(chunk.slice(..room.min(chunk.len())), false).unwrap();
            sent += room.min(chunk.len());
        }
    });
    assert!(sent < 16 << 20, "{sent} bytes were taken that nobody read");
    assert!(gate.memory() < before + (12 << 20), "more is held than windows and buffers");
}
