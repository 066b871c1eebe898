//! What is written down of every policy that was given to the kernel: who, when, from which texts, and what became of it.

use super::super::answer::RuleChange;
use super::super::caller::Who;
use super::super::policy::Compiled;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The number of a snapshot, counted from 1 and never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(pub(crate) u64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One whole compiled state. It is written once and never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// Its number.
    pub(crate) number: Number,
    /// The main file of the configuration.
    pub(crate) file: PathBuf,
    /// Every text of the configuration, the main file first.
    pub(crate) texts: Vec<Text>,
    /// The name of the host that it is for, where the file names hosts.
    pub(crate) host: Option<String>,
    /// The packets.
    pub(crate) compiled: Compiled,
    /// The letter of the slot of the table that it is compiled into.
    pub(crate) slot: char,
}

/// A file of the configuration as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Its path.
    pub(crate) path: PathBuf,
    /// What it said.
    pub(crate) text: String,
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The snapshot.
    pub(crate) number: Number,
    /// When it was applied, in seconds since 1970-01-01 UTC.
    pub(crate) applied_at: u64,
    /// Who applied it.
    pub(crate) who: Who,
    /// Where logins came from that were there when it was applied: those connections may not confirm it.
    pub(crate) sessions: Vec<SocketAddr>,
    /// What was asked for: the file, or the snapshot that it goes back to.
    pub(crate) origin: String,
    /// How many rules it has.
    pub(crate) rules: usize,
    /// Rules that it changed.
    #[serde(default)]
    pub(crate) changed: ChangedRules,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// Rules that a snapshot changed. The history of many rules stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChangedRules {
    /// The identities of the first few, each with its sign: `+web-3`.
    pub(crate) first: Vec<String>,
    /// How many there are beside those.
    pub(crate) more: usize,
}

impl ChangedRules {
    /// How many are kept.
    const FIRST: usize = 4;

    /// The rules of a plan.
    pub(crate) fn of(rules: &[RuleChange]) -> Self {
        let signed = |rule: &RuleChange| format!("{}{}", rule.change.sign(), rule.rule);
        Self {
            first: rules.iter().take(Self::FIRST).map(signed).collect(),
            more: rules.len().saturating_sub(Self::FIRST),
        }
    }
}

/// What is to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Nothing was ever confirmed, or it is not known any more.
    Nothing,
    /// A confirmed snapshot.
    Snapshot(Number),
    /// Nothing, because the operator said so.
    Off,
}

/// What became of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Fate {
    /// It is being given to the kernel, or was when the keeper ended.
    Begun,
    /// The kernel goes back to the one before unless it is confirmed.
    Trial {
        /// The end, in seconds since 1970-01-01 UTC.
        until: u64,
    },
    /// It was confirmed; it is in force where it is the last one.
    Confirmed {
        /// When, in seconds since 1970-01-01 UTC.
        at: u64,
    },
    /// It never was in force, since the kernel or the gate did not take it.
    NotApplied {
        /// When, in seconds since 1970-01-01 UTC.
        at: u64,
        /// Why.
        reason: String,
    },
    /// It is not in force any more.
    RolledBack {
        /// When that was seen, in seconds since 1970-01-01 UTC.
        at: u64,
        /// Why.
        reason: String,
    },
}

impl Fate {
    /// Whether its end is known.
    pub(crate) const fn is_settled(&self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::NotApplied { .. } | Self::RolledBack { .. })
    }
}
