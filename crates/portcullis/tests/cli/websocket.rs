//! The WebSocket echo of `portcullis hello`, with the frames of RFC 6455.

use crate::hello::hello;
use testkit::Raw;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn open(address: std::net::SocketAddr) -> Raw {
    let mut client = Raw::connect(address);
    let response = client
        .send(
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .response("GET");
    assert_eq!(response.status, 101);
    assert_eq!(response.value("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    client
}

/// A frame of a client.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = start(first, payload.len());
    frame[1] |= 0x80;
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame of the server.
fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    [start(first, payload.len()).as_slice(), payload].concat()
}

fn start(first: u8, length: usize) -> Vec<u8> {
    match length {
        0..=125 => vec![first, length as u8],
        126..=0xffff => [&[first, 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

#[test]
fn messages_of_every_size_come_back() {
    let backend = hello(&[]);
    let mut client = open(backend.address);
    for size in [0, 1, 125, 126, 0xffff, 0x10000, 1 << 20] {
        let payload = vec![b'x'; size];
        let expected = plain(0x82, &payload);
        assert!(client.send(masked(0x82, &payload)).exactly(expected.len()) == expected, "{size} bytes");
    }
}

#[test]
fn parts_come_back_as_parts_and_a_ping_between_them_is_answered() {
    let backend = hello(&[]);
    let mut client = open(backend.address);
    client.send([masked(0x01, b"he"), masked(0x89, b"?"), masked(0x80, b"llo")].concat());
    let expected = [plain(0x01, b"he"), plain(0x8a, b"?"), plain(0x80, b"llo")].concat();
    assert_eq!(client.exactly(expected.len()), expected);
}

#[test]
fn a_close_is_answered_and_ends_the_connection() {
    let backend = hello(&[]);
    let mut client = open(backend.address);
    let close = 1000_u16.to_be_bytes();
    assert_eq!(client.send(masked(0x88, &close)).rest(), plain(0x88, &close));
}

#[test]
fn violations_end_the_connection_with_their_code() {
    let backend = hello(&[]);
    for (what, frame, code) in [
        ("no mask", [plain(0x82, b"abcd"), vec![0; 4]].concat(), 1002_u16),
        ("a reserved bit", masked(0xc2, b"a"), 1002),
        ("an unknown opcode", masked(0x83, b"a"), 1002),
        ("a continuation of nothing", masked(0x80, b"a"), 1002),
        ("a ping in parts", masked(0x09, b"a"), 1002),
        ("too large", [&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1][..], &MASK].concat(), 1009),
    ] {
        let mut client = open(backend.address);
        assert_eq!(client.send(frame).rest(), plain(0x88, &code.to_be_bytes()), "{what}");
    }
}

#[test]
fn a_request_that_is_no_handshake_is_told_so() {
    let backend = hello(&[]);
    let response = Raw::connect(backend.address).get("a", "/ws");
    assert_eq!((response.status, response.value("connection").as_deref()), (426, Some("close")));
}
