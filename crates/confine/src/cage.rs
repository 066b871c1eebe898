//! What the process is told about its own confinement.

use crate::account::Account;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::path::PathBuf;

/// How a process is to be confined. Everything that is not named is out of its reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cage {
    /// Whom the process becomes. Only root can become somebody; without root it stays who it is.
    pub account: Option<Account>,
    /// Folders and files that it sees, read-only, each at its own path: roots of files, folders in which sockets of
    /// instances lie (connecting works), single files such as `/etc/resolv.conf`. Absolute, without `..`. Links are
    /// followed when the process starts, with the rights of `account`. What lies beneath another one costs nothing.
    pub shown: BTreeSet<PathBuf>,
    /// Whether it may open Unix sockets, to connect to what it sees. Pairs it may make in any case.
    #[serde(default)]
    pub unix_sockets: bool,
    /// Whether it is killed when the thread that started it ends, whatever it does (PR_SET_PDEATHSIG(2const)).
    #[serde(default)]
    pub ends_with_parent: bool,
    /// Layers that are left out, so that a test can tell what each one stops by itself.
    #[serde(default)]
    pub without: BTreeSet<LayerName>,
}

/// The layers, in the order in which they are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerName {
    /// A root folder of its own, in which only what is shown exists.
    Mounts,
    /// Another user, no capabilities, nothing that would bring either back.
    Rights,
    /// Landlock: nothing is written, executed, or listened on, no signal leaves.
    Landlock,
    /// Seccomp: system calls that are not needed do not exist.
    Calls,
}

impl LayerName {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Mounts, Self::Rights, Self::Landlock, Self::Calls];
}

impl Display for LayerName {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Mounts => "mount namespace",
            Self::Rights => "user and capabilities",
            Self::Landlock => "landlock",
            Self::Calls => "system call filter",
        })
    }
}
