//! A table of nftables as a value: what is written to the kernel in one transaction, and what it gives back.
//!
//! Equality is `==`. Nothing here speaks netlink; numbers of the kernel's interface are the business of `host`.

mod expression;
mod facts;
mod judge;
mod set;

pub use expression::{
    CtDirection, CtKey, DynsetOperation, Expression, FibFlags, FibResult, LimitUnit, MetaKey, Operator,
    PayloadBase, Register, RejectKind, Verdict,
};
pub use facts::{Connection, Device, Facts, Tracking, Tuple};
pub use judge::{Decision, Outcome};
pub use set::{Element, Field, Set};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of our table, of the family `inet`.
pub const TABLE: &str = "portcullis";

/// A table of the family `inet`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Chains by name.
    pub chains: BTreeMap<String, Chain>,
    /// Sets and maps by name.
    pub sets: BTreeMap<String, Set>,
    /// Named counters.
    pub counters: BTreeSet<String>,
}

/// A chain: a list of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Where the kernel enters it; `None` is a chain that others jump to.
    pub base: Option<Base>,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// One rule: its expressions in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule(pub Vec<Expression>);

/// Where the kernel enters a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its type.
    pub kind: ChainKind,
    /// The hook.
    pub hook: Hook,
    /// The priority; lower ones are first. -300 is raw, -200 connection tracking, -100 DNAT, 0 filter, 100 SNAT.
    pub priority: i32,
    /// Whether a packet passes that no rule decides about.
    pub accept: bool,
}

/// The type of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainKind {
    /// `filter`.
    Filter,
    /// `nat`.
    Nat,
    /// `route`.
    Route,
}

/// A hook of netfilter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hook {
    /// Every packet that comes in, before routing.
    Prerouting,
    /// Packets to this host.
    Input,
    /// Packets through this host.
    Forward,
    /// Packets of this host.
    Output,
    /// Frames as a device hands them over, before everything else. In foreign tables alone.
    Ingress,
    /// Frames as a device is given them, after everything else. In foreign tables alone.
    Egress,
    /// Every packet that goes out, after routing.
    Postrouting,
}

/// What a named counter has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes, with IP headers.
    pub bytes: u64,
}
