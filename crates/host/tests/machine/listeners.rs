//! What listens, for whom, and by which process.

use crate::namespace::{in_namespace, run};
use firewall::observed::Listener;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::fchown;

fn listeners() -> Vec<Listener> {
    host::sockets::listeners().expect("listeners")
}

/// The addresses that listen, with their protocols.
fn told() -> Vec<String> {
    listeners().iter().map(|one| format!("{} {}", one.protocol, one.local)).collect()
}

fn ipv6(kind: SocketType, only: bool) -> (OwnedFd, u16) {
    let open = socket(AddressFamily::INET6, kind, None).expect("a socket");
    sockopt::set_ipv6_v6only(&open, only).expect("an option");
    bind(&open, &SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).expect("a port");
    if kind == SocketType::STREAM {
        listen(&open, 8).expect("a listener");
    }
    let address: SocketAddr = rustix::net::getsockname(&open).expect("its address").try_into().expect("IPv6");
    (open, address.port())
}

#[test]
fn a_wildcard_for_both_families_is_told_for_both() {
    in_namespace("listeners::a_wildcard_for_both_families_is_told_for_both", || {
        let (_both, both) = ipv6(SocketType::STREAM, false);
        assert_eq!(told(), [format!("6 0.0.0.0:{both}"), format!("6 [::]:{both}")]);
        let (_datagrams, datagrams) = ipv6(SocketType::DGRAM, false);
        let (_only, only) = ipv6(SocketType::STREAM, true);
        let found = told();
        assert!(found.contains(&format!("17 0.0.0.0:{datagrams}")), "{found:?}");
        assert!(found.contains(&format!("17 [::]:{datagrams}")), "{found:?}");
        assert!(found.contains(&format!("6 [::]:{only}")), "{found:?}");
        assert_eq!(found.len(), 5, "{found:?}");
    });
}

#[test]
fn listeners_are_told_with_user_and_process() {
    in_namespace("listeners::listeners_are_told_with_user_and_process", || {
        let server = TcpListener::bind("127.0.0.1:0").expect("a listener");
        fchown(&server, Some(4242), None).expect("the socket of another user");
        let found = listeners();
        let [one] = found.as_slice() else { panic!("one listener: {found:?}") };
        assert_eq!(one.local, server.local_addr().expect("its address"));
        assert_eq!(one.user, 4242);
        assert_eq!(one.process, Some(std::process::id()));
        let name = std::fs::read_to_string("/proc/self/comm").expect("our name");
        assert_eq!(one.program.as_deref(), Some(name.trim_end()));
    });
}

#[test]
fn udp_with_a_peer_is_no_listener() {
    in_namespace("listeners::udp_with_a_peer_is_no_listener", || {
        run("ip addr add 192.0.2.1/32 dev lo");
        let open = UdpSocket::bind("192.0.2.1:0").expect("a socket");
        assert_eq!(told(), [format!("17 {}", open.local_addr().expect("its address"))]);
        open.connect("192.0.2.1:9").expect("a peer");
        assert_eq!(told(), Vec::<String>::new());
    });
}

#[test]
fn a_thousand_listeners_are_all_told() {
    in_namespace("listeners::a_thousand_listeners_are_all_told", || {
        let open: Vec<UdpSocket> = (0..1000)
            .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket, with descriptors enough"))
            .collect();
        let found = listeners();
        assert_eq!(found.len(), open.len());
        assert!(found.iter().all(|one| one.process == Some(std::process::id())));
    });
}
