//! Wires between hosts: pairs of virtual Ethernet interfaces.

use super::host::Host;
use crate::patience::eventually;
use std::fmt::Write;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a wire is plugged in.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The host.
    pub host: &'a Host,
    /// The name that the interface gets there, at most 15 bytes.
    pub interface: &'a str,
    /// Its addresses with their prefix lengths, of both families.
    pub addresses: &'a [&'a str],
}

impl Host {
    /// An end of a wire at this host.
    #[must_use]
    pub const fn end<'a>(&'a self, interface: &'a str, addresses: &'a [&'a str]) -> End<'a> {
        End { host: self, interface, addresses }
    }

    /// Makes a bridge out of interfaces that the host has already.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn bridge(&self, name: &str, addresses: &[&str], ports: &[&str]) {
        let mut lines = format!("link add {name} type bridge\n");
        for port in ports {
            _ = writeln!(lines, "link set {port} master {name}");
        }
        lines += &up(name, addresses);
        self.ip(&lines);
        if !ports.is_empty() {
            ready(self, name);
        }
        // A switch does not look into what it forwards, even on a machine where a container engine loaded br_netfilter.
        for family in ["iptables", "ip6tables"] {
            let parameter = format!("net/bridge/bridge-nf-call-{family}");
            if self.has_sysctl(&parameter) {
                self.sysctl(&parameter, "0");
            }
        }
    }
}

impl Host {
    /// Lets the host send what goes to 127.0.0.0/8 and `::1` by an interface, to neighbours there, as somebody does who
    /// forges it. It has no loopback of its own afterwards.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn forge_loopback(&self, interface: &str, neighbours: [&str; 2]) {
        self.sysctl(&format!("net/ipv4/conf/{interface}/route_localnet"), "1");
        self.ip(&format!(
            "route del local 127.0.0.0/8 dev lo table local\nroute del local 127.0.0.1 dev lo table local\n\
             route add 127.0.0.0/8 via {} dev {interface}\n\
             route del local ::1 dev lo table local\n\
             route add ::1 via {} dev {interface}\n",
            neighbours[0], neighbours[1]
        ));
    }
}

/// Connects two hosts; both ends are up afterwards.
///
/// # Panics
/// When the kernel refuses, for example a name that is taken.
pub fn wire(one: End<'_>, other: End<'_>) {
    let (near, far) = (next_index(), next_index());
    let (name, peer, namespace) = (one.interface, other.interface, other.host.path());
    let pair =
        format!("link add {name} index {near} type veth peer name {peer} index {far} netns {namespace}\n");
    one.host.ip(&(pair + &up(one.interface, one.addresses)));
    other.host.ip(&up(other.interface, other.addresses));
    ready(one.host, one.interface);
    ready(other.host, other.interface);
}

/// An index for an interface that no other one of the process has. The kernel takes its time to notice the carrier of a
/// pair whose ends have the same index in their two namespaces: up to a second.
fn next_index() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Waits until IPv6 works on an interface: the kernel sends nothing before it has noticed the carrier, which it does
/// in its own time, and has given the interface its link-local address.
pub(super) fn ready(host: &Host, interface: &str) {
    eventually(&format!("IPv6 on {interface} of {}", host.name()), || {
        let addresses = host.run(|| fs::read_to_string("/proc/thread-self/net/if_inet6"));
        let addresses = addresses.expect("the kernel has IPv6");
        let mut lines = addresses.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        lines.any(|words| is_link_local(&words, interface)).then_some(())
    });
}

/// Whether the words of a line of `if_inet6` (address, index, length, scope, flags, name) say so, and the address is in
/// use (not tentative).
fn is_link_local(words: &[&str], interface: &str) -> bool {
    let [_, _, _, scope, flags, name] = words else { return false };
    let tentative = u32::from_str_radix(flags, 16).map_or(true, |flags| flags & 0x40 != 0);
    *scope == "20" && *name == interface && !tentative
}

fn up(interface: &str, addresses: &[&str]) -> String {
    let mut lines = String::new();
    for address in addresses {
        let no_detection = if address.contains(':') { " nodad" } else { "" };
        _ = writeln!(lines, "address add {address} dev {interface}{no_detection}");
    }
    _ = writeln!(lines, "link set {interface} up");
    lines
}
