//! Connections as they are judged, and cut.

use crate::namespace::{HERE, THERE, at, here, in_namespace, tcp, tcp_to, two_ends, udp};
use firewall::connections::Opener;
use host::sockets::{Established, Outcome, connections, destroy};
use model::plan::InterfaceName;
use rustix::net::sockopt;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

fn listener() -> TcpListener {
    TcpListener::bind(at(&format!("{HERE}:0"))).expect("a listener")
}

fn there() -> SocketAddr {
    at(&format!("{THERE}:0"))
}

fn only() -> Established {
    let mut found = connections(&here()).expect("connections");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
}

#[test]
fn a_connection_to_a_listener_was_opened_by_its_peer() {
    in_namespace("connections::a_connection_to_a_listener_was_opened_by_its_peer", || {
        two_ends();
        let listener = listener();
        let (client, server) = tcp(there(), &listener);
        let one = only();
        assert_eq!(one.connection.local, server.local_addr().expect("an address"));
        assert_eq!(one.connection.peer, client.local_addr().expect("an address"));
        assert_eq!(one.connection.interface, Some(InterfaceName("eth0".to_owned())));
        assert_eq!(one.connection.opened_by, Opener::Peer);
        assert_eq!(one.process.map(|process| process.id), Some(std::process::id()));
    });
}

#[test]
fn a_connection_from_a_port_where_nothing_listens_was_opened_here() {
    in_namespace("connections::a_connection_from_a_port_where_nothing_listens_was_opened_here", || {
        two_ends();
        let listener = TcpListener::bind(there()).expect("a listener there");
        let (_client, _server) = tcp(at(&format!("{HERE}:0")), &listener);
        assert_eq!(only().connection.opened_by, Opener::ThisHost);
    });
}

#[test]
fn ipv4_through_a_socket_for_both_families_is_told_as_ipv4_and_can_be_cut() {
    in_namespace(
        "connections::ipv4_through_a_socket_for_both_families_is_told_as_ipv4_and_can_be_cut",
        || {
            two_ends();
            let listener = TcpListener::bind("[::]:0").expect("a listener for both");
            let port = listener.local_addr().expect("an address").port();
            let client = tcp_to(there(), at(&format!("{HERE}:{port}")));
            let _server = listener.accept().expect("the connection");
            let one = only();
            assert!(one.connection.opened_by == Opener::Peer && one.connection.local.is_ipv4(), "{one:?}");
            let outcomes = destroy(&[one.socket]).expect("the kernel");
            assert!(matches!(outcomes.as_slice(), [Outcome::Destroyed]), "{outcomes:?}");
            assert_reset(&client);
        },
    );
}

fn assert_reset(mut client: &TcpStream) {
    patient(client);
    let seen = client.read(&mut [0; 8]).expect_err("a reset").kind();
    assert_eq!(seen, ErrorKind::ConnectionReset);
}

#[test]
fn a_cut_connection_is_over_for_both_ends_and_the_others_go_on() {
    in_namespace("connections::a_cut_connection_is_over_for_both_ends_and_the_others_go_on", || {
        two_ends();
        let listener = listener();
        let (client, mut server) = tcp(there(), &listener);
        let cut = only();
        let (mut other, mut other_server) = tcp(there(), &listener);
        let outcomes = destroy(&[cut.socket, cut.socket]).expect("the kernel");
        assert!(matches!(outcomes.as_slice(), [Outcome::Destroyed, Outcome::Gone]), "{outcomes:?}");
        assert_reset(&client);
        patient(&server);
        assert_eq!(server.read(&mut [0; 8]).expect_err("an error").kind(), ErrorKind::ConnectionAborted);
        assert_passes(&mut other, &mut other_server);
    });
}

fn assert_passes(from: &mut TcpStream, to: &mut TcpStream) {
    patient(to);
    from.write_all(b"alive").expect("a connection");
    let mut seen = [0; 5];
    to.read_exact(&mut seen).expect("what was sent");
    assert_eq!(&seen, b"alive");
}

#[test]
fn a_later_connection_with_the_same_addresses_is_never_cut_in_place_of_an_earlier() {
    in_namespace(
        "connections::a_later_connection_with_the_same_addresses_is_never_cut_in_place_of_an_earlier",
        || {
            two_ends();
            let listener = listener();
            let (client, server) = tcp(there(), &listener);
            let from = client.local_addr().expect("an address");
            let earlier = only();
            // Closed with a reset, so that the addresses are free at once.
            sockopt::set_socket_linger(&client, Some(Duration::ZERO)).expect("an option");
            drop(client);
            patient(&server);
            (&server).read(&mut [0; 8]).expect_err("a reset");
            drop(server);
            let (mut client, mut server) = tcp(from, &listener);
            assert_eq!(only().connection, earlier.connection);
            let outcomes = destroy(&[earlier.socket]).expect("the kernel");
            assert!(matches!(outcomes.as_slice(), [Outcome::Gone]), "{outcomes:?}");
            assert_passes(&mut client, &mut server);
        },
    );
}

#[test]
fn udp_with_a_peer_is_a_connection_and_can_be_cut() {
    in_namespace("connections::udp_with_a_peer_is_a_connection_and_can_be_cut", || {
        two_ends();
        let open = udp(at(&format!("{HERE}:0")), at(&format!("{THERE}:9")));
        let one = only();
        assert_eq!((one.connection.protocol, one.connection.opened_by), (17, Opener::ThisHost));
        let outcomes = destroy(&[one.socket]).expect("the kernel");
        assert!(matches!(outcomes.as_slice(), [Outcome::Destroyed]), "{outcomes:?}");
        open.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        assert_eq!(open.recv(&mut [0; 8]).expect_err("an error").kind(), ErrorKind::ConnectionAborted);
        assert_eq!(connections(&here()).expect("connections"), []);
    });
}

#[test]
fn connections_within_this_machine_are_not_told() {
    in_namespace("connections::connections_within_this_machine_are_not_told", || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let (_client, _server) = tcp(at("127.0.0.1:0"), &listener);
        assert_eq!(connections(&here()).expect("connections"), []);
    });
}
