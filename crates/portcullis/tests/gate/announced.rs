//! The PROXY protocol: a proxy in front announces its clients, and the gate announces them to an instance.

use crate::running::{Gate, Setup};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use testkit::{PATIENCE, Recording, eventually};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A gate that has loopback announce its clients.
fn announced_to(site: &str) -> Gate {
    Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() }
        .up(&format!("[site.\":{{http}}\"]\n{site}"))
}

fn version_2(source: [u8; 4]) -> Vec<u8> {
    let header = [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[0x21, 0x11, 0, 12], &source, &[198, 51, 100, 1]];
    [&header.concat()[..], &[0x1f, 0x90, 1, 0xbb]].concat()
}

#[test]
fn an_announced_client_is_the_client() {
    let app = Recording::start();
    let gate = announced_to(&format!("service = \"{}\"\n", app.address()));
    let headers = [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 8080 443\r\n".to_vec(), "2001:db8::7"),
        (version_2([192, 0, 2, 9]), "192.0.2.9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
    ];
    for (header, client) in &headers {
        let mut raw = gate.raw();
        raw.send([header, REQUEST.as_bytes(), REQUEST.as_bytes()].concat());
        for _ in 0..2 {
            assert_eq!(raw.response("GET").status, 200);
            let seen = app.requests();
            assert_eq!(seen.last().unwrap().value("x-forwarded-for").as_deref(), Some(*client));
        }
    }
    assert_eq!(app.problems(), [""; 0]);
}

#[test]
fn a_header_in_pieces_is_a_header() {
    let app = Recording::start();
    let gate = announced_to(&format!("service = \"{}\"\n", app.address()));
    let mut raw = gate.raw();
    for byte in version_2([192, 0, 2, 9]) {
        raw.send([byte]);
    }
    raw.send(REQUEST);
    assert_eq!(raw.response("GET").status, 200);
    assert_eq!(app.requests()[0].value("x-forwarded-for").as_deref(), Some("192.0.2.9"));
}

#[test]
fn without_a_header_nothing_is_served() {
    let app = Recording::start();
    let gate = announced_to(&format!("service = \"{}\"\n", app.address()));
    for begin in [REQUEST, "PROXY TCP4 nobody\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\n"] {
        let mut raw = gate.raw();
        raw.send(begin);
        assert_eq!(raw.rest(), b"", "{begin}");
    }
    assert!(app.requests().is_empty());
    eventually("three failed headers", || (gate.metric(&["failed_proxy_headers"]) >= 3.0).then_some(()));
}

#[test]
fn others_may_not_announce_anybody() {
    let app = Recording::start();
    let gate = Gate::before(app.address());
    let mut raw = gate.raw();
    raw.send(["PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r\n", REQUEST].concat());
    assert_eq!(raw.response("GET").status, 400);
    assert!(app.requests().is_empty());
}

#[test]
fn clients_of_a_proxy_are_counted_by_their_own_addresses() {
    let app = Recording::start();
    let gate = Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() }.up(&format!(
        "[limits]\nconnections_per_address = 1\n[site.\":{{http}}\"]\nservice = \"{}\"\n",
        app.address()
    ));
    let open = |client: u8| {
        let mut raw = gate.raw();
        raw.send([&version_2([192, 0, 2, client]), REQUEST.as_bytes()].concat());
        raw
    };
    let (mut first, mut second) = (open(1), open(2));
    assert_eq!((first.response("GET").status, second.response("GET").status), (200, 200));
    assert_eq!(open(1).rest(), b"", "one connection of an address is open already");
}

#[test]
fn curl_speaks_tls_behind_a_header() {
    let app = Recording::start();
    let setup = Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() };
    let gate = setup.up(&format!("[site]\n\"a.test\" = \"{}\"\n", app.address()));
    gate.folder.write("root.pem", gate.ask(&["cert", "trust"]).stdout);
    let port = gate.https.port();
    let curl = Command::new("curl")
        .current_dir(gate.folder.path())
        .args(["-sS", "--haproxy-protocol", "--cacert", "root.pem", "--max-time", "10"])
        .args(["--resolve", &format!("a.test:{port}:127.0.0.1"), &format!("https://a.test:{port}/")])
        .output()
        .unwrap();
    assert!(curl.status.success(), "{curl:?}");
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn an_instance_learns_who_the_client_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let instance = listener.local_addr().unwrap();
    let serving = thread::spawn(move || (0..4).map(|_| first_bytes(&listener.accept().unwrap().0)).collect());
    for (version, expected) in [
        ("v1", "PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r\n".as_bytes().to_vec()),
        ("v2", version_2([192, 0, 2, 7])),
    ] {
        let gate = Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() }.up(&format!(
            "[site.\":{{http}}\"]\nservice = \"app\"\n[service.app]\ninstances = [\"{instance}\"]\nproxy_protocol = \"{version}\"\n"
        ));
        let mut raw = gate.raw();
        raw.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r\n");
        // Two requests of one client: neither shares its connection.
        for _ in 0..2 {
            raw.send(REQUEST);
            assert_eq!(raw.response("GET").text(), hex(&expected));
        }
    }
    let served: Vec<bool> = serving.join().unwrap();
    assert_eq!(served, [true; 4]);
}

/// Answers with what came before the request, in hexadecimal.
fn first_bytes(stream: &TcpStream) -> bool {
    let mut stream = stream;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    let mut piece = [0; 1024];
    while !received.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut piece).unwrap();
        received.extend_from_slice(&piece[..count]);
    }
    let begin = received.windows(5).position(|window| window == b"GET /").unwrap();
    let body = hex(&received[..begin]);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).unwrap();
    // A connection that serves one client is closed by the gate.
    let ended = matches!(stream.read(&mut piece), Ok(0));
    let _ = stream.shutdown(Shutdown::Both);
    ended
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
