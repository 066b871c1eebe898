//! What was seen on a machine, as values: the facts that a policy is compiled with.

use ipnet::IpNet;
use model::plan::InterfaceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// Prefixes of files that deny lists name, by path.
    pub lists: BTreeMap<std::path::PathBuf, Vec<IpNet>>,
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
