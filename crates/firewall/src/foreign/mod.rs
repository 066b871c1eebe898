//! Tables of other tools: what they do to packets, whose they are, and which rules of ours they defeat.
//!
//! Values in, values out. Reading the tables from the kernel is the business of `host`; changing them is nobody's.

mod attributes;
mod bits;
mod conflicts;
mod flow;
mod judge;
mod matches;
mod owner;
mod published;
mod rule;
mod targets;
mod walk;

pub use conflicts::{Conflict, conflicts};
pub use flow::Facts;
pub use judge::{Judgement, Place, judge};
pub use owner::{Owner, of_chain, of_chains, of_table};
pub use published::{Published, published};

use crate::nft;
use serde::{Deserialize, Serialize};

/// A table that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignTable {
    /// Which packets it sees.
    pub family: ForeignFamily,
    /// Its name.
    pub name: String,
    /// Its chains and sets as read; what is not understood is `nft::Expression::Unknown`.
    pub table: nft::Table,
}

/// The family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ForeignFamily {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Both.
    Inet,
    /// ARP; never IP packets.
    Arp,
    /// Frames that a bridge forwards.
    Bridge,
    /// Frames of one device, before or after everything else.
    Netdev,
}

impl ForeignFamily {
    /// Its name as `nft` writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        }
    }
}

#[cfg(test)]
mod tests;
