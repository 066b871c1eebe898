//! `[stream.NAME]`.

use super::choice::choice;
use super::decode::{List, OneOrMany, Text};
use super::limits::Wait;
use super::section::section;
use super::service::ProxyProtocol;
use super::units::{Count, DAY, SECOND, Time};

section! {
    /// A TCP or UDP service of the gate, whose bytes pass as they are.
    pub(crate) struct Stream = "a stream", later [];
    /// Where clients reach it: a port with or without a local address, TCP unless `/udp` follows; required.
    listen: Text,
    /// The targets where it runs, at least one, without TLS; required.
    instances: List<Text>,
    /// How an instance is chosen: one after the other, the less busy one of two chosen at random, or always the same one for a client's address.
    balance: Balance = "\"round-robin\"",
    /// How long a connection to an instance may take to open.
    connect_timeout: Wait = "\"3s\"",
    /// Silence in both directions, after which a connection or session ends; `"1h"` for TCP, `"60s"` for UDP.
    idle_timeout: Time<SECOND, { 30 * DAY }>,
    /// Connections at once, or sessions of UDP; for UDP 4096 where it is not written.
    connections: Count<1, 10_000_000>,
    /// The same of one address (IPv6: of one /64).
    connections_per_address: Count<1, 10_000_000>,
    /// How long an instance that failed is left alone; doubles with every failure in a row, up to 32 times.
    ejection: Time<0, DAY> = "\"1s\"",
    /// Begins every TCP connection to an instance with a header of the PROXY protocol that names the client.
    proxy_protocol: ProxyProtocol = "\"off\"",
    /// What the gate has to do with TLS: nothing, speak it with clients, or choose by the name in its first message and pass it on.
    tls: StreamTls = "\"off\"",
    /// The names by which clients ask for it; required where `tls` is not off.
    hosts: OneOrMany<Text> = "[]",
    /// With `tls = "terminate"`: the protocols inside of TLS of which a client may ask for one (ALPN), such as `["postgresql"]`.
    alpn: List<Text> = "[]",
    /// The host that serves it; required where the file names two.
    on: Text,
    /// Who may reach its port, where the firewall is on.
    from: OneOrMany<Text> = "\"anywhere\"",
}

choice! {
    /// How an instance of a stream is chosen.
    pub(crate) enum Balance {
        RoundRobin = "round-robin",
        LeastConnections = "least-connections",
        Source = "source",
    }
}

choice! {
    /// What the gate has to do with the TLS of a stream's clients.
    pub(crate) enum StreamTls { Off = "off", Terminate = "terminate", Passthrough = "passthrough" }
}
