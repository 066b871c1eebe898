//! Calls of browsers: over HTTP/1.1 and HTTP/2, as bytes and as text.

use super::client::H2;
use super::grpc::{framed, messages};
use super::requests::gate;
use crate::running::{Gate, Hello};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use testkit::strict::Response;

fn translating(hello: &Hello) -> Gate {
    gate(&format!("routes.\"/\" = {{ service = \"h2c://{}\", grpc_web = true }}\n", hello.address))
}

/// A call over HTTP/1.1.
fn call(gate: &Gate, method: &str, media: &str, body: &[u8]) -> Response {
    let mut client = gate.raw();
    let head = format!(
        "POST /hello.Echo/{method} HTTP/1.1\r\nHost: a.test\r\nContent-Type: {media}\r\nX-Grpc-Web: 1\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    client.send([head.as_bytes(), body].concat()).response("POST")
}

/// The messages of a body and the text of its trailers.
fn parts(body: &[u8]) -> (Vec<Vec<u8>>, String) {
    let mut at = 0;
    while body[at] & 0x80 == 0 {
        at += 5 + u32::from_be_bytes(body[at + 1..at + 5].try_into().unwrap()) as usize;
    }
    let length = u32::from_be_bytes(body[at + 1..at + 5].try_into().unwrap()) as usize;
    assert_eq!((body[at], at + 5 + length), (0x80, body.len()));
    (messages(&body[..at]), String::from_utf8(body[at + 5..].to_vec()).unwrap())
}

/// Base64 that is padded piece by piece.
fn decoded(text: &[u8]) -> Vec<u8> {
    text.chunks(4).flat_map(|four| STANDARD.decode(four).unwrap()).collect()
}

#[test]
fn bytes_come_back_with_their_trailers_behind_them() {
    let hello = Hello::start("app");
    let gate = translating(&hello);
    let large = vec![b'x'; 300_000];
    let answer = call(&gate, "Say", "application/grpc-web+proto", &framed(&large));
    assert_eq!((answer.status, answer.value("content-type").as_deref()), (200, Some("application/grpc-web")));
    let (messages, trailers) = parts(&answer.body);
    assert!(messages == [large] && trailers.contains("grpc-status:0\r\n"), "{trailers}");
    assert!(answer.trailers.is_empty(), "{:?}", answer.trailers);
    let (messages, trailers) = parts(&call(&gate, "Repeat", "application/grpc-web", &framed(b"1000")).body);
    assert!(messages.len() == 1000 && trailers.contains("grpc-status:0\r\n"), "{trailers}");
    let (messages, trailers) = parts(&call(&gate, "Fail", "application/grpc-web", &framed(b"")).body);
    assert!(messages.is_empty() && trailers.contains("grpc-status:9\r\n"), "{trailers}");
    assert!(trailers.contains("grpc-message:as it was asked\r\n"), "{trailers}");
}

#[test]
fn text_comes_back_as_text() {
    let hello = Hello::start("app");
    let gate = translating(&hello);
    for message in [&b""[..], b"h", b"hi", b"hi!", &[0xff; 100_000]] {
        let body = STANDARD.encode(framed(message));
        let answer = call(&gate, "Say", "application/grpc-web-text", body.as_bytes());
        assert_eq!(answer.value("content-type").as_deref(), Some("application/grpc-web-text"));
        let (messages, trailers) = parts(&decoded(&answer.body));
        assert!(messages == [message] && trailers.contains("grpc-status:0\r\n"), "{trailers}");
    }
    let broken = call(&gate, "Say", "application/grpc-web-text", b"AAAAAAA");
    let media = broken.value("content-type");
    assert_eq!((broken.status, media.as_deref()), (200, Some("application/grpc-web-text+proto")));
    assert_eq!(broken.value("grpc-status").as_deref(), Some("13"));
    let log = gate.log(6);
    assert!(log.iter().any(|line| line["status"] == 400 && line["rule"] == "grpc-web-text"), "{log:?}");
}

#[test]
fn a_connection_goes_on_after_calls() {
    let hello = Hello::start("app");
    let gate = translating(&hello);
    let mut client = gate.raw();
    let body = STANDARD.encode(framed(b"hi"));
    for _ in 0..3 {
        let head = format!(
            "POST /hello.Echo/Say HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc-web-text\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = client.send(head).response("POST");
        assert_eq!(parts(&decoded(&answer.body)).0, [b"hi"]);
    }
}

#[test]
fn it_is_the_same_over_http2() {
    let hello = Hello::start("app");
    let gate = translating(&hello);
    let client = H2::of(&gate);
    for (media, text) in [("application/grpc-web+proto", false), ("application/grpc-web-text", true)] {
        let request = Request::post("http://a.test/hello.Echo/Say").header("content-type", media);
        let body = if text { STANDARD.encode(framed(b"hi")).into_bytes() } else { framed(b"hi") };
        let answer = client.exchange(request.body(()).unwrap(), Some(&body)).unwrap();
        assert!(answer.trailers.is_none_or(|trailers| trailers.is_empty()), "{media}");
        let (messages, trailers) = parts(&if text { decoded(&answer.body) } else { answer.body });
        assert!(messages == [b"hi"] && trailers.contains("grpc-status:0\r\n"), "{media}: {trailers}");
    }
}

#[test]
fn nothing_is_translated_that_is_none_or_where_it_is_not_asked_for() {
    let hello = Hello::start("app");
    let asked = translating(&hello);
    let not_asked = gate(&format!("service = \"h2c://{}\"\n", hello.address));
    let answer = call(&not_asked, "Say", "application/grpc-web", &framed(b"hi"));
    assert_eq!(answer.value("content-type").as_deref(), Some("application/grpc"));
    let answer = call(&asked, "Say", "text/plain", &framed(b"hi"));
    assert!(answer.text().starts_with("Hello from Portcullis"), "{}", answer.text());
    let refused = gate("routes.\"/\" = { service = \"h2c://127.0.0.1:1\", grpc_web = true }\n");
    let answer = call(&refused, "Say", "application/grpc-web", &framed(b"hi"));
    let media = answer.value("content-type");
    assert_eq!((answer.status, media.as_deref()), (200, Some("application/grpc-web+proto")));
    assert_eq!(answer.value("grpc-status").as_deref(), Some("14"));
}
