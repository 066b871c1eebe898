//! Streams of UDP: sessions, their ends and their limits.

use crate::running::{Gate, Hello, Setup, free_address};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use testkit::{PATIENCE, eventually};

/// A gate with one stream, and where it listens.
fn stream(threads: usize, instances: &[SocketAddr], settings: &str) -> (Gate, SocketAddr) {
    let listen = free_address();
    let instances: Vec<String> = instances.iter().map(|instance| format!("\"{instance}\"")).collect();
    let gate = Setup { threads, ..Setup::default() }.up(&format!(
        "[stream.s]\nlisten = \"{}/udp\"\ninstances = [{}]\n{settings}\n",
        listen.port(),
        instances.join(", ")
    ));
    (gate, listen)
}

/// The same on every address of the host.
fn everywhere(instance: SocketAddr, wildcard: &str) -> (Gate, u16) {
    let port = free_address().port();
    let listen = format!("listen = \"{wildcard}:{port}/udp\"");
    (Gate::up(&format!("[stream.s]\n{listen}\ninstances = [\"{instance}\"]\n")), port)
}

fn client(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn echoes(socket: &UdpSocket, datagram: &[u8]) {
    socket.send(datagram).unwrap();
    let mut answer = vec![0; 65_535];
    let length = socket.recv(&mut answer).unwrap();
    assert!(answer[..length] == *datagram, "{length} bytes");
}

/// Whether an answer comes soon.
fn is_answered(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let answered = socket.send(b"x").is_ok() && socket.recv(&mut [0; 1]).is_ok();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    answered
}

#[test]
fn datagrams_of_every_size_come_back_to_who_sent_them() {
    let echo = Hello::datagrams();
    let (gate, address) = stream(2, &[echo.address], "idle_timeout = \"1s\"");
    let clients: Vec<UdpSocket> = (0..20).map(|_| client(address)).collect();
    for size in [0, 1, 512, 1500, 9000, 60_000] {
        for (number, client) in clients.iter().enumerate() {
            echoes(client, &vec![number as u8; size]);
        }
    }
    let lines = gate.log(20);
    assert!(lines.iter().all(|line| line["transport"] == "udp" && line["bytes_in"] == line["bytes_out"]));
    assert!(lines.iter().all(|line| line["bytes_in"] == 71_013 && line["error"].is_null()), "{lines:?}");
    // Who is silent for too long begins anew.
    echoes(&clients[0], b"again");
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    let echo = Hello::datagrams();
    let (gate, port) = everywhere(echo.address, "0.0.0.0");
    for last in [1, 2, 77] {
        // A connected socket takes datagrams from that address alone.
        let client = client(SocketAddr::from(([127, 0, 0, last], port)));
        for datagram in [&b"one"[..], &[2; 60_000]] {
            echoes(&client, datagram);
        }
    }
    // Two addresses and one client are two ways.
    let client = UdpSocket::bind("0.0.0.0:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    for last in [3, 4, 3] {
        let to = SocketAddr::from(([127, 0, 0, last], port));
        client.send_to(b"x", to).unwrap();
        assert_eq!(client.recv_from(&mut [0; 9]).unwrap(), (1, to));
    }
    drop(gate);
    let (_gate, port) = everywhere(echo.address, "[::]");
    let client = UdpSocket::bind("[::1]:0").unwrap();
    client.connect(("::1", port)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    echoes(&client, b"over IPv6");
}

#[test]
fn a_datagram_that_is_too_long_for_the_way_to_an_instance_is_lost_and_nothing_else() {
    let echo = Hello::datagrams();
    let (gate, port) = everywhere(echo.address, "[::]");
    let client = UdpSocket::bind("[::1]:0").unwrap();
    client.connect(("::1", port)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    echoes(&client, b"before");
    // IPv6 has room for twenty bytes more than IPv4, which the instance is reached with.
    client.send(&[0; 65_520]).unwrap();
    echoes(&client, b"after");
    assert_eq!(gate.metric(&["stream_connect_failures_total"]), 0.0);
    assert_eq!(gate.log_text(), "");
}

#[test]
fn a_session_stays_with_its_instance_and_a_dead_one_is_left_alone() {
    let (first, second) = (Hello::datagrams(), Hello::datagrams());
    let (gate, address) = stream(2, &[first.address, second.address], "ejection = \"60s\"");
    let clients: Vec<UdpSocket> = (0..8).map(|_| client(address)).collect();
    for client in &clients {
        echoes(client, b"one");
        echoes(client, b"two");
    }
    drop(first);
    // The first datagram to nobody is lost, and what its host says of it ends the session.
    for client in &clients {
        eventually("an answer of the other instance", || is_answered(client).then_some(()));
    }
    drop(gate.log(1));
    assert!(gate.metric(&["stream_connect_failures_total"]) >= 1.0);
}

#[test]
fn sessions_are_bounded_and_the_silent_ones_make_room() {
    let echo = Hello::datagrams();
    let (gate, address) = stream(1, &[echo.address], "connections = 2");
    let clients: Vec<UdpSocket> = (0..2).map(|_| client(address)).collect();
    for client in &clients {
        echoes(client, b"x");
    }
    let third = client(address);
    assert!(!is_answered(&third) || gate.log_text().contains("evicted"));
    eventually("room", || is_answered(&third).then_some(()));
    let lines = gate.log(1);
    assert_eq!(lines[0]["rule"], "evicted");
}

#[test]
fn a_session_makes_room_for_one_of_another_thread() {
    let echo = Hello::datagrams();
    let (gate, address) = stream(8, &[echo.address], "connections = 2");
    // Which thread a client has is the kernel's choice; eight of them do not all have one.
    for _ in 0..8 {
        let client = client(address);
        eventually("room", || is_answered(&client).then_some(()));
    }
    let lines = gate.log(6);
    assert!(lines.iter().all(|line| line["rule"] == "evicted"), "{lines:?}");
}

#[test]
fn who_has_too_many_sessions_drives_nobody_out() {
    let echo = Hello::datagrams();
    let (gate, address) = stream(1, &[echo.address], "connections_per_address = 1");
    let first = client(address);
    echoes(&first, b"x");
    let second = client(address);
    // Long enough for the first one to count as silent.
    for _ in 0..6 {
        assert!(!is_answered(&second));
    }
    assert!(gate.metric(&["stream_refused_total"]) >= 6.0);
    echoes(&first, b"still there");
    assert_eq!(gate.log_text(), "");
}

#[test]
fn a_reload_and_the_end_end_sessions() {
    let echo = Hello::datagrams();
    let (gate, address) = stream(2, &[echo.address], "");
    let client = client(address);
    echoes(&client, b"x");
    gate.reload("[site.\":{http}\"]\nrespond = \"x\"\n");
    assert_eq!(gate.log(1)[0]["rule"], "removed");
    assert!(!is_answered(&client));
    let (gate, address) = stream(2, &[echo.address], "");
    echoes(&self::client(address), b"x");
    gate.signal(rustix::process::Signal::TERM);
    let (finished, log) = gate.finish();
    assert_eq!(finished.code(), 0);
    assert!(
        log.contains("\"udp\"") && !finished.stderr.contains("connections cut"),
        "{log}{}",
        finished.stderr
    );
}
