//! A packet as the policy sees it, and what becomes of it.

use crate::addresses::Family;
use model::plan::{Essential, InterfaceName, RuleId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Which way it goes.
    pub way: Way,
    /// The interface it came in by (`Way::In`, `Way::Through`) or goes out by (`Way::Out`).
    pub interface: InterfaceName,
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes to, of the same family, as its sender wrote it.
    pub destination: IpAddr,
    /// Its protocol's number.
    pub protocol: u8,
    /// The destination port, or type × 256 + code of ICMP and ICMPv6; 0 for other protocols.
    pub key: u16,
    /// The source port; 0 for protocols without ports.
    pub source_port: u16,
    /// Whether it opens a connection (no SYN without ACK, no entry in the table of connections).
    pub opens: bool,
    /// The user that sends it, for packets of this host.
    pub user: Option<u32>,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Way {
    /// To an address of this host (published ports of containers are), a broadcast or a multicast address.
    In,
    /// From this host to another.
    Out,
    /// From another host to a third one.
    Through,
    /// Within this host.
    Loopback,
}

impl Packet {
    /// Its family.
    #[must_use]
    pub const fn family(&self) -> Family {
        if self.source.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// What becomes of a packet, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It passes.
    Accept(Reason),
    /// It vanishes without an answer.
    Drop(Refusal),
    /// It is answered with a reset or an ICMP error, which only programs of this host ever see.
    Reject(Refusal),
}

impl Verdict {
    /// Whether it passes.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Accept(_))
    }
}

/// Why a packet passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A rule admits it.
    Rule(RuleId),
    /// A rule admits it as long as its limit is not reached or its time not over.
    Guarded(Vec<RuleId>),
    /// It is essential.
    Essential(Essential),
    /// Nothing restricts this direction.
    Open,
    /// It stays within this host, and no service is closed to its user.
    Loopback,
}

/// Why a packet does not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Its source is on a deny list.
    Denied,
    /// An address of the loopback prefix on another interface.
    ForgedLoopback,
    /// An address of a container on an interface that is not of containers.
    ForgedContainer,
    /// It is of ICMP or ICMPv6, answers nothing that was asked, and cannot open anything.
    OpensNothing,
    /// No rule admits it.
    NoRule,
    /// It would pass through this host, which is no gateway for it.
    NotForwarded,
    /// The port is that of an instance (`service NAME` or `stream NAME`), and the user is not the gate's.
    NotTheGate(String),
}
