//! A client and a server on one wire.

use crate::machine::Machine;
use std::net::SocketAddr;
use testkit::lab::{Host, wire};

/// The addresses of the server.
pub(crate) const SERVER: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
/// The addresses of the client.
pub(crate) const CLIENT: [&str; 2] = ["192.0.2.10", "2001:db8::10"];

/// Somebody, and a host that Portcullis keeps.
pub(crate) struct Pair {
    pub(crate) client: Host,
    pub(crate) server: Machine,
}

impl Pair {
    pub(crate) fn new(configuration: &str) -> Self {
        let (client, server) = (Host::new("client"), Host::new("server"));
        wire(
            client.end("eth0", &["192.0.2.10/24", "2001:db8::10/64"]),
            server.end("eth0", &["192.0.2.1/24", "2001:db8::1/64"]),
        );
        client.ip("route add default via 192.0.2.1\nroute add default via 2001:db8::1\n");
        Self { client, server: Machine::new(&server, configuration) }
    }
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// A port of the server, over both families.
pub(crate) fn both(port: u16) -> [SocketAddr; 2] {
    SERVER.map(|address| at(address, port))
}
