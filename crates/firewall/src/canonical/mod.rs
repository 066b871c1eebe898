//! The one form that equal policies share: disjoint intervals of ports, and of sources for each of them.
//!
//! Values of these types are only made by the canonicaliser, so every list is sorted, disjoint and joined where neighbours
//! are equal. What is not listed is denied.

mod build;
mod erase;
mod minimum;
mod pairs;
mod spans;
mod sweep;

#[cfg(test)]
mod tests;

pub use build::Facts;
pub(crate) use minimum::sshd;
pub(crate) use spans::KEYED;

use crate::addresses::{AddressSet, Family};
use model::plan::{Essential, InterfaceName, RuleId, RuleLimit};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything that decides about packets on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canonical {
    /// Who may reach this host, and what it publishes for its containers; sources are the other end.
    pub inbound: Directed,
    /// What this host may reach; destinations are the other end. `None` is everything.
    pub outbound: Option<Directed>,
    /// What containers may reach beyond this host; destinations are the other end. `None` is everything.
    pub container_outbound: Option<Directed>,
    /// Rules to names that are resolved while the policy is in force.
    pub domains: Vec<DomainRule>,
    /// Ports of local services that only some users of this host may connect to.
    #[serde(with = "pairs")]
    pub local: BTreeMap<LocalPort, LocalUsers>,
    /// Traffic without which a host does not work, as far as it is on.
    pub essentials: BTreeSet<Essential>,
    /// The resolvers of this host, which `Essential::Resolvers` is about.
    pub resolvers: BTreeSet<IpAddr>,
    /// The TCP ports of sshd on this host. They are judged packet by packet without connection tracking, so that a full
    /// table locks nobody out.
    pub administration: BTreeSet<u16>,
    /// Sources that are refused before any rule is asked.
    pub denied: Denied,
    /// Interfaces of containers.
    pub containers: BTreeSet<InterfaceName>,
    /// Addresses that are behind these interfaces: as sources they are forged where they come in by another one.
    #[serde(default)]
    pub container_sources: AddressSet,
    /// This host as a gateway.
    pub nat: Option<Gateway>,
}

/// One direction: a matrix for each interface that a rule names, and one for all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Directed {
    /// For every interface that is not in `interfaces`.
    pub elsewhere: Matrix,
    /// For each interface that a rule names: its own rules and those for any interface, united. An interface whose
    /// own rules add nothing is not listed.
    pub interfaces: BTreeMap<InterfaceName, Matrix>,
}

impl Directed {
    /// The matrix that judges packets of an interface.
    #[must_use]
    pub fn matrix(&self, interface: &InterfaceName) -> &Matrix {
        self.interfaces.get(interface).unwrap_or(&self.elsewhere)
    }
}

/// What is admitted, by family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Matrix {
    /// IPv4.
    pub v4: Protocols,
    /// IPv6.
    pub v6: Protocols,
}

impl Matrix {
    /// The half of a family.
    #[must_use]
    pub const fn of(&self, family: Family) -> &Protocols {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    const fn of_mut(&mut self, family: Family) -> &mut Protocols {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// What is admitted, by protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Protocols {
    /// Protocols whose packets carry a 16-bit key: the destination port, or type × 256 + code of ICMP (1, IPv4 alone)
    /// and ICMPv6 (58, IPv6 alone). A rule for every protocol is in each of these, and all of them are always present.
    pub keyed: BTreeMap<u8, Vec<KeyCell>>,
    /// Other protocols that a rule names; rules for every protocol are united in. One that is admitted as `rest` is
    /// not listed.
    pub plain: BTreeMap<u8, Vec<PeerCell>>,
    /// Every protocol that is in neither.
    pub rest: Vec<PeerCell>,
}

/// An interval of keys and who is admitted to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyCell {
    /// The first port, or type and code.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// Who is admitted; never empty.
    pub peers: Vec<PeerCell>,
}

/// An interval of addresses and how they are admitted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerCell {
    /// The first address; IPv4 in the low 32 bits.
    pub first: u128,
    /// The last one.
    pub last: u128,
    /// How they are admitted.
    pub admission: Admission,
}

/// How a cell is admitted: by one rule without a guard, or by any of several with guards.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Admission {
    /// Always; the rule is the first one in the order of the file that says so, and its counter counts.
    Open(RuleId),
    /// As long as one of these, tried in this order (sorted by rule), lets it through; never empty.
    Guarded(Vec<Guard>),
}

/// A rule with a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Guard {
    /// The rule.
    pub rule: RuleId,
    /// New connections for each source (IPv6: each /64).
    pub limit: Option<RuleLimit>,
    /// The end in seconds since 1970-01-01 UTC, which the kernel's clock enforces.
    pub expires: Option<u64>,
}

/// A rule to a DNS name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DomainRule {
    /// The name in lower case.
    pub name: String,
    /// Which direction it belongs to.
    pub containers: bool,
    /// What may be reached: protocol and interval of keys; `None` is everything.
    pub traffic: Option<(u8, u16, u16)>,
    /// The rule.
    pub rule: RuleId,
}

/// A port of a local service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalPort {
    /// 6 (TCP) or 17 (UDP).
    pub protocol: u8,
    /// The port.
    pub port: u16,
}

/// Who may connect to it over the loopback interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalUsers {
    /// User ids; others, root among them, are refused at once.
    pub users: BTreeSet<u32>,
    /// Whose port it is: `service NAME` or `stream NAME`.
    pub service: String,
}

/// Sources that are refused, as sorted, disjoint intervals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// IPv4, in the low 32 bits.
    pub v4: Vec<(u128, u128)>,
    /// IPv6.
    pub v6: Vec<(u128, u128)>,
}

/// This host as a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Interfaces of the private side.
    pub inside: BTreeSet<InterfaceName>,
    /// Sources that leave with this host's address, as sorted, disjoint intervals of IPv4.
    pub masquerade_v4: Vec<(u128, u128)>,
    /// The same of IPv6.
    pub masquerade_v6: Vec<(u128, u128)>,
    /// Ports of this host that lead to another.
    #[serde(with = "pairs")]
    pub forwards: BTreeMap<ForwardedPorts, ForwardTarget>,
}

impl Gateway {
    /// Where a port of this host leads, for clients of a family.
    #[must_use]
    pub fn forwarded(&self, protocol: u8, port: u16, family: Family) -> Option<&ForwardTarget> {
        let leads = |ports: &&ForwardedPorts| {
            (ports.protocol, ports.v6) == (protocol, family == Family::V6)
                && (ports.first..=ports.last).contains(&port)
        };
        let ports = self.forwards.keys().find(leads)?;
        self.forwards.get(ports)
    }
}

/// Ports that are forwarded; intervals of one protocol and family do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ForwardedPorts {
    /// The protocol's number.
    pub protocol: u8,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
    /// Whether IPv6.
    pub v6: bool,
}

/// Where a forwarded port leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardTarget {
    /// The address.
    pub address: IpAddr,
    /// The port; `None` keeps it.
    pub port: Option<u16>,
}
