//! Containers without an engine: a bridge, namespaces behind it, and published ports by the rules that Docker writes.
//!
//! The rules have the shape of Docker's own (`DOCKER` chains in `nat` and `filter`), so that a test is fast and still
//! meets what a real machine has. [`Docker`](super::peer::Docker) is the real one.

use super::host::Host;
use super::wire::{ready, wire};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The interface of the bridge.
pub const BRIDGE: &str = "docker0";

/// The bridge of a host and its containers.
#[derive(Debug)]
pub struct Bridge {
    host: Host,
    containers: u8,
}

/// A container: a host behind the bridge.
#[derive(Clone, Debug)]
pub struct Container {
    /// Its namespace.
    pub host: Host,
    /// Its address at the bridge.
    pub four: Ipv4Addr,
    /// Its IPv6 address at the bridge.
    pub six: Ipv6Addr,
}

impl Container {
    /// A port of it, without its host's translation.
    #[must_use]
    pub fn at(&self, port: u16) -> [SocketAddr; 2] {
        [(self.four, port).into(), (self.six, port).into()]
    }
}

impl Bridge {
    /// Makes `docker0` with 172.17.0.1/16 and fd00:d0c::1/64, and Docker's chains. The host forwards from now on.
    ///
    /// # Panics
    /// When the host has one already.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        host.bridge(BRIDGE, &["172.17.0.1/16", "fd00:d0c::1/64"], &[]);
        host.forward();
        host.nft(&(rules("ip", "172.17.0.0/16", "127.0.0.0/8") + &rules("ip6", "fd00:d0c::/64", "::1")));
        Self { host: host.clone(), containers: 0 }
    }

    /// Starts a container: 172.17.0.2, 172.17.0.3 and so on.
    pub fn container(&mut self, name: &str) -> Container {
        self.containers += 1;
        let last = self.containers + 1;
        let host = Host::new(name);
        let addresses = [format!("172.17.0.{last}/16"), format!("fd00:d0c::{last}/64")];
        let port = format!("veth{last}");
        wire(self.host.end(&port, &[]), host.end("eth0", &[&addresses[0], &addresses[1]]));
        self.host.ip(&format!("link set {port} master {BRIDGE}"));
        ready(&self.host, BRIDGE);
        host.ip("route add default via 172.17.0.1\nroute add default via fd00:d0c::1\n");
        let six = Ipv6Addr::new(0xfd00, 0xd0c, 0, 0, 0, 0, 0, u16::from(last));
        Container { host, four: Ipv4Addr::new(172, 17, 0, last), six }
    }

    /// Publishes a port of a container at every address of the host, as `docker run -p` does.
    pub fn publish(&self, port: u16, container: &Container, inside: u16) {
        let (four, six) = (container.four, container.six);
        let one = |family: &str, address: &str, target: &str| {
            format!(
                "add rule {family} nat DOCKER iifname != {BRIDGE} tcp dport {port} dnat to {target}:{inside}\n\
                 add rule {family} filter DOCKER iifname != {BRIDGE} oifname {BRIDGE} {family} daddr {address} \
                 tcp dport {inside} accept\n"
            )
        };
        let lines = one("ip", &four.to_string(), &four.to_string())
            + &one("ip6", &six.to_string(), &format!("[{six}]"));
        self.host.nft(&lines);
    }
}

fn rules(family: &str, network: &str, loopback: &str) -> String {
    format!(
        "table {family} nat {{
            chain DOCKER {{ iifname {BRIDGE} return; }}
            chain PREROUTING {{ type nat hook prerouting priority -100; fib daddr type local jump DOCKER; }}
            chain OUTPUT {{ type nat hook output priority -100;
                {family} daddr != {loopback} fib daddr type local jump DOCKER; }}
            chain POSTROUTING {{ type nat hook postrouting priority 100;
                {family} saddr {network} oifname != {BRIDGE} masquerade; }}
        }}
        table {family} filter {{
            chain DOCKER {{ }}
            chain FORWARD {{ type filter hook forward priority 0; policy drop;
                oifname {BRIDGE} ct state related,established accept
                oifname {BRIDGE} jump DOCKER
                iifname {BRIDGE} oifname != {BRIDGE} accept
                iifname {BRIDGE} oifname {BRIDGE} accept; }}
        }}\n"
    )
}
