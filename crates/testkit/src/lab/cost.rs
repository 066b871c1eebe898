//! What a packet costs: the time to send it and to have the rules of the receiver judge it, on one core.

use super::host::Host;
use rustix::thread::{CpuSet, sched_setaffinity};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Rounds of a measurement. The fastest counts: whatever else the machine does only adds time.
const ROUNDS: u32 = 5;

/// Sends datagrams from a host, in five rounds, and returns the time per datagram of the fastest.
///
/// The sending thread is bound to one core. A virtual Ethernet interface hands a packet to its peer on the core that
/// sent it, so the time covers the rules of the receiver. Rules that drop at their end measure cleanest.
///
/// # Panics
/// When a datagram cannot be sent.
#[must_use]
pub fn packet_cost(from: &Host, to: SocketAddr, datagrams: u32) -> Duration {
    from.run(|| {
        let mut core = CpuSet::new();
        core.set(0);
        sched_setaffinity(None, &core).expect("the machine has a first core");
        let here = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(here).expect("a socket");
        socket.connect(to).expect("a route");
        // The first ones resolve the neighbour and warm the caches.
        let round = datagrams / ROUNDS + 1;
        send(&socket, round / 2);
        let times = (0..ROUNDS).map(|_| {
            let started = Instant::now();
            send(&socket, round);
            started.elapsed() / round
        });
        times.min().unwrap_or_default()
    })
}

/// What most people write by hand, as a rival: one rule after the other, each with a source and a UDP port, and a drop
/// at the end. `rules` of them, none of which matches port 9.
#[must_use]
pub fn linear(rules: u16) -> String {
    let lines: String = sources_and_ports(rules)
        .map(|(source, port)| format!("ip saddr {source} udp dport {port} accept\n"))
        .collect();
    format!(
        "table inet linear {{\nchain input {{\ntype filter hook input priority 0; policy drop;\n\
         ct state established,related accept\n{lines}}}\n}}\n"
    )
}

/// Sources and ports for rules, each of them once.
pub fn sources_and_ports(rules: u16) -> impl Iterator<Item = (Ipv4Addr, u16)> {
    (0..rules).map(|rule| {
        let [high, low] = rule.to_be_bytes();
        (Ipv4Addr::new(10, 99, high, low), 10_000 + rule)
    })
}

fn send(socket: &UdpSocket, datagrams: u32) {
    for _ in 0..datagrams {
        socket.send(&[0; 16]).expect("the receiver drops in silence");
    }
}
