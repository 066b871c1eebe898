//! Traffic and who is at its other end, as one line that a person reads.

use crate::addresses::AddressSet;
use crate::rule::Direction;
use model::plan::{InterfaceName, Transport};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Traffic, and who is at its other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Which way.
    pub direction: Direction,
    /// The protocol.
    pub protocol: ReachProtocol,
    /// Ports, or types and codes of ICMP as type × 256 + code, as sorted, disjoint intervals; empty for protocols
    /// without.
    pub keys: Vec<(u16, u16)>,
    /// The interface.
    pub interface: ReachInterface,
    /// The other end.
    pub peers: AddressSet,
}

/// Which interfaces a line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReachInterface {
    /// All of them.
    Every,
    /// One that a rule names.
    Named(InterfaceName),
    /// All that no rule names.
    Others,
}

/// Which protocols a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReachProtocol {
    /// All of them.
    Every,
    /// One, by its number.
    Number(u8),
    /// All that have no line of their own and no ports.
    Other,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            ReachProtocol::Every => f.write_str("everything")?,
            ReachProtocol::Other => f.write_str("other protocols")?,
            ReachProtocol::Number(number) => traffic(f, number, &self.keys)?,
        }
        let (on, word) = match self.direction {
            Direction::Inbound => ("on", "from"),
            Direction::Outbound => ("by", "to"),
            Direction::ContainerOutbound => ("from", "to"),
        };
        match &self.interface {
            ReachInterface::Every => {}
            ReachInterface::Named(interface) => write!(f, " {on} {interface}")?,
            ReachInterface::Others => write!(f, " {on} other interfaces")?,
        }
        write!(f, " {word} {}", self.peers)
    }
}

fn traffic(f: &mut fmt::Formatter<'_>, number: u8, keys: &[(u16, u16)]) -> fmt::Result {
    let transport = Transport::ALL.into_iter().find(|transport| transport.number() == number);
    let is_whole = keys == [(0, u16::MAX)];
    match (transport, number) {
        (Some(transport), _) if is_whole => f.write_str(transport.name()),
        (Some(transport), _) => write!(f, "{}/{}", list(keys, port), transport.name()),
        (None, 1) if is_whole => f.write_str("icmp"),
        (None, 1) => write!(f, "icmp {}", list(keys, message)),
        (None, 58) if is_whole => f.write_str("icmpv6"),
        (None, 58) => write!(f, "icmpv6 {}", list(keys, message)),
        (None, number) => write!(f, "protocol {number}"),
    }
}

fn list(keys: &[(u16, u16)], text: fn(u16, u16) -> String) -> String {
    keys.iter().map(|&(first, last)| text(first, last)).collect::<Vec<_>>().join(",")
}

fn port(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Types of ICMP, with codes where not all of them are meant.
fn message(first: u16, last: u16) -> String {
    let ([from, code], [to, last_code]) = (first.to_be_bytes(), last.to_be_bytes());
    match (code, last_code) {
        (0, 255) if from == to => format!("type {from}"),
        (0, 255) => format!("types {from}-{to}"),
        _ if first == last => format!("type {from} code {code}"),
        _ => format!("type {from} code {code} to type {to} code {last_code}"),
    }
}
