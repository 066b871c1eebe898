//! A rule as it holds on one machine: its names resolved to addresses, and who says so.

use crate::addresses::{AddressSet, Family};
use model::plan::{InterfaceName, Name, Place, RuleId, RuleLimit, Traffic, Transport};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A rule that holds on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its identity, and the name of its counter.
    pub id: RuleId,
    /// What it is about, as it was written (`8080/tcp`).
    pub label: String,
    /// Who says so.
    pub owner: Owner,
    /// Which way it is about.
    pub direction: Direction,
    /// What it is about; never empty.
    pub traffic: Vec<Traffic>,
    /// The other end as it was written (`office, my-ip`).
    pub peers_text: String,
    /// The other end as addresses: sources of inbound rules, destinations of outbound ones.
    pub peers: AddressSet,
    /// DNS names at the other end of an outbound rule; their addresses are not in `peers`.
    pub domains: Vec<String>,
    /// Whether it is also for users and programs of this very host.
    pub this_host: bool,
    /// The only interface that it is about.
    pub interface: Option<InterfaceName>,
    /// A rate of new connections for each source (IPv6: each /64).
    pub limit: Option<RuleLimit>,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub expires: Option<u64>,
    /// What it is for.
    pub note: Option<String>,
    /// Where it stands in the file; the default for rules that are derived.
    pub place: Place,
}

impl RuleView {
    /// Whether nothing but traffic, peers and interface decides.
    #[must_use]
    pub const fn is_unconditional(&self) -> bool {
        self.limit.is_none() && self.expires.is_none()
    }

    /// Whether it is about a protocol (by number) and key (port, or type and code) of a family.
    #[must_use]
    pub fn is_about(&self, family: Family, protocol: u8, key: u16) -> bool {
        self.traffic.iter().any(|&traffic| match traffic {
            Traffic::All => true,
            Traffic::Ports { transport, first, last } => {
                transport.number() == protocol && (first..=last).contains(&key)
            }
            Traffic::Icmp { v6, first, last } => {
                (v6, protocol) == (family == Family::V6, icmp(family)) && (first..=last).contains(&key)
            }
            Traffic::Protocol(number) => number == protocol,
        })
    }
}

/// The number of the ICMP of a family.
#[must_use]
pub const fn icmp(family: Family) -> u8 {
    match family {
        Family::V4 => 1,
        Family::V6 => 58,
    }
}

/// Who says that a rule holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// `[firewall]`, for the machine that reads the file.
    Machine,
    /// A group that this host, or a service on it, carries.
    Group(Name),
    /// Nobody wrote it: it follows from something else.
    Derived(Derived),
}

/// What a rule follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Derived {
    /// Sites are reached at this port.
    Site {
        /// Their names, in the order of the file.
        sites: Vec<String>,
        /// The port.
        port: u16,
    },
    /// A stream is reached at this port.
    Stream {
        /// Its name.
        stream: String,
        /// TCP or UDP.
        transport: Transport,
        /// The port.
        port: u16,
    },
    /// sshd was seen at this port, and no rule names it.
    Sshd {
        /// The port.
        port: u16,
    },
    /// `[nat]` leads the port to another host.
    Forward {
        /// Where to, as `address:port` or `address`.
        to: String,
    },
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("this machine"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Derived(Derived::Site { sites, .. }) => match sites.as_slice() {
                [one] => write!(f, "site {one}"),
                many => write!(f, "{} sites", many.len()),
            },
            Self::Derived(Derived::Stream { stream, .. }) => write!(f, "stream {stream}"),
            Self::Derived(Derived::Sshd { .. }) => f.write_str("sshd"),
            Self::Derived(Derived::Forward { to }) => write!(f, "forward to {to}"),
        }
    }
}

/// Which way a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// To this host, and to what it publishes for its containers.
    Inbound,
    /// From this host.
    Outbound,
    /// From containers of this host to others.
    ContainerOutbound,
}
