//! Sets and verdict maps.

use super::expression::Verdict;
use serde::{Deserialize, Serialize};

/// A set or a verdict map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// The fields of a key, one after the other; several make a concatenation.
    pub key: Vec<Field>,
    /// Whether elements are intervals.
    pub interval: bool,
    /// Whether elements may have a timeout.
    pub timeout: bool,
    /// Whether rules add elements (`dynset`); such a set needs a size, so that a flood is bounded.
    pub dynamic: bool,
    /// The highest number of elements.
    pub size: Option<u32>,
    /// Whether elements carry a verdict.
    pub verdicts: bool,
    /// Whether elements carry the name of a counter.
    #[serde(default)]
    pub counters: bool,
    /// Whether its elements are kept by a replacement of the table and left out of comparisons: bans, grants, counts of
    /// sources, the trial.
    pub live: bool,
    /// The elements; of intervals disjoint and sorted.
    pub elements: Vec<Element>,
}

/// A field of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// The protocol family of netfilter (1 byte: 2 is IPv4, 10 is IPv6).
    NfProto,
    /// An IPv4 address (4 bytes).
    Ip4,
    /// An IPv6 address (16 bytes).
    Ip6,
    /// The protocol's number (1 byte).
    Protocol,
    /// A port, or type and code of ICMP (2 bytes).
    Port,
    /// The name of an interface (16 bytes, padded with NUL).
    Interface,
    /// A user id (4 bytes, of the machine's byte order).
    User,
    /// A mark (4 bytes, of the machine's byte order).
    Mark,
    /// What is not known here, by nft's number of the type. In foreign tables alone.
    Other {
        /// The number.
        kind: u8,
        /// Its bytes.
        length: u8,
    },
}

impl Field {
    /// Its bytes in a key of its own; in a concatenation each field is padded to four.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::NfProto | Self::Protocol => 1,
            Self::Port => 2,
            Self::Ip4 | Self::User | Self::Mark => 4,
            Self::Ip6 | Self::Interface => 16,
            Self::Other { length, .. } => length as usize,
        }
    }
}

/// An element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// The key, or the first one of an interval; fields of a concatenation are padded to four bytes each.
    pub first: Vec<u8>,
    /// The last key of the interval, inclusive; equal to `first` where there is one alone. Of a concatenation each field
    /// is an interval of its own.
    pub last: Vec<u8>,
    /// What a map says.
    pub verdict: Option<Verdict>,
    /// The counter that a map names.
    #[serde(default)]
    pub counter: Option<String>,
    /// Milliseconds from its addition to its end.
    pub timeout: Option<u64>,
    /// Milliseconds that are left, as the kernel says.
    pub expires: Option<u64>,
}

impl Element {
    /// A single key.
    #[must_use]
    pub fn one(key: impl Into<Vec<u8>>) -> Self {
        let first = key.into();
        Self { last: first.clone(), first, verdict: None, counter: None, timeout: None, expires: None }
    }

    /// An interval of keys.
    #[must_use]
    pub fn range(first: impl Into<Vec<u8>>, last: impl Into<Vec<u8>>) -> Self {
        Self {
            first: first.into(),
            last: last.into(),
            verdict: None,
            counter: None,
            timeout: None,
            expires: None,
        }
    }

    /// The same with a verdict.
    #[must_use]
    pub fn to(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// The same with a counter.
    #[must_use]
    pub fn counted_by(mut self, counter: String) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The same with an end in so many milliseconds.
    #[must_use]
    pub const fn timeout(mut self, milliseconds: u64) -> Self {
        self.timeout = Some(milliseconds);
        self
    }
}
