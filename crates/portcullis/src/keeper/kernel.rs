//! What the keeper needs of the kernel's packet filter. The real one is a thin layer over `host`; tests have one that
//! records what it was asked.

use firewall::foreign::ForeignTable;
use firewall::nft::{Count, Element, Table};
use host::nft::LiveChange;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The kernel's packet filter, as far as our table goes. Each change is in force whole or not at all.
pub(crate) trait Kernel: Send {
    /// What this kernel can do.
    fn features(&mut self) -> Features;

    /// Our table as the kernel has it. Of the live sets only the trial's elements are in it: the kernel takes seconds to
    /// list a hundred thousand bans.
    fn read(&mut self) -> Result<Option<Table>, KernelError>;

    /// Makes the table another one. Live sets keep their elements but for the changes that are named; of live sets that
    /// are new, the elements of the value are taken.
    fn replace(&mut self, table: &Table, live: &[LiveChange]) -> Result<Leftover, KernelError>;

    /// Removes our table.
    fn remove(&mut self) -> Result<(), KernelError>;

    /// Adds elements to a live set; the timeouts of those that are there begin anew. So many that they do not fit one
    /// transaction come in several.
    fn renew(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError>;

    /// Removes elements of a live set, as far as they are there.
    fn forget(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError>;

    /// Changes the elements of live sets, all at once.
    fn refill(&mut self, changes: &[LiveChange]) -> Result<(), KernelError>;

    /// The elements of a live set that every table of ours has, with the time that is left.
    fn elements(&mut self, set: &str) -> Result<Vec<Element>, KernelError>;

    /// How many elements a live set has. They are listed, so this is for sets that are not large.
    fn count(&mut self, set: &str) -> Result<usize, KernelError>;

    /// What the named counters have counted; nothing where there is no table.
    fn counters(&mut self) -> Result<BTreeMap<String, Count>, KernelError>;

    /// A number that every change of any table raises.
    fn generation(&mut self) -> Result<u32, KernelError>;

    /// The tables of others.
    fn foreign(&mut self) -> Result<Vec<ForeignTable>, KernelError>;
}

/// Why something is still there that no packet comes to any more.
pub(crate) type Leftover = Option<KernelError>;

/// What a kernel can do, in words that `status` uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Features {
    /// Whether nobody but this keeper can change the table, and it stays when the keeper ends (Linux 6.9). A command
    /// that asks without a running gate owns what it changes, and only as long as it runs.
    pub(crate) owned: bool,
    /// What is missing, and what follows from it.
    pub(crate) missing: Vec<String>,
}

/// Why the kernel did not do it.
#[derive(Debug)]
pub(crate) struct KernelError {
    /// What was tried.
    pub(crate) doing: &'static str,
    /// What the machine said.
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.doing)
    }
}

impl std::error::Error for KernelError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}
