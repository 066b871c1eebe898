//! The lab against plain rules of `nft`: each finding of a probe is one that is known beforehand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

mod flows;
mod peers;
mod verdicts;
mod worlds;

/// A client and a server on one wire.
struct Pair {
    client: Host,
    server: Host,
}

impl Pair {
    fn new() -> Self {
        let (client, server) = (Host::new("client"), Host::new("server"));
        wire(
            client.end("eth0", &["192.0.2.10/24", "2001:db8::10/64"]),
            server.end("eth0", &["192.0.2.1/24", "2001:db8::1/64"]),
        );
        client.ip("route add default via 192.0.2.1\nroute add default via 2001:db8::1\n");
        Self { client, server }
    }
}

const SERVER: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

fn both(port: u16) -> [SocketAddr; 2] {
    SERVER.map(|address| at(address, port))
}

/// A table `t` with one chain `c`, which has rules that are separated by semicolons.
fn chain(hook: &str, priority: i32, policy: &str, rules: &str) -> String {
    format!(
        "table inet t {{\nchain c {{\ntype filter hook {hook} priority {priority}; policy {policy};\n{rules}\n}}\n}}\n"
    )
}

/// Without them IPv6 finds nobody.
const NEIGHBOURS: &str = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept";

/// A stateful input chain that refuses what no rule names.
fn input(rules: &str) -> String {
    chain("input", 0, "drop", &format!("ct state established accept; {NEIGHBOURS}; {rules}"))
}
