//! TLS from clients that are broken, hostile, or only unusual.

use crate::running::Gate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use testkit::{PATIENCE, Raw};

const SITE: &str = "[site.\"a.test\".routes]\n\"/\" = { respond = \"a\" }\n";

fn client(gate: &Gate, version: &'static SupportedProtocolVersion) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let authority = gate.ask(&["cert", "trust"]).stdout;
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), ServerName::try_from("a.test").unwrap()).unwrap()
}

/// The first flight of a client.
fn first_flight(gate: &Gate) -> Vec<u8> {
    let mut flight = Vec::new();
    client(gate, &rustls::version::TLS13).write_tls(&mut flight).unwrap();
    flight
}

/// The same handshake bytes in records of so many bytes.
fn in_records(flight: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[0x16, 3, 1, 0, part.len() as u8][..], part].concat();
    flight[5..].chunks(size).flat_map(record).collect()
}

#[test]
fn a_first_flight_in_pieces_is_still_one() {
    let gate = Gate::up(SITE);
    let flight = first_flight(&gate);
    for size in [1, 7, 100] {
        let mut client = Raw::connect(gate.https);
        let reply = client.send(in_records(&flight, size)).exactly(6);
        assert_eq!((reply[0], reply[5]), (0x16, 2), "records of {size}: a server hello and no alert");
    }
    let mut client = Raw::connect(gate.https);
    for byte in &flight {
        client.send([*byte]);
    }
    assert_eq!(client.exactly(6)[5], 2, "byte by byte");
}

#[test]
fn no_damaged_first_flight_shakes_the_gate() {
    let gate = Gate::up(SITE);
    let flight = first_flight(&gate);
    for place in 0..flight.len() {
        for damage in [0x01, 0xff] {
            let mut damaged = flight.clone();
            damaged[place] ^= damage;
            let mut client = Raw::connect(gate.https);
            // The gate may end the connection before it has everything.
            let _ = client.try_send(&damaged);
            let told = client.end_sending().rest();
            assert!(told.is_empty() || matches!(told[0], 0x15 | 0x16), "{place}: {}", told.escape_ascii());
        }
    }
    for length in (0..flight.len()).step_by(7) {
        let mut client = Raw::connect(gate.https);
        client.send(&flight[..length]).end_sending();
        assert_eq!(client.rest(), b"", "cut after {length}");
    }
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").text(), "a");
}

#[test]
fn damaged_records_end_an_open_connection_and_nothing_else() {
    let gate = Gate::up(SITE);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for damage in [
            &b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..],
            b"\x17\x03\x03\x00\x00",
            b"\x17\x03\x03\x00\x05hello",
            b"\x16\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            b"\x15\x03\x03\x00\x02\x02\x28",
            b"\x14\x03\x03\x00\x01\x01",
            b"\x17\x03\x03\xff\xff",
            b"GET / HTTP/1.1\r\n\r\n",
        ] {
            let mut socket = TcpStream::connect(gate.https).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut client = client(&gate, version);
            client.complete_io(&mut socket).unwrap();
            let mut stream = rustls::Stream::new(&mut client, &mut socket);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
            socket.write_all(damage).unwrap();
            let _ = socket.shutdown(std::net::Shutdown::Write);
            crate::running::drain(&mut socket);
        }
    }
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").text(), "a");
}

#[test]
fn both_versions_are_served_unless_the_file_says_otherwise() {
    for (least, old_is_served) in [("1.2", true), ("1.3", false)] {
        let gate = Gate::up(&format!("{SITE}[tls]\nmin_version = \"{least}\"\n"));
        for (version, is_served) in
            [(&rustls::version::TLS12, old_is_served), (&rustls::version::TLS13, true)]
        {
            let mut socket = TcpStream::connect(gate.https).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let shaken = client(&gate, version).complete_io(&mut socket);
            assert_eq!(shaken.is_ok(), is_served, "{version:?} with {least}: {shaken:?}");
        }
    }
}

#[test]
fn a_client_without_a_name_or_with_another_protocol_is_not_mistaken() {
    let gate = Gate::up(SITE);
    let nameless = gate.tls().without_server_name().try_connect(gate.https, "a.test");
    if let Ok(mut client) = nameless {
        assert!(matches!(client.get("a.test", "/").status, 200 | 421));
    }
    assert!(gate.tls().offering(&["h3"]).try_connect(gate.https, "a.test").is_err(), "no protocol in common");
    assert_eq!(
        gate.tls().offering(&["h3", "http/1.1"]).connect(gate.https, "a.test").get("a.test", "/").status,
        200
    );
    let without = Gate::up(&format!("{SITE}[tls]\nhttp2 = false\n"));
    let both = without.tls().offering(&["h2", "http/1.1"]);
    assert_eq!(both.connect(without.https, "a.test").get("a.test", "/").status, 200);
    assert_eq!(gate.tls().offering(&[]).connect(gate.https, "a.test").get("a.test", "/").status, 200);
}

#[test]
fn a_refused_handshake_has_a_line_with_its_rule() {
    let gate = Gate::up(SITE);
    let refused = gate.tls().try_connect(gate.https, "b.test").map(drop).unwrap_err().to_string();
    assert!(refused.contains("UnrecognisedName"), "{refused}");
    assert!(gate.tls().offering(&["h3"]).try_connect(gate.https, "a.test").is_err());
    let told = Raw::connect(gate.https).send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").rest();
    assert_eq!(told.first(), Some(&0x15), "an alert");
    // Who says nothing, or goes away, is no line.
    drop(Raw::connect(gate.https));
    Raw::connect(gate.https).send(&first_flight(&gate)[..20]).end_sending().rest();
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").status, 200);
    let lines = gate.log(4);
    // Those of two threads come in any order.
    let told: Vec<_> = lines.iter().map(|line| (&line["rule"], &line["host"])).collect();
    let null = serde_json::Value::Null;
    let expected =
        [("server-name", "b.test".into()), ("tls-handshake", "a.test".into()), ("client-hello", null)];
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (rule, host) in &expected {
        assert!(told.contains(&(&(*rule).into(), host)), "{rule}: {lines:?}");
    }
}

#[test]
fn a_client_that_ends_tls_with_its_request_is_not_waited_for() {
    let gate = Gate::up(SITE);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut socket = TcpStream::connect(gate.https).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = client(&gate, version);
        client.complete_io(&mut socket).unwrap();
        client.writer().write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        client.send_close_notify();
        // Both in one segment, and the connection beneath stays open: nothing else will ever wake the gate.
        let mut records = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut records).unwrap();
        }
        socket.write_all(&records).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert!(!answer.is_empty(), "{version:?}");
    }
}

#[test]
fn the_end_of_a_response_that_ends_with_the_connection_is_signed() {
    let gate = Gate::up(SITE);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut socket = TcpStream::connect(gate.https).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = client(&gate, version);
        let mut stream = rustls::Stream::new(&mut client, &mut socket);
        stream.write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").unwrap();
        let mut answer = String::new();
        // Without the alert, rustls reports an unexpected end.
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\na"), "{answer}");
    }
}
