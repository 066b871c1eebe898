//! What comes of heads of HTTP/2, and that no head which the parser reads differently can come of them.

use super::*;
use crate::{BodyLength, HeadLimits, Request};
use proptest::prelude::*;

type Fields<'a> = &'a [(&'a str, &'a str)];

fn write(pseudo: &Pseudo<'_>, fields: Fields<'_>, body: Body) -> Result<String, Refusal> {
    let mut out = Vec::new();
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    write_request(&mut out, pseudo, fields, body)?;
    Ok(String::from_utf8(out).expect("text"))
}

fn get(fields: Fields<'_>) -> Result<String, Refusal> {
    write(&pseudo(b"GET", b"/"), fields, Body::None)
}

fn pseudo<'a>(method: &'a [u8], path: &'a [u8]) -> Pseudo<'a> {
    Pseudo { method, scheme: Some(b"https"), authority: Some(b"a.test"), path, websocket: None }
}

#[test]
fn fields_keep_their_order_and_crumbs_are_joined() {
    let head = get(&[("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("te", "trailers")]);
    let expected =
        "GET / HTTP/1.1\r\nHost: a.test\r\naccept: */*\r\nte: trailers\r\ncookie: a=1; b=2\r\n\r\n";
    assert_eq!(head.as_deref(), Ok(expected));
}

#[test]
fn what_means_nothing_in_http2_is_refused() {
    for (fields, refusal) in [
        (&[("connection", "close")][..], Refusal::ConnectionSpecific),
        (&[("keep-alive", "1")], Refusal::ConnectionSpecific),
        (&[("proxy-connection", "x")], Refusal::ConnectionSpecific),
        (&[("transfer-encoding", "chunked")], Refusal::ConnectionSpecific),
        (&[("upgrade", "h2c")], Refusal::ConnectionSpecific),
        (&[("http2-settings", "x")], Refusal::ConnectionSpecific),
        (&[("te", "gzip")], Refusal::ConnectionSpecific),
        (&[("te", "trailers, gzip")], Refusal::ConnectionSpecific),
        (&[("host", "b.test")], Refusal::AuthorityDisagrees),
        (&[("host", "a.test"), ("host", "a.test")], Refusal::HostRepeated),
        (&[("X-Upper", "1")], Refusal::FieldName),
        (&[("", "1")], Refusal::FieldName),
        (&[("a b", "1")], Refusal::FieldName),
        (&[("a:b", "1")], Refusal::FieldName),
        (&[("x", "1\r\ny: 2")], Refusal::FieldValue),
        (&[("x", "1\n")], Refusal::FieldValue),
        (&[("x", "1\0")], Refusal::FieldValue),
        (&[("x", " 1")], Refusal::FieldValue),
        (&[("x", "1\t")], Refusal::FieldValue),
    ] {
        assert_eq!(get(fields), Err(refusal), "{fields:?}");
    }
    for path in ["", "a", "/ b", "/#", "/\r\n", "http://a.test/", "//\u{e4}"] {
        assert_eq!(write(&pseudo(b"GET", path.as_bytes()), &[], Body::None), Err(Refusal::Target), "{path}");
    }
    assert_eq!(write(&pseudo(b"CONNECT", b"/"), &[], Body::None), Err(Refusal::ConnectMethod));
    assert_eq!(write(&pseudo(b"G T", b"/"), &[], Body::None), Err(Refusal::RequestLine));
}

#[test]
fn bodies_are_framed_as_they_are_announced() {
    for (method, fields, body, expected) in [
        ("GET", &[][..], Body::None, BodyLength::None),
        ("POST", &[], Body::None, BodyLength::Exact(0)),
        ("POST", &[("content-length", "5")], Body::Follows, BodyLength::Exact(5)),
        ("POST", &[], Body::Follows, BodyLength::Chunked),
        ("GET", &[], Body::Follows, BodyLength::Chunked),
    ] {
        let head = write(&pseudo(method.as_bytes(), b"/"), fields, body).expect("a good head");
        let mut request = Request::default();
        request.parse(head.as_bytes(), &HeadLimits::default()).expect("a good head");
        assert_eq!(request.body, expected, "{method} {fields:?}");
    }
}

#[test]
fn a_websocket_becomes_the_handshake_of_http11() {
    let pseudo = Pseudo { websocket: Some(b"dGhlIHNhbXBsZSBub25jZQ=="), ..pseudo(b"CONNECT", b"/chat") };
    let fields = &[("sec-websocket-version", "13"), ("sec-websocket-key", "forged")];
    let head = write(&pseudo, fields, Body::Follows).expect("a good head");
    let mut request = Request::default();
    request.parse(head.as_bytes(), &HeadLimits::default()).expect("a good head");
    assert_eq!(request.upgrade, crate::Upgrade::WebSocket);
    assert!(!head.contains("forged") && head.starts_with("GET /chat "), "{head}");
}

#[test]
fn trailers_come_back_as_they_were_written() {
    let mut lines = Vec::new();
    write_trailer(&mut lines, b"grpc-status", b"0").expect("a good field");
    write_trailer(&mut lines, b"grpc-message", b"").expect("a good field");
    let back: Vec<_> = trailer_fields(&lines).collect();
    assert_eq!(back, [(&b"grpc-status"[..], &b"0"[..]), (b"grpc-message", b"")]);
    assert!(write_trailer(&mut lines, b"x", b"1\r\nhost: b").is_err());
}

proptest! {
    /// Whatever is written is read as it was meant: the same target, host and fields, and no other.
    #[test]
    fn what_is_written_is_read_as_it_was_meant(
        method in "[A-Z \r\n]{1,6}",
        path in "[/a-c#? \r\n%*]{0,8}",
        authority in prop::option::of("[a-c:@ \r\n]{0,6}"),
        fields in prop::collection::vec(
            (
                prop_oneof![Just("host".to_owned()), Just("content-length".to_owned()), Just("te".to_owned()),
                    Just("expect".to_owned()), "[a-zA-Z: \r\n-]{0,6}"],
                "[a-c0-9 ,\t\r\n\0\u{e4}]{0,6}",
            ),
            0..5,
        ),
        ends in any::<bool>(),
    ) {
        let pseudo = Pseudo {
            method: method.as_bytes(),
            scheme: None,
            authority: authority.as_deref().map(str::as_bytes),
            path: path.as_bytes(),
            websocket: None,
        };
        let body = if ends { Body::None } else { Body::Follows };
        let list = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut head = Vec::new();
        if write_request(&mut head, &pseudo, list.clone(), body).is_err() {
            return Ok(());
        }
        let mut request = Request::default();
        let limits = HeadLimits { underscores: true, ..HeadLimits::default() };
        if request.parse(&head, &limits).is_err() {
            return Ok(());
        }
        prop_assert_eq!(request.method.of(&head), method.as_bytes());
        prop_assert_eq!(request.version, crate::Version::Http11);
        if let Some(authority) = &authority {
            prop_assert_eq!(request.host.of(&head), authority.as_bytes());
        }
        let read: Vec<_> = request
            .fields
            .iter()
            .map(|field| (field.name.of(&head), field.value.of(&head)))
            .filter(|(name, _)| list.clone().any(|(meant, _)| meant == *name) && *name != b"host")
            .collect();
        let meant: Vec<_> = list.filter(|(name, _)| *name != b"host").collect();
        prop_assert_eq!(read, meant);
    }
}
