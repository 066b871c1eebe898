//! Streams: TCP and UDP services of the gate, whose bytes it does not read.

use super::policy::{Name, Peer, Transport};
use super::service::Service;
use super::site::Place;
use crate::host::HostPattern;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// A TCP or UDP service of the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// Its name in the file.
    pub name: String,
    /// Where clients reach it.
    pub listen: StreamListen,
    /// Its instances: how one is chosen, reached and told who the client is. Its name is that of the stream.
    pub service: Service,
    /// Silence in both directions, after which a connection or a session ends.
    pub idle_timeout: Duration,
    /// Connections or sessions at once; `None` is bounded by [`super::Limits::connections`] alone.
    pub connections: Option<usize>,
    /// The same of one address (IPv6: of one /64); `None` is bounded by [`super::Limits::connections_per_address`]
    /// alone, which holds for no session of UDP.
    pub connections_per_address: Option<usize>,
    /// What the gate has to do with the TLS of clients.
    pub tls: StreamTls,
    /// The names by which clients ask for it; empty where `tls` is off, and only there.
    pub hosts: Vec<HostPattern>,
    /// The protocols inside of TLS of which a client may ask for one (ALPN, RFC 7301), each of 1 to 255 visible
    /// characters of ASCII; none unless the gate speaks TLS with clients.
    pub alpn: Vec<String>,
    /// The host that serves it; `None` where the file names at most one host.
    pub on: Option<Name>,
    /// Who may reach its port, where the firewall is on; everybody unless written.
    pub from: Vec<Peer>,
    /// Where it stands in the file.
    pub place: Place,
}

/// Where clients reach a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StreamListen {
    /// TCP or UDP, nothing else.
    pub transport: Transport,
    /// The local address; `None` is each of [`super::Listen::addresses`].
    pub address: Option<IpAddr>,
    /// The port, never 0.
    pub port: u16,
}

/// What the gate has to do with the TLS of a stream's clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamTls {
    /// Nothing: bytes pass as they are.
    #[default]
    Off,
    /// The gate speaks TLS with clients, and plain bytes with instances.
    Terminate,
    /// The name in the first message chooses the stream; TLS is the matter of the instances.
    Passthrough,
}

impl std::fmt::Display for StreamListen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(address) = self.address {
            write!(f, "{}/{}", std::net::SocketAddr::new(address, self.port), self.transport.name())
        } else {
            write!(f, "{}/{}", self.port, self.transport.name())
        }
    }
}
