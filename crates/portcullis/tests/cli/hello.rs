//! `portcullis hello` over raw sockets and through curl.

use crate::portcullis;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use testkit::strict::{Broken, Framing};
use testkit::{Folder, Program, Raw};

/// A running backend.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    _program: Program,
    _folder: Folder,
}

pub(crate) fn hello(arguments: &[&str]) -> Backend {
    let folder = Folder::new();
    let mut program = Program::spawn(portcullis(&folder).args(["hello", "--port", "0"]).args(arguments));
    let address = program.wait_until("its address", |program| {
        let stderr = program.stderr();
        let (_, rest) = stderr.split_once("http://")?;
        rest.split_once('\n')?.0.parse().ok()
    });
    Backend { address, _program: program, _folder: folder }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

#[test]
fn it_answers_with_what_it_received() {
    let backend = hello(&["--name", "one"]);
    let mut client = Raw::connect(backend.address);
    let response = client
        .send("POST /a?json&b HTTP/1.1\r\nhOsT: a.test\r\nX-Twice: 1\r\nx-twice:  2 \r\nContent-Length: 3\r\n\r\nabc")
        .response("POST");
    let received: serde_json::Value = serde_json::from_slice(&response.body).expect("JSON");
    assert_eq!(received["method"], "POST");
    assert_eq!(received["target"], "/a?json&b");
    assert_eq!(received["version"], "HTTP/1.1");
    assert_eq!(received["instance"], "one");
    assert_eq!(received["request"], 1);
    let headers =
        serde_json::json!([["hOsT", "a.test"], ["X-Twice", "1"], ["x-twice", "2"], ["Content-Length", "3"]]);
    assert_eq!(received["headers"], headers);
    assert_eq!(received["body"]["length"], 3);
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(received["body"]["sha256"], sha256);
    let text = client.get("a.test", "/").text();
    assert!(text.starts_with("Hello from Portcullis\n\nGET / HTTP/1.1\nHost: a.test\n\n"), "{text}");
    assert!(text.contains("request   2\n"), "{text}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    let body = "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    client.send([get("/status/201").as_str(), body, &get("/static256"), &get("/status/404")].concat());
    assert_eq!(client.response("GET").status, 201);
    assert!(client.response("POST").text().starts_with("3 ba7816bf"));
    assert_eq!(client.response("GET").body.len(), 256);
    assert_eq!(client.response("GET").status, 404);
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    for target in ["/static256", "/"] {
        for byte in get(target).bytes() {
            client.send([byte]);
        }
        assert_eq!(client.response("GET").status, 200);
    }
}

#[test]
fn bodies_are_as_long_as_asked_however_they_are_framed() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    let plain = client.get("a", "/bytes/200000");
    let chunked = client.get("a", "/bytes/200000?chunked");
    assert_eq!((plain.framing, chunked.framing), (Framing::Length(200_000), Framing::Chunked));
    assert_eq!(plain.body.len(), 200_000);
    assert_eq!(plain.body, chunked.body);
    assert!(chunked.chunks > 1);
    let head = client.send("HEAD /bytes/7 HTTP/1.1\r\nHost: a\r\n\r\n").response("HEAD");
    assert_eq!((head.value("content-length").as_deref(), head.body.len()), (Some("7"), 0));
    let none = client.get("a", "/status/204");
    assert_eq!((none.status, none.framing), (204, Framing::None));
}

#[test]
fn http_1_0_gets_no_chunks_and_keeps_alive_when_asked() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    let kept = client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").response("GET");
    assert_eq!(kept.value("connection").as_deref(), Some("keep-alive"));
    let last = client.send("GET /bytes/9?chunked HTTP/1.0\r\nHost: a\r\n\r\n").response("GET");
    assert_eq!((last.framing, last.body.len()), (Framing::UntilClose, 9));
}

#[test]
fn events_come_in_time() {
    let backend = hello(&[]);
    let response = Raw::connect(backend.address).get("a", "/stream/3?ms=1");
    assert_eq!(response.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_eq!(response.value("content-type").as_deref(), Some("text/event-stream"));
}

#[test]
fn it_says_continue_before_a_body_that_waits_for_it() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    client.send("PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response("PUT").status, 100);
    assert!(client.send("abc").response("PUT").text().starts_with("3 ba7816bf"));
}

#[test]
fn it_misbehaves_when_asked() {
    let backend = hello(&[]);
    assert_eq!(Raw::connect(backend.address).send(get("/close")).rest(), b"");
    let mut hung = Raw::connect(backend.address);
    assert!(hung.send(get("/hang")).is_silent_for(Duration::from_millis(100)));
    assert_eq!(hung.end_sending().rest(), b"", "it ends with its client");
    assert_eq!(Raw::connect(backend.address).get("a", "/slow-headers").text(), "slow\n");
    assert_eq!(Raw::connect(backend.address).get("a", "/delay/1").status, 200);
}

#[test]
fn what_is_not_strict_is_refused_and_the_connection_ends() {
    let backend = hello(&[]);
    for (request, status, rule) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "host"),
        ("GET / HTTP/1.1\nHost: a\n\n", 400, "bare-lf"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "content-length",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, "chunk"),
        ("GET /status/99 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "number"),
    ] {
        let mut client = Raw::connect(backend.address);
        let response = client.send(request).response("GET");
        assert_eq!(response.status, status, "{request:?}");
        assert!(response.text().contains(rule), "{request:?}: {}", response.text());
        assert_eq!(client.rest(), b"");
    }
}

#[test]
fn a_connection_cut_in_the_middle_of_a_request_gets_no_answer() {
    let backend = hello(&[]);
    let mut client = Raw::connect(backend.address);
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab").end_sending();
    assert!(matches!(client.try_response("POST"), Err(Broken::Connection(_))));
}

#[test]
fn threads_share_the_work_and_the_count() {
    let backend = hello(&["--threads", "3"]);
    let mut numbers: Vec<u64> = (0..12)
        .map(|_| {
            let body = Raw::connect(backend.address).get("a", "/?json").body;
            let received: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            received["request"].as_u64().expect("a number")
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, Vec::from_iter(1..=12));
}

#[test]
fn it_listens_on_a_unix_socket_and_replaces_a_stale_one() {
    let folder = Folder::new();
    let socket = folder.join("hello.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let mut program = Program::spawn(portcullis(&folder).args(["hello", "--unix", "hello.sock"]));
    program.wait_for_stderr("unix:hello.sock");
    let text = Raw::connect_unix(&socket).get("a", "/").text();
    assert!(text.contains("peer      unix:hello.sock\n"), "{text}");
    let second = crate::run(&folder, &["hello", "--unix", "hello.sock"]);
    assert_eq!(second.code(), 3);
    assert!(second.stderr.contains(&format!("process {} answers there", program.id())), "{}", second.stderr);
}

#[test]
fn curl_understands_it() {
    let backend = hello(&[]);
    let curl = |arguments: &[&str], path: &str| {
        let output = Command::new("/usr/bin/curl")
            .args(["-sS", "--max-time", "20"])
            .args(arguments)
            .arg(format!("http://{}{path}", backend.address))
            .output()
            .expect("curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    assert!(curl(&[], "/").starts_with(b"Hello from Portcullis\n"));
    assert!(curl(&["-H", "Accept: application/json"], "/").starts_with(b"{\n"));
    assert_eq!(curl(&[], "/bytes/1000000?chunked").len(), 1_000_000);
    assert_eq!(curl(&["-o", "/dev/null", "-w", "%{http_code}"], "/status/503"), b"503");
    let uploaded = curl(&["-T", env!("CARGO_BIN_EXE_portcullis"), "-H", "Expect: 100-continue"], "/upload");
    let length = std::fs::metadata(env!("CARGO_BIN_EXE_portcullis")).expect("the program").len();
    assert!(uploaded.starts_with(format!("{length} ").as_bytes()));
}
