//! What was seen on a machine, as values: the facts that a policy is compiled with.

use ipnet::IpNet;
use model::plan::InterfaceName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// A machine at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its host name, without the domain.
    pub host_name: String,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// What listens on it.
    pub listeners: Vec<Listener>,
    /// The user that the gate runs as.
    pub gate_user: u32,
    /// The addresses of resolvers in `/etc/resolv.conf`.
    pub resolvers: Vec<IpAddr>,
    /// Whether packets are forwarded between interfaces.
    pub forwarding: bool,
    /// Addresses that operators have proved to be theirs.
    pub my_ip: Vec<IpAddr>,
    /// Addresses of DNS names that rules use.
    pub domains: BTreeMap<String, Vec<IpAddr>>,
    /// Prefixes of files that deny lists name, by path, or why a file could not be read.
    pub lists: BTreeMap<std::path::PathBuf, Result<Vec<IpNet>, String>>,
    /// Seconds since 1970-01-01 UTC.
    pub now: u64,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: InterfaceName,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
    /// What it is.
    pub kind: InterfaceKind,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfaceKind {
    /// The loopback interface.
    Loopback,
    /// A bridge of containers or virtual machines.
    Containers,
    /// A VRF, or an interface that belongs to one (Documentation/networking/vrf.rst of the kernel).
    Vrf,
    /// Any other.
    Other,
}

/// A socket that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// 6 (TCP, listening) or 17 (UDP, not connected).
    pub protocol: u8,
    /// Its address; a wildcard IPv6 socket that also takes IPv4 is listed for both.
    pub local: SocketAddr,
    /// The user that owns the socket.
    pub user: u32,
    /// The name of the program (`/proc/PID/comm`), where it could be found.
    pub program: Option<String>,
    /// Its process, where it could be found.
    pub process: Option<u32>,
}

impl Observed {
    /// The TCP ports, reachable from elsewhere, where an ssh server of the system listens.
    #[must_use]
    pub fn administration(&self) -> BTreeSet<u16> {
        administration(&self.listeners)
    }
}

/// The TCP ports, reachable from elsewhere, where an ssh server of the system listens.
#[must_use]
pub fn administration(listeners: &[Listener]) -> BTreeSet<u16> {
    let from_elsewhere = |listener: &&Listener| !listener.local.ip().to_canonical().is_loopback();
    let found = listeners.iter().filter(from_elsewhere).filter(|listener| listener.is_ssh());
    found.map(|listener| listener.local.port()).collect()
}

impl Listener {
    /// Whether it is an ssh server of the system. Any user may give a process any name, so the socket has to be root's.
    /// systemd holds the usual port where sshd is started on demand; without the right to see other users' processes,
    /// root's socket at the usual port counts.
    #[must_use]
    pub fn is_ssh(&self) -> bool {
        const SERVERS: [&str; 4] = ["sshd", "sshd-session", "dropbear", "tinysshd"];
        const USUAL: u16 = 22;
        let by_name = match self.program.as_deref() {
            Some("systemd") | None => self.local.port() == USUAL,
            Some(program) => SERVERS.contains(&program),
        };
        self.protocol == 6 && self.user == 0 && by_name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ssh_server_of_root_is_one() {
        for (program, user, local, expected) in [
            (Some("sshd"), 0, "0.0.0.0:22", true),
            (Some("sshd"), 0, "[::]:2222", true),
            (Some("dropbear"), 0, "0.0.0.0:22", true),
            (Some("systemd"), 0, "0.0.0.0:22", true),
            (Some("systemd"), 0, "0.0.0.0:2222", false),
            (None, 0, "0.0.0.0:22", true),
            (None, 0, "0.0.0.0:2222", false),
            (Some("sshd"), 65_534, "0.0.0.0:31337", false),
            (None, 1000, "0.0.0.0:22", false),
            (Some("sshd"), 0, "127.0.0.1:22", false),
        ] {
            let local = local.parse().expect("an address");
            let program = program.map(str::to_owned);
            let listener = Listener { protocol: 6, local, user, program, process: None };
            assert_eq!(!administration(std::slice::from_ref(&listener)).is_empty(), expected, "{listener:?}");
        }
    }
}
