//! The kernel's table of connections: how full it is, what it lost, and the connections in it.
//!
//! It reads; connections are never flushed to make a policy true.

mod flow;

pub use flow::{Flow, Tuple};

use crate::netlink::{Exchange, Family, NetlinkError};
use crate::settings::number;
use std::fs;
use std::path::Path;

/// How full the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Entries in it.
    pub count: u64,
    /// Entries that fit.
    pub max: u64,
}

impl Load {
    /// Reads it below a root (`/`); `None` where connection tracking is not loaded.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        let folder = root.join("proc/sys/net/netfilter");
        let count = number(&folder.join("nf_conntrack_count"))?;
        Some(Self { count, max: number(&folder.join("nf_conntrack_max"))? })
    }

    /// How much of it is taken, in percent; a table without room is full.
    #[must_use]
    pub const fn percent(self) -> u64 {
        match self.count.saturating_mul(100).checked_div(self.max) {
            Some(percent) => percent,
            None => 100,
        }
    }
}

/// What the table could not keep since the namespace began, all processors together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Packets dropped because no entry could be made: the table was full.
    pub dropped: u64,
    /// Entries thrown out early to make room for others.
    pub evicted: u64,
    /// Entries that could not be inserted.
    pub not_inserted: u64,
}

impl Losses {
    /// Reads them below a root (`/`); `None` where the kernel does not tell them.
    #[must_use]
    pub fn read(root: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(root.join("proc/thread-self/net/stat/nf_conntrack")).ok()?)
    }

    /// A line of names, then a line of hexadecimal numbers for each processor.
    fn parse(content: &str) -> Option<Self> {
        let mut lines = content.lines();
        let names: Vec<&str> = lines.next()?.split_whitespace().collect();
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split_whitespace().collect()).collect();
        let sum = |name: &str| {
            let column = names.iter().position(|column| *column == name)?;
            rows.iter().try_fold(0u64, |sum, row| {
                let value = u64::from_str_radix(row.get(column)?, 16).ok()?;
                Some(sum.saturating_add(value))
            })
        };
        Some(Self { dropped: sum("drop")?, evicted: sum("early_drop")?, not_inserted: sum("insert_failed")? })
    }
}

/// `IPCTNL_MSG_CT_NEW` and `IPCTNL_MSG_CT_GET` of the subsystem 1.
const NEW: u16 = 1 << 8;
const GET: u16 = 1 << 8 | 1;

/// The connections in the table, of IPv4 and IPv6. While it is read the table goes on changing: one that begins or
/// ends meanwhile may be missing.
///
/// # Errors
/// When the kernel does not list them, which needs `CAP_NET_ADMIN`.
pub fn flows() -> Result<Vec<Flow>, NetlinkError> {
    let mut exchange = Exchange::open(Family::Netfilter)?;
    // `struct nfgenmsg`: any family, version 0.
    exchange.dump(GET, &[0; 4], |kind, body| if kind == NEW { flow::read(body) } else { Ok(None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_PROCESSORS: &str = "\
entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error
00000002  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 0000000a 00000003 00000000
00000002  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000010 00000000 00000000
";

    #[test]
    fn losses_of_all_processors_are_added() {
        let expected = Losses { dropped: 26, evicted: 3, not_inserted: 3 };
        assert_eq!(Losses::parse(TWO_PROCESSORS), Some(expected));
    }

    #[test]
    fn statistics_without_a_column_are_not_told_as_zero() {
        for content in ["", "entries found\n0 0\n", "drop early_drop insert_failed\n0 0\n"] {
            assert_eq!(Losses::parse(content), None, "{content}");
        }
    }

    #[test]
    fn a_table_without_room_is_full() {
        assert_eq!(Load { count: 0, max: 0 }.percent(), 100);
        assert_eq!(Load { count: 9, max: 10 }.percent(), 90);
    }
}
