//! The judge judged: what it accepts, what it refuses, and that backends and clients see each other.

use crate::strict::{Broken, Framing, Request, Response, Source};
use crate::tls::Tls;
use crate::{Answer, Folder, Program, Raw, Recording, Scripted, Step};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::sync::Arc;

fn request(bytes: &str) -> Result<Option<Request>, String> {
    Request::read(&mut Source::new(bytes.as_bytes())).map_err(|broken| broken.to_string())
}

#[test]
fn strict_requests_are_read_whole() {
    let text = "POST /a?b HTTP/1.1\r\nHost: a.test:80\r\nX-A:  b c \r\nTransfer-Encoding: chunked\r\n\r\n\
                3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
    let request = request(text).expect("strict").expect("a request");
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a?b"));
    assert_eq!((request.body.as_slice(), request.framing), (&b"abc"[..], Framing::Chunked));
    assert_eq!(request.value("x-a").as_deref(), Some("b c"));
    assert_eq!(request.trailers.len(), 1);
    assert_eq!(request.raw, text.as_bytes());
}

#[test]
fn the_end_between_two_requests_is_an_end() {
    assert!(matches!(request(""), Ok(None)));
    assert!(request("GET / HT").is_err());
}

#[test]
fn everything_with_two_readings_is_refused() {
    for (text, reason) in [
        ("GET / HTTP/1.1\nHost: a\n\n", "bare LF"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "bare CR"),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "METHOD TARGET"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "METHOD TARGET"),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "token"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "METHOD TARGET"),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "origin form"),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "does not belong"),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "does not belong"),
        ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "dot segment"),
        ("GET /a/%2E%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", "dot segment"),
        ("GET / HTTP/1.1\r\n\r\n", "0 Host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "2 Host"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "no host"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "no token"),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", "no token"),
        ("GET / HTTP/1.1\r\nHost: a\r\nfolded\r\n\r\n", "without colon"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", "control byte"),
        ("GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 1\r\n\r\n", "hop-by-hop"),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x-a\r\n\r\n", "Connection names x-a"),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "disagree"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", "no number"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", "no number"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "more than one"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "together"),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "transfer codings"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
            "chunk size",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
            "longer than",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n", "trailer"),
    ] {
        let refused = request(text).expect_err(text);
        assert!(refused.contains(reason), "{text:?}: {refused}");
    }
}

#[test]
fn responses_end_where_their_head_says() {
    let read = |bytes: &str, method| Response::read(&mut Source::new(bytes.as_bytes()), method);
    let length = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "GET").expect("strict");
    assert_eq!(length.body, b"ab");
    let head = read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD").expect("strict");
    assert_eq!(head.framing, Framing::None);
    let closed = read("HTTP/1.0 200 \r\n\r\nabc", "GET").expect("strict");
    assert_eq!((closed.body.as_slice(), closed.minor), (&b"abc"[..], 0));
    assert!(matches!(read("HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", "GET"), Err(Broken::Grammar(_))));
    assert!(matches!(read("HTTP/1.1 20 OK\r\n\r\n", "GET"), Err(Broken::Grammar(_))));
    assert!(matches!(
        read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "GET"),
        Err(Broken::Connection(_))
    ));
}

#[test]
fn a_recording_backend_records_and_judges() {
    let backend = Recording::answering(|request| Answer::text(&request.target));
    let mut client = Raw::connect(backend.address());
    assert_eq!(client.get("a", "/1").text(), "/1");
    assert_eq!(client.get("a", "/2").text(), "/2");
    assert_eq!(backend.requests().len(), 2);
    assert_eq!((backend.problems(), backend.connections()), (Vec::new(), 1));
    Raw::connect(backend.address()).send("GET / HTTP/1.1\nHost: a\n\n").rest();
    assert!(backend.problems()[0].contains("bare LF"), "{:?}", backend.problems());
    Raw::connect(backend.address()).send("GET / HTTP/1.1\r\n").end_sending().rest();
    assert_eq!(backend.cut(), [b"GET / HTTP/1.1\r\n"]);
}

#[test]
fn a_recording_backend_listens_on_a_unix_socket_too() {
    let folder = Folder::new();
    let socket = folder.join("s");
    let backend = Recording::unix(&socket, |_| Answer::text("ok").then_close());
    let mut client = Raw::connect_unix(&socket);
    assert_eq!(client.get("a", "/").text(), "ok");
    assert_eq!(client.rest(), b"");
    assert_eq!(backend.wait_for_requests(1).len(), 1);
}

#[test]
fn a_scripted_backend_does_what_no_decent_one_does() {
    let scripts = vec![
        vec![Step::ReadHead, Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec())],
        vec![Step::ReadHead, Step::Send(b"HTTP/1.1 ".to_vec()), Step::Reset],
        vec![Step::ReadHead, Step::SendSlowly(b"HTTP/1.1 204 No\r\n\r\n".to_vec()), Step::Hang],
    ];
    let backend = Scripted::start_each(scripts);
    let send = || {
        let mut client = Raw::connect(backend.address());
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    assert!(matches!(send().try_response("GET"), Err(Broken::Connection(_))));
    match send().try_response("GET") {
        Err(Broken::Connection(error)) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        other => assert!(other.is_err(), "a reset: {other:?}"),
    }
    assert_eq!(send().response("GET").status, 204);
    assert_eq!(backend.connections(), 3);
}

#[test]
fn a_program_is_waited_for_and_its_output_kept() {
    let finished = Program::start("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"]).finish();
    assert_eq!((finished.code(), finished.stdout.as_str(), finished.stderr.as_str()), (3, "out\n", "err\n"));
}

#[test]
fn a_program_ends_with_its_guard() {
    let program = Program::start("/bin/sleep", ["600"]);
    let id = rustix::process::Pid::from_raw(program.id().cast_signed()).expect("a process id");
    drop(program);
    assert!(rustix::process::test_kill_process(id).is_err());
}

/// A TLS server for one name that answers every connection with 204, and its certificate.
fn tls_server(name: &str) -> (std::net::SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
        })
        .expect("a configuration");
    let (config, listener) = (Arc::new(config), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, socket);
            // A client that does not trust us ends here.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (address, made.cert.pem())
}

#[test]
fn a_tls_client_trusts_its_authority_and_no_other() {
    let (address, certificate) = tls_server("a.test");
    let (_, other) = tls_server("a.test");
    let client = Tls::trusting(&certificate);
    let mut connection = client.connect(address, "a.test");
    assert_eq!(connection.get("a.test", "/").status, 204);
    assert_eq!(connection.rest(), b"");
    assert_eq!(client.chain(address, "a.test").expect("a chain").len(), 1);
    assert!(client.try_connect(address, "b.test").is_err(), "another name");
    assert!(Tls::trusting(other).try_connect(address, "a.test").is_err(), "another authority");
}
