//! Bounds that are no floods: times, counts, and what a refusal says.

use super::client::{H2, get};
use super::frames::{
    DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, GOAWAY, HEADERS, RST_STREAM, SETTINGS,
    error_of, frame, get as section,
};
use super::requests::gate;
use crate::running::{Gate, Hello};
use testkit::eventually;

const SHORT: &str = "[limits]\nhead_timeout = \"1s\"\nidle_timeout = \"1s\"\nread_timeout = \"1s\"\n\
                     write_timeout = \"1s\"\n";

fn short(hello: &Hello) -> Gate {
    gate(&format!("service = \"{}\"\n{SHORT}", hello.address))
}

#[test]
fn every_phase_has_its_time() {
    let hello = Hello::start("app");
    let gate = short(&hello);
    let mut silent = Frames::silent(gate.http);
    assert_eq!(silent.next(), None);
    let mut half = Frames::silent(gate.http);
    half.send(b"PRI * HTTP/2.0\r\n");
    assert!(half.next().is_none_or(|frame| frame.kind != HEADERS));
    let mut greeted = Frames::connect(&gate, &[]);
    assert_eq!(greeted.verdict(), Some(0), "no request ever");
    let mut headless = Frames::connect(&gate, &[]);
    headless.send(&frame(HEADERS, END_STREAM, 1, &section("/")));
    assert_eq!(headless.verdict(), Some(ENHANCE_YOUR_CALM), "half a head");
    let mut idle = Frames::connect(&gate, &[]);
    idle.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &section("/")));
    assert_eq!(idle.verdict(), Some(0), "idle");
}

#[test]
fn a_body_that_does_not_come_and_one_that_is_not_taken_are_given_up() {
    let hello = Hello::start("app");
    let gate = short(&hello);
    let mut silent = Frames::connect(&gate, &[]);
    let post = [(":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/upload")];
    silent.send(&frame(HEADERS, END_HEADERS, 1, &super::frames::block(&post)));
    assert!(silent.find(HEADERS).is_some(), "an answer");
    let mut stalled = Frames::connect(&gate, &[(4, 0)]);
    stalled.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &section("/bytes/100000")));
    let reset = stalled.find(RST_STREAM).unwrap();
    assert_eq!(reset.stream, 1);
    let log = gate.log(2);
    assert_eq!((log[0]["status"].as_u64(), log[0]["rule"].as_str()), (Some(408), Some("read-timeout")));
    assert_eq!(log[1]["rule"], "write-timeout");
}

#[test]
fn a_client_that_takes_nothing_at_all_is_cut() {
    let hello = Hello::start("app");
    let gate = short(&hello);
    let mut first = Frames::connect(&gate, &[]);
    first.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &section("/hang")));
    assert!(first.find(SETTINGS).is_some());
    let open = gate.descriptors();
    drop(first);
    let mut deaf = Frames::connect(&gate, &[(4, 0x7fff_ffff)]);
    deaf.send(&frame(super::frames::WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes()));
    deaf.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &section("/bytes/1000000000")));
    eventually("the request to be given up", || gate.log_text().contains("/bytes/").then_some(()));
    eventually("the connection to go", || (gate.descriptors() <= open).then_some(()));
}

#[test]
fn more_requests_at_once_than_allowed_are_refused_one_by_one() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n[limits]\nhttp2_streams = 3\n", hello.address));
    let mut frames = Frames::connect(&gate, &[]);
    for stream in [1, 3, 5, 7] {
        frames.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &section("/hang")));
    }
    let settings = frames.find(SETTINGS).unwrap();
    assert!(settings.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 3]), "{settings:?}");
    let refused = frames.find(RST_STREAM).unwrap();
    assert_eq!((refused.stream, error_of(&refused.payload)), (7, 7));
}

#[test]
fn a_refusal_says_its_rule() {
    let hello = Hello::start("app");
    let gate = gate(&format!("routes.\"/\" = {{ service = \"{}\", body = \"10B\" }}\n", hello.address));
    let client = H2::of(&gate);
    let large = "x".repeat(17_000);
    let mut many = get("/");
    for number in 0..101 {
        many = many.header(format!("x-{number}"), "1");
    }
    let disagrees = get("/").header("host", "b.test");
    let underscore = get("/").header("x_y", "1");
    let long = get(&format!("/{}", "x".repeat(9000)));
    for (request, status, rule) in [
        (get("/").header("x", &large), 431, "head-too-large"),
        (many, 431, "too-many-fields"),
        (disagrees, 400, "authority-disagrees"),
        (underscore, 400, "field-underscore"),
        (long, 414, "first-line-too-long"),
        (get("/%00"), 400, "path-escaped-control"),
    ] {
        let answer = client.exchange(request.body(()).unwrap(), None).unwrap();
        assert_eq!(answer.status, status, "{rule}");
        eventually(rule, || gate.log_text().contains(rule).then_some(()));
    }
    let body = http::Request::post("http://a.test/").body(()).unwrap();
    assert_eq!(client.exchange(body, Some(&[0; 11])).unwrap().status, 413);
    assert!(client.is_open());
}

#[test]
fn http2_is_spoken_only_where_it_is_asked_for() {
    let hello = Hello::start("app");
    let configuration = format!("[site.\":{{http}}\"]\nservice = \"{}\"\n", hello.address);
    let gate = Gate::up(&configuration);
    let mut frames = Frames::connect(&gate, &[]);
    assert!(frames.next().is_none_or(|frame| ![SETTINGS, GOAWAY, DATA].contains(&frame.kind)));
}
