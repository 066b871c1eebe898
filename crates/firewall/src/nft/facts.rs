//! What the kernel knows about a packet while it judges it.

use super::Hook;
use crate::addresses::Family;
use std::net::IpAddr;

/// A packet at a hook, with everything that rules can ask about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where it is.
    pub hook: Hook,
    /// Its family.
    pub family: Family,
    /// The interface it came in by.
    pub input: Option<Device>,
    /// The interface it goes out by.
    pub output: Option<Device>,
    /// The user whose socket sends it.
    pub user: Option<u32>,
    /// Its IP header.
    pub network: Vec<u8>,
    /// Its protocol's number, beyond extension headers; `None` where they are broken.
    pub protocol: Option<u8>,
    /// Its transport header and what follows; empty in later fragments.
    pub transport: Vec<u8>,
    /// What connection tracking says, from priority -200 on.
    pub tracking: Tracking,
    /// What kind of address the destination is (`RTN_*`).
    pub destination_type: u32,
    /// Where the routing table would send it.
    pub route: Option<Device>,
    /// Whether it is above every limit that it meets, and below every one otherwise.
    pub above_limits: bool,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its index; 1 is the loopback interface.
    pub index: u32,
    /// Its name.
    pub name: String,
}

/// What connection tracking says about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// It belongs to no connection and cannot open one.
    Invalid,
    /// It is not tracked: `notrack`, or neighbor discovery.
    Untracked,
    /// It belongs to a connection.
    Known(Connection),
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// 2 established, 4 related, 8 new.
    pub state: u32,
    /// Whether the packet is an answer.
    pub reply: bool,
    /// `IPS_*` bits; 32 is DNAT.
    pub status: u32,
    /// The addresses and ports of its first packet.
    pub original: Tuple,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// The source.
    pub source: IpAddr,
    /// The destination, of the same family.
    pub destination: IpAddr,
    /// The source port; 0 where there is none.
    pub source_port: u16,
    /// The destination port; type and code of ICMP.
    pub destination_port: u16,
    /// The protocol's number.
    pub protocol: u8,
}
