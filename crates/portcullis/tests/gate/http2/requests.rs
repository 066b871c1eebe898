//! What a client gets: everything that HTTP/1.1 clients get.

use super::client::{H2, get, whole};
use crate::running::{Gate, Hello, Setup};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use testkit::Recording;

const H2C: &str = "h2c = true";

pub(super) fn gate(configuration: &str) -> Gate {
    Setup { listen: H2C, ..Setup::default() }.up(&format!("[site.\":{{http}}\"]\n{configuration}"))
}

#[test]
fn bodies_come_and_go_whole() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    for count in [0, 1, 255, 256, 16_375, 16_384, 65_535, 3_000_000] {
        for query in ["", "?chunked"] {
            let answer = client.get(&format!("/bytes/{count}{query}"));
            assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, count), "{count}{query}");
        }
        let body = vec![b'x'; count];
        let post = || Request::post("http://a.test/upload?json");
        let unknown = client.exchange(post().body(()).unwrap(), Some(&body)).unwrap();
        let known = post().header("content-length", count).body(()).unwrap();
        let known = client.exchange(known, Some(&body)).unwrap();
        for answer in [unknown, known] {
            let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(value["length"], count, "{}", answer.text());
        }
    }
}

#[test]
fn answers_without_body_and_answers_of_our_own_look_as_they_should() {
    let hello = Hello::start("app");
    let gate = gate(&format!(
        "routes.\"/app/\" = {{ service = \"{}\", strip_prefix = true }}\n\
         routes.\"/go\" = {{ redirect = \"/there\" }}\nroutes.\"/say\" = {{ respond = \"hi\" }}\n",
        hello.address
    ));
    let client = H2::of(&gate);
    assert_eq!(client.get("/app/status/204").status, 204);
    assert_eq!(client.get("/app/status/304").status, 304);
    let head = get("/app/bytes/1000").method(Method::HEAD).body(()).unwrap();
    let head = client.exchange(head, None).unwrap();
    assert_eq!((head.value("content-length"), head.body.len()), (Some("1000"), 0));
    let moved = client.get("/go");
    assert_eq!((moved.status.as_u16(), moved.value("location")), (308, Some("/there")));
    assert_eq!(client.get("/say").text(), "hi");
    let nothing = client.get("/nothing");
    assert_eq!(nothing.status, 404);
    for hop in ["connection", "keep-alive", "transfer-encoding"] {
        assert_eq!(nothing.value(hop), None);
    }
    let said = client.exchange(get("/say").method(Method::HEAD).body(()).unwrap(), None).unwrap();
    assert_eq!((said.status.as_u16(), said.body.len()), (200, 0));
    let log = gate.log(7);
    assert!(log.iter().all(|line| line["version"] == "HTTP/2"), "{log:?}");
}

#[test]
fn files_come_in_whole_and_in_parts() {
    let setup = Setup { listen: H2C, files: &[("www/small.txt", "hello")], ..Setup::default() };
    let gate = setup.up("[site.\":{http}\"]\nfiles = \"./www\"\n");
    let large: Vec<u8> = (0..5_000_000_u32).map(|place| (place % 251) as u8).collect();
    gate.folder.write("www/large.bin", &large);
    let client = H2::of(&gate);
    assert_eq!(client.get("/small.txt").text(), "hello");
    assert!(client.get("/large.bin").body == large);
    let part = get("/large.bin").header("range", "bytes=1000000-1099999").body(()).unwrap();
    let part = client.exchange(part, None).unwrap();
    assert_eq!(part.status, 206);
    assert!(part.body == large[1_000_000..1_100_000]);
}

#[test]
fn many_requests_at_once_are_answered_each_for_itself() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    let mut answers = tokio::task::JoinSet::new();
    client.wait(async {
        for number in 0..100 {
            let stream = client.start_now(get(&format!("/bytes/{}", number * 997)).body(()).unwrap()).await;
            answers.spawn(async move { (number, whole(stream.answer).await.unwrap().body.len()) });
        }
        while let Some(answer) = answers.join_next().await {
            let (number, length) = answer.unwrap();
            assert_eq!(length, number * 997);
        }
    });
}

#[test]
fn interim_answers_pass() {
    let instance = Recording::answering(|_| {
        testkit::Answer::raw(
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
    });
    let gate = gate(&format!("service = \"{}\"\n", instance.address()));
    let client = H2::of(&gate);
    let mut stream = client.start(get("/").body(()).unwrap(), true);
    let interim = client.wait(std::future::poll_fn(|context| stream.answer.poll_informational(context)));
    let interim = interim.unwrap().unwrap();
    assert_eq!((interim.status().as_u16(), interim.headers()["link"].to_str().ok()), (103, Some("</a.css>")));
    assert_eq!(client.wait(whole(stream.answer)).unwrap().text(), "ok");
}

#[test]
fn an_answer_that_is_broken_off_does_not_look_complete() {
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n4\r\n1234");
        let instance = Recording::answering(move |_| testkit::Answer::raw(answer.clone()).then_close());
        let gate = gate(&format!("service = \"{}\"\n", instance.address()));
        let client = H2::of(&gate);
        let broken = client.exchange(get("/").body(()).unwrap(), None).unwrap_err();
        assert_eq!(broken.reason(), Some(h2::Reason::INTERNAL_ERROR), "{head}");
        assert!(client.is_open());
    }
}

#[test]
fn a_request_that_is_given_up_is_given_up_at_the_instance() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    let mut stream = client.start(get("/hang").body(()).unwrap(), true);
    client.get("/");
    stream.body.send_reset(h2::Reason::CANCEL);
    let log = gate.log(2);
    let given_up = log.iter().find(|line| line["path"] == "/hang").unwrap();
    assert_eq!((given_up["status"].as_u64(), given_up["version"].as_str()), (Some(499), Some("HTTP/2")));
}

#[test]
fn a_gate_that_ends_says_so_and_finishes() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    let stream = client.start(get("/delay/1000").body(()).unwrap(), true);
    client.get("/");
    gate.signal(rustix::process::Signal::TERM);
    assert_eq!(client.wait(whole(stream.answer)).unwrap().status, 200);
    let (finished, _) = gate.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(!client.is_open());
}

#[test]
fn a_websocket_passes_through_the_handshake_of_http11() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    client.get("/");
    let request = Request::connect("http://a.test/ws")
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let mut stream = client.start(request, false);
    let answer = client.wait(&mut stream.answer).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("sec-websocket-accept"));
    let mut body = answer.into_body();
    // A text of two bytes, masked with zeros, comes back without the mask.
    stream.body.send_data(Bytes::from_static(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']), false).unwrap();
    let echoed = client.wait(super::client::piece(&mut body)).unwrap().unwrap();
    assert_eq!(echoed, &[0x81, 2, b'h', b'i'][..]);
    stream.body.send_data(Bytes::from_static(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]), true).unwrap();
    let closed = client.wait(super::client::piece(&mut body)).unwrap().unwrap();
    assert_eq!(closed, &[0x88, 2, 3, 0xe8][..]);
    while let Some(data) = client.wait(super::client::piece(&mut body)) {
        assert!(data.unwrap().is_empty());
    }
}

#[test]
fn a_websocket_passes_to_an_instance_of_http2_that_takes_it() {
    let hello = Hello::start("app");
    let behind = gate(&format!("service = \"{}\"\n", hello.address));
    let before = gate(&format!("service = \"h2c://{}\"\n", behind.http));
    // From HTTP/2, and from HTTP/1.1.
    let client = H2::of(&before);
    client.get("/");
    let request = Request::connect("http://a.test/ws")
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let mut stream = client.start(request, false);
    let mut body = client.wait(&mut stream.answer).unwrap().into_body();
    stream.body.send_data(Bytes::from_static(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']), false).unwrap();
    let echoed = client.wait(super::client::piece(&mut body)).unwrap().unwrap();
    assert_eq!(echoed, &[0x81, 2, b'h', b'i'][..]);
    let mut raw = before.raw();
    let handshake = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = raw.send(handshake).response("GET");
    assert_eq!(answer.status, 101);
    assert_eq!(answer.value("sec-websocket-accept").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    raw.send([0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]).end_sending();
    assert_eq!(raw.rest(), [0x88, 2, 3, 0xe8]);
    assert!(behind.log(2).iter().all(|line| line["version"] == "HTTP/2"));
}

#[test]
fn an_instance_of_http2_that_takes_no_websockets_stays_in_use() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"h2c://{}\"\n", hello.address));
    let mut raw = gate.raw();
    let handshake = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(raw.send(handshake).response("GET").status, 502);
    assert!(gate.log(1)[0]["error"].as_str().unwrap().contains("RFC 8441"));
    assert_eq!(gate.get("a.test", "/status/200").status, 200);
}

#[test]
fn other_tunnels_are_refused() {
    let hello = Hello::start("app");
    let gate = gate(&format!("service = \"{}\"\n", hello.address));
    let client = H2::of(&gate);
    client.get("/");
    let plain = Request::builder().method("CONNECT").uri("a.test:443").body(()).unwrap();
    assert_eq!(client.exchange(plain, None).unwrap().status, 405);
    let other = Request::connect("http://a.test/ws")
        .extension(h2::ext::Protocol::from_static("connect-udp"))
        .body(())
        .unwrap();
    assert_eq!(client.exchange(other, None).unwrap().status, 405);
}
