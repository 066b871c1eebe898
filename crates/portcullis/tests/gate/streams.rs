//! Streams of TCP: bytes both ways, ends, limits, names, and what a reload does to them.

use crate::running::{Gate, Hello, Setup, free_address};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use testkit::{PATIENCE, Raw, Recording, eventually};

/// A gate with one stream, and where it listens.
fn stream(instances: &[SocketAddr], settings: &str) -> (Gate, SocketAddr) {
    let listen = free_address();
    let gate = Gate::up(&section("s", listen, instances, settings));
    (gate, listen)
}

fn section(name: &str, listen: SocketAddr, instances: &[SocketAddr], settings: &str) -> String {
    let instances: Vec<String> = instances.iter().map(|instance| format!("\"{instance}\"")).collect();
    format!(
        "[stream.{name}]\nlisten = \"{}\"\ninstances = [{}]\n{settings}\n",
        listen.port(),
        instances.join(", ")
    )
}

/// A connection with a deadline.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An instance that accepts once, and does this with the connection.
fn instance<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        serve(stream)
    });
    (address, served)
}

fn all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_come_back_and_are_counted_and_logged() {
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "");
    let mut raw = Raw::connect(address);
    assert_eq!(raw.send("\0\r\nany bytes").exactly(12), b"\0\r\nany bytes");
    raw.end_sending();
    assert_eq!(raw.rest(), b"");
    let line = gate.log(1).remove(0);
    assert_eq!((line["stream"].as_str(), line["transport"].as_str()), (Some("s"), Some("tcp")));
    assert_eq!((line["bytes_in"].as_u64(), line["bytes_out"].as_u64()), (Some(12), Some(12)));
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(line["instance"], echo.address.to_string());
    assert!(line["error"].is_null() && line["rule"].is_null(), "{line}");
    assert!(gate.metric(&["stream_connections_total", "\"s\""]) >= 1.0);
    assert!(gate.metric(&["stream_sent_bytes_total", "\"s\""]) >= 12.0);
}

#[test]
fn a_client_that_ends_its_half_still_receives_the_other() {
    let (address, served) = instance(|mut stream| {
        let question = all(&stream);
        stream.write_all(b"last words").unwrap();
        question
    });
    let (_gate, address) = stream(&[address], "");
    let mut client = connect(address);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(all(&client), b"last words");
    assert_eq!(served.join().unwrap(), b"question");
}

#[test]
fn an_instance_that_ends_first_still_receives_the_rest() {
    let (address, served) = instance(|mut stream| {
        stream.write_all(b"greeting").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        all(&stream)
    });
    let (_gate, address) = stream(&[address], "");
    let mut client = connect(address);
    assert_eq!(all(&client), b"greeting");
    client.write_all(b"answer").unwrap();
    drop(client);
    assert_eq!(served.join().unwrap(), b"answer");
}

/// Bytes that show when one is missing, twice, or in another place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|place| (place.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

#[test]
fn a_hundred_megabytes_pass_both_ways_at_once() {
    const LENGTH: usize = 100_000_000;
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "");
    let client = connect(address);
    let sending = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        (&sending).write_all(&pattern(LENGTH)).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
    });
    let received = all(&client);
    sender.join().unwrap();
    assert!(received == pattern(LENGTH), "{} bytes came back, or other ones", received.len());
    let line = gate.log(1).remove(0);
    assert_eq!(line["bytes_in"].as_u64(), Some(LENGTH as u64));
    assert_eq!(line["bytes_out"].as_u64(), Some(LENGTH as u64));
    assert!(gate.memory() < 200 << 20, "{} bytes of memory", gate.memory());
}

#[test]
fn a_client_that_does_not_read_is_not_buffered() {
    let (address, served) = instance(|mut stream| {
        stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let piece = vec![0; 1 << 20];
        (0..200).take_while(|_| stream.write_all(&piece).is_ok()).count()
    });
    let (gate, address) = stream(&[address], "");
    let client = connect(address);
    assert!(served.join().unwrap() < 100, "more than sockets hold was taken");
    assert!(gate.memory() < 100 << 20, "{} bytes of memory", gate.memory());
    drop(client);
}

#[test]
fn silence_ends_a_connection_and_bytes_put_it_off() {
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "idle_timeout = \"1s\"");
    let mut raw = Raw::connect(address);
    for _ in 0..8 {
        assert!(raw.is_silent_for(Duration::from_millis(250)));
        assert_eq!(raw.send("x").exactly(1), b"x");
    }
    let mut client = connect(address);
    let ended = client.read(&mut [0; 1]);
    assert!(matches!(ended, Ok(0)) || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    assert_eq!(gate.log(1)[0]["rule"], "idle-timeout");
}

#[test]
fn limits_hold_for_a_stream_and_for_an_address() {
    let echo = Hello::echo();
    for (settings, rule) in
        [("connections = 2", "connections"), ("connections_per_address = 2", "connections-per-address")]
    {
        let (gate, address) = stream(&[echo.address], settings);
        let mut open: Vec<Raw> = (0..2).map(|_| Raw::connect(address)).collect();
        for raw in &mut open {
            assert_eq!(raw.send("x").exactly(1), b"x");
        }
        let mut third = connect(address);
        assert!(!matches!(third.read(&mut [0; 1]), Ok(1..)));
        assert_eq!(gate.log(1)[0]["rule"], rule);
        assert!(gate.metric(&["stream_refused_total"]) >= 1.0);
        drop(open);
        eventually("room again", || {
            let mut raw = Raw::connect(address);
            raw.try_send("x").ok()?;
            let mut client = connect(address);
            client.write_all(b"y").ok()?;
            matches!(client.read(&mut [0; 1]), Ok(1)).then_some(())
        });
    }
}

#[test]
fn an_instance_learns_who_the_client_is() {
    for (version, expected) in [
        ("v1", &b"PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r\n"[..]),
        ("v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11"),
    ] {
        let (address, served) = instance(|stream| all(&stream));
        let listen = free_address();
        let gate = Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() };
        let settings = format!("proxy_protocol = \"{version}\"");
        let gate = gate.up(&section("s", listen, &[address], &settings));
        let mut client = connect(listen);
        // The header in pieces, and the first byte of the client with its last one.
        for byte in b"PROXY TCP4 192.0.2.7 198.51.100.1 8080 443\r" {
            client.write_all(&[*byte]).unwrap();
        }
        client.write_all(b"\nhello").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let received = served.join().unwrap();
        assert!(received.starts_with(expected) && received.ends_with(b"hello"), "{received:?}");
        drop(client);
        assert_eq!(gate.log(1)[0]["client"], "192.0.2.7");
    }
}

#[test]
fn without_a_header_an_announcing_peer_is_not_served() {
    let echo = Hello::echo();
    let listen = free_address();
    let gate = Setup { listen: "proxy_protocol = [\"127.0.0.0/8\"]", ..Setup::default() }.up(&section(
        "s",
        listen,
        &[echo.address],
        "",
    ));
    let mut raw = Raw::connect(listen);
    assert_eq!(raw.send("SSH-2.0-x\r\n").rest(), b"");
    eventually("a failed header", || (gate.metric(&["failed_proxy_headers"]) >= 1.0).then_some(()));
}

#[test]
fn the_next_instance_takes_over_from_one_that_is_gone() {
    let (first, second) = (Hello::echo(), Hello::echo());
    let addresses = [first.address, second.address];
    let (gate, address) = stream(&addresses, "ejection = \"60s\"");
    let echoes = || assert_eq!(Raw::connect(address).send("x").exactly(1), b"x");
    for _ in 0..4 {
        echoes();
    }
    drop(first);
    for _ in 0..8 {
        echoes();
    }
    drop(second);
    let mut client = connect(address);
    assert!(!matches!(client.read(&mut [0; 1]), Ok(1..)), "nobody is there");
    let lines = gate.log(13);
    let used =
        |address: SocketAddr| lines.iter().filter(|line| line["instance"] == address.to_string()).count();
    assert!(used(addresses[0]) >= 1 && used(addresses[1]) >= 8, "{lines:?}");
    let failed = lines.iter().find(|line| !line["error"].is_null()).unwrap();
    assert!(failed["error"].as_str().unwrap().starts_with("connect: "), "{failed}");
}

#[test]
fn the_same_client_comes_to_the_same_instance() {
    let echoes: Vec<Hello> = (0..4).map(|_| Hello::echo()).collect();
    let addresses: Vec<SocketAddr> = echoes.iter().map(|echo| echo.address).collect();
    let (gate, address) = stream(&addresses, "balance = \"source\"");
    for _ in 0..12 {
        assert_eq!(Raw::connect(address).send("x").exactly(1), b"x");
    }
    let lines = gate.log(12);
    assert!(lines.iter().all(|line| line["instance"] == lines[0]["instance"]), "{lines:?}");
}

#[test]
fn a_unix_socket_is_an_instance_too() {
    let folder = testkit::Folder::new();
    let path = folder.join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap()
    });
    let listen = free_address();
    let _gate = Gate::up(&format!(
        "[stream.s]\nlisten = \"127.0.0.1:{}/tcp\"\ninstances = [\"unix:{}\"]\n",
        listen.port(),
        path.display()
    ));
    let client = connect(listen);
    let sending = client.try_clone().unwrap();
    let sender = thread::spawn(move || {
        (&sending).write_all(&pattern(3_000_000)).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
    });
    assert!(all(&client) == pattern(3_000_000));
    sender.join().unwrap();
    assert_eq!(served.join().unwrap(), 3_000_000);
}

/// Bytes that are copied, and so many that the kernel moves them.
const FEW_AND_MANY: [usize; 2] = [10, 3_000_000];

/// Breaks a connection off, so that the other side sees no end of it that was meant.
fn break_off(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn a_broken_connection_looks_broken_on_the_other_side() {
    for length in FEW_AND_MANY {
        let (address, served) = instance(move |mut stream| {
            stream.read_exact(&mut [0]).unwrap();
            stream.write_all(&pattern(length)).unwrap();
            break_off(stream);
        });
        let (_gate, address) = stream(&[address], "");
        let mut client = connect(address);
        client.write_all(b"?").unwrap();
        let mut received = Vec::new();
        let ended = client.read_to_end(&mut received);
        assert!(ended.is_err(), "{} bytes look like all of them", received.len());
        served.join().unwrap();
    }
}

#[test]
fn an_instance_sees_that_a_client_broke_off() {
    for length in FEW_AND_MANY {
        let (address, served) = instance(move |mut stream| {
            stream.read_exact(&mut vec![0; length]).unwrap();
            stream.write_all(b"go").unwrap();
            stream.read_to_end(&mut Vec::new())
        });
        let (_gate, address) = stream(&[address], "");
        let mut client = connect(address);
        client.write_all(&pattern(length)).unwrap();
        client.read_exact(&mut [0; 2]).unwrap();
        break_off(client);
        assert!(served.join().unwrap().is_err(), "it looks like an end after {length} bytes");
    }
}

#[test]
fn silence_after_a_long_transfer_ends_a_connection_too() {
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "idle_timeout = \"1s\"");
    let client = connect(address);
    let mut sending = client.try_clone().unwrap();
    let sender = thread::spawn(move || sending.write_all(&pattern(FEW_AND_MANY[1])));
    let mut received = vec![0; FEW_AND_MANY[1]];
    (&client).read_exact(&mut received).unwrap();
    sender.join().unwrap().unwrap();
    assert!(received == pattern(FEW_AND_MANY[1]));
    assert!(!matches!((&client).read(&mut [0]), Ok(1..)));
    assert_eq!(gate.log(1)[0]["rule"], "idle-timeout");
}

/// A site and a stream that is passed through, on one port of HTTPS; the instance of the stream is another gate.
fn shared_port(site: SocketAddr, inner: &Gate) -> Gate {
    Gate::up(&format!(
        "[site]\n\"a.test\" = \"{site}\"\n{}tls = \"passthrough\"\nhosts = [\"db.test\", \"*.db.test\"]\n",
        format_args!("[stream.db]\nlisten = \"{{https}}\"\ninstances = [\"{}\"]\n", inner.https)
    ))
}

#[test]
fn names_on_one_port_lead_to_a_site_and_to_a_stream() {
    let (app, behind) = (Recording::start(), Recording::start());
    let inner =
        Gate::up(&format!("[site]\n\"db.test\" = \"{0}\"\n\"x.db.test\" = \"{0}\"\n", behind.address()));
    let gate = shared_port(app.address(), &inner);
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").status, 200);
    assert_eq!((app.requests().len(), behind.requests().len()), (1, 0));
    for name in ["db.test", "x.db.test"] {
        // The certificate is that of the inner gate: nobody on the way speaks TLS.
        assert_eq!(inner.tls().connect(gate.https, name).get(name, "/").status, 200);
    }
    assert_eq!((app.requests().len(), behind.requests().len()), (1, 2));
    assert!(gate.tls().try_connect(gate.https, "other.test").is_err());
    assert!(gate.tls().without_server_name().try_connect(gate.https, "a.test").is_err());
    says(gate.https, b"GET / HTTP/1.1\r\nHost: db.test\r\n\r\n");
    let lines = gate.log(6);
    let refused = |rule: &str, host: Option<&str>| {
        lines.iter().any(|line| {
            line["rule"] == rule
                && line.get("host").and_then(|host| host.as_str()) == host
                && line.get("stream").is_none()
        })
    };
    assert!(refused("server-name", Some("other.test")), "{lines:?}");
    assert!(refused("server-name", None), "{lines:?}");
    assert!(refused("client-hello", None), "{lines:?}");
    assert!(lines.iter().any(|line| line["stream"] == "db" && line["host"] == "x.db.test"), "{lines:?}");
    assert!(lines.iter().any(|line| line["site"] == "a.test"), "{lines:?}");
}

/// Passes bytes on to an address, each in a segment of its own.
fn byte_by_byte(to: SocketAddr) -> SocketAddr {
    let (address, _) = instance(move |mut client| {
        let mut server = TcpStream::connect(to).unwrap();
        server.set_nodelay(true).unwrap();
        let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let mut byte = [0];
        while let Ok(1) = client.read(&mut byte) {
            server.write_all(&byte).unwrap();
        }
    });
    address
}

#[test]
fn a_name_in_pieces_is_a_name() {
    let (app, behind) = (Recording::start(), Recording::start());
    let inner = Gate::up(&format!("[site]\n\"db.test\" = \"{}\"\n", behind.address()));
    let gate = shared_port(app.address(), &inner);
    let (to_site, to_stream) = (byte_by_byte(gate.https), byte_by_byte(gate.https));
    assert_eq!(inner.tls().connect(to_stream, "db.test").get("db.test", "/").status, 200);
    assert_eq!(gate.tls().connect(to_site, "a.test").get("a.test", "/").status, 200);
}

/// Sends some bytes, and reads what is answered until the end.
fn says(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // An end that looks broken is one, too.
    let _ = client.read_to_end(&mut answer);
    answer
}

#[test]
fn a_stream_alone_on_its_port_refuses_other_names() {
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "tls = \"passthrough\"\nhosts = [\"db.test\"]\n");
    for bytes in [&b"GET / HTTP/1.1\r\nHost: db.test\r\n\r\n"[..], b"SSH-2.0-x\r\n"] {
        assert_eq!(says(address, bytes), b"");
    }
    let lines = gate.log(2);
    assert!(
        lines.iter().all(|line| line["rule"] == "client-hello" && line.get("stream").is_none()),
        "{lines:?}"
    );
}

#[test]
fn the_gate_speaks_tls_in_front_of_a_plain_instance() {
    let (echo, app) = (Hello::echo(), Recording::start());
    let own = free_address();
    let gate = Gate::up(&format!(
        "[site]\n\"a.test\" = \"{}\"\n{}{}",
        app.address(),
        section(
            "own",
            own,
            &[echo.address],
            "tls = \"terminate\"\nhosts = \"redis.test\"\nalpn = [\"postgresql\"]\n"
        ),
        format_args!(
            "[stream.shared]\nlisten = \"{{https}}\"\ninstances = [\"{}\"]\ntls = \"terminate\"\nhosts = \"mqtt.test\"\n",
            echo.address
        )
    ));
    for (address, name) in [(own, "redis.test"), (gate.https, "mqtt.test")] {
        let mut raw = gate.tls().offering(&[]).connect(address, name);
        let bytes = pattern(1_000_000);
        let mut received = Vec::new();
        for piece in bytes.chunks(50_000) {
            raw.send(piece);
            received.extend(raw.exactly(piece.len()));
        }
        assert!(received == bytes);
        assert_eq!(raw.end_sending().rest(), b"");
    }
    // One that insists on a protocol is answered where the stream has it, and not misled where it has none.
    let offered = |address: SocketAddr, name: &str, protocols: &[&str]| {
        let config = Arc::new(gate.tls().offering(protocols).into_config());
        let mut client = rustls::ClientConnection::new(config, name.to_owned().try_into().unwrap()).unwrap();
        client.complete_io(&mut connect(address)).ok()?;
        Some(client.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(offered(own, "redis.test", &["postgresql"]), Some(Some(b"postgresql".to_vec())));
    assert_eq!(offered(own, "redis.test", &["http/1.1"]), None);
    assert_eq!(offered(gate.https, "mqtt.test", &["postgresql"]), Some(None));
    let refused = gate.tls().try_connect(own, "a.test").map(drop).unwrap_err().to_string();
    assert!(refused.contains("UnrecognisedName"), "{refused}");
    assert_eq!(gate.tls().connect(gate.https, "a.test").get("a.test", "/").status, 200);
    let lines = gate.log(4);
    assert!(lines.iter().any(|line| line["rule"] == "server-name"), "{lines:?}");
}

#[test]
fn who_asks_for_no_name_is_served_where_only_one_can_be_meant() {
    let (echo, alone, both) = (Hello::echo(), free_address(), free_address());
    let terminate = |name: &str, listen, hosts: &str| {
        section(name, listen, &[echo.address], &format!("tls = \"terminate\"\nhosts = [{hosts}]\n"))
    };
    let one = terminate("one", alone, "\"db.test\", \"other.test\"");
    let two = terminate("two", both, "\"*.two.test\"") + &terminate("three", both, "\"three.test\"");
    let gate = Gate::up(&(one.clone() + &two));
    let nameless = || gate.tls().without_server_name();
    let mut raw = nameless().connect(alone, "db.test");
    assert_eq!(raw.send("x").exactly(1), b"x");
    assert!(nameless().try_connect(alone, "else.test").is_err(), "it is the certificate of the first name");
    assert!(gate.tls().try_connect(alone, "else.test").is_err(), "who asks for a name gets that or nothing");
    assert!(nameless().try_connect(both, "three.test").is_err());
    gate.reload(&(one + &terminate("two", both, "\"*.two.test\"")));
    assert_eq!(nameless().connect(both, "x.two.test").send("y").exactly(1), b"y");
}

#[test]
fn a_reload_keeps_what_stays_and_ends_what_goes() {
    let (echo, other) = (Hello::echo(), Hello::echo());
    let (stays, goes, comes) = (free_address(), free_address(), free_address());
    let staying = section("stays", stays, &[echo.address], "");
    let limits = "[limits]\ndrain_timeout = \"1s\"\n";
    let gate = Gate::up(&format!("{limits}{staying}{}", section("goes", goes, &[echo.address], "")));
    let mut open = [Raw::connect(stays), Raw::connect(goes)];
    for raw in &mut open {
        assert_eq!(raw.send("x").exactly(1), b"x");
    }
    gate.reload(&format!("{limits}{staying}{}", section("comes", comes, &[other.address], "")));
    let [mut kept, mut ended] = open;
    assert_eq!(Raw::connect(comes).send("x").exactly(1), b"x");
    assert!(TcpStream::connect(goes).is_err(), "nobody listens any more");
    let lines = eventually("its end", || Some(gate.log_text()).filter(|text| text.contains("\"removed\"")));
    assert!(lines.lines().any(|line| line.contains("\"goes\"") && line.contains("\"removed\"")), "{lines}");
    assert!(ended.try_send("x").is_err() || ended.try_response("GET").is_err());
    assert_eq!(kept.send("y").exactly(1), b"y");
    // The instance of a connection goes, and its stream stays.
    gate.reload(&format!("{limits}{}", section("stays", stays, &[other.address], "")));
    assert_eq!(Raw::connect(stays).send("x").exactly(1), b"x");
    eventually("its end", || {
        let text = gate.log_text();
        text.lines().any(|line| line.contains("\"stays\"") && line.contains("\"removed\"")).then_some(())
    });
    // A port changes hands between a stream and a site.
    let app = Recording::start();
    gate.reload(&format!("{limits}[site.\":{}\"]\nservice = \"{}\"\n", stays.port(), app.address()));
    assert_eq!(Raw::connect(stays).get("any", "/").status, 200);
}

#[test]
fn the_end_of_the_gate_waits_for_connections() {
    let echo = Hello::echo();
    let (gate, address) = stream(&[echo.address], "");
    let mut raw = Raw::connect(address);
    assert_eq!(raw.send("x").exactly(1), b"x");
    gate.signal(rustix::process::Signal::TERM);
    eventually("nobody listens any more", || TcpStream::connect(address).is_err().then_some(()));
    assert_eq!(raw.send("y").exactly(1), b"y");
    raw.end_sending();
    assert_eq!(raw.rest(), b"");
    let (finished, log) = gate.finish();
    assert_eq!(finished.code(), 0);
    assert!(log.contains("\"bytes_in\":2"), "{log}");
}
