//! Requests and responses of HTTP/2: whatever is written as a head of HTTP/1.1 is read as it was meant, trailers come back
//! as they were written; and counting frames does not depend on how the bytes came.

#![no_main]

use http1::http2::{Answered, Body, Pseudo, trailer_fields, write_request, write_response, write_trailer};
use http1::{HeadLimits, Request, Response, Version};
use libfuzzer_sys::fuzz_target;
use wire::h2::Meter;

fuzz_target!(|bytes: &[u8]| {
    meter(bytes);
    response(bytes);
    let mut parts = bytes.split(|byte| *byte == 0xff);
    let mut next = || parts.next().unwrap_or_default();
    let (method, path, authority) = (next(), next(), next());
    let pseudo = Pseudo {
        method,
        scheme: None,
        authority: (!authority.is_empty()).then_some(authority),
        path,
        websocket: None,
    };
    let texts: Vec<&[u8]> = parts.collect();
    let fields = || texts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let body = if bytes.len() % 2 == 0 { Body::None } else { Body::Follows };
    let mut head = Vec::new();
    if write_request(&mut head, &pseudo, fields(), body).is_err() {
        return;
    }
    let limits = HeadLimits { bytes: 1 << 20, fields: 256, first_line: 1 << 20, underscores: true };
    let mut request = Request::default();
    if request.parse(&head, &limits).is_err() {
        return;
    }
    assert_eq!(request.method.of(&head), method);
    assert_eq!(request.version, Version::Http11);
    let added = [&b"host"[..], b"cookie", b"content-length", b"transfer-encoding"];
    let is_added = |name: &[u8]| added.iter().any(|known| name.eq_ignore_ascii_case(known));
    let read: Vec<_> =
        request.fields.iter().map(|field| (field.name.of(&head), field.value.of(&head))).collect();
    let read: Vec<_> = read.into_iter().filter(|(name, _)| !is_added(name)).collect();
    let meant: Vec<_> = fields().filter(|(name, _)| !is_added(name)).collect();
    assert_eq!(read, meant);
});

fn response(bytes: &[u8]) {
    let Some(([first, second], rest)) = bytes.split_first_chunk::<2>() else { return };
    let status = 200 + u16::from_be_bytes([*first, *second]) % 400;
    let texts: Vec<&[u8]> = rest.split(|byte| *byte == 0xff).collect();
    let fields = || texts.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let mut lines = Vec::new();
    if fields().all(|(name, value)| write_trailer(&mut lines, name, value).is_ok()) {
        assert!(trailer_fields(&lines).eq(fields()));
    }
    let mut head = Vec::new();
    let answered = Answered { status, to_head: false, ends: first & 1 == 1 };
    if write_response(&mut head, answered, fields()).is_err() {
        return;
    }
    let limits = HeadLimits { bytes: 1 << 20, fields: 256, first_line: 1 << 20, underscores: true };
    let mut response = Response::default();
    if response.parse(&head, false, &limits).is_err() {
        return;
    }
    assert_eq!(response.status, status);
    let is_added = |name: &[u8]| matches!(name, b"Content-Length" | b"Transfer-Encoding");
    let read = response.fields.iter().map(|field| (field.name.of(&head), field.value.of(&head)));
    assert!(read.filter(|(name, _)| !is_added(name)).eq(fields()));
}

fn meter(bytes: &[u8]) {
    let (mut whole, mut pieces) = (Meter::default(), Meter::default());
    whole.feed(bytes);
    bytes.chunks(3).for_each(|piece| pieces.feed(piece));
    assert_eq!(whole.seen(), pieces.seen());
    assert_eq!(whole.is_amid(), pieces.is_amid());
}
