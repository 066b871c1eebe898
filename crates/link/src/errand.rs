//! What the keeper has a watcher find out, and what a watcher says of it.

use crate::Texts;
use confine::Cage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses that a watcher tells of one name at most; so many fit into a packet.
pub const MOST_ADDRESSES: usize = 256;

/// What the keeper has a watcher find out: the one message that a watcher gets.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    /// The version of the keeper's messages; those of another one are not understood.
    pub protocol: u16,
    /// How the watcher is confined.
    pub cage: Cage,
    /// How this machine resolves names.
    pub texts: Texts,
    /// The names whose addresses are wanted: fully qualified, without a dot at the end.
    pub names: BTreeSet<String>,
    /// How long all names together may take.
    pub patience: Duration,
}

/// The addresses of a name. A name that has none, or no answer in time, is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameFact {
    /// One of the names that were asked for.
    pub name: String,
    /// Its addresses of both families, 1 to [`MOST_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// For how many seconds they are good (RFC 1035 section 3.2.1).
    pub seconds: u64,
}
