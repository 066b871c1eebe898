//! The tables of others.

use super::{
    Nft,
    error::NftError,
    kernel::{
        NFPROTO_ARP, NFPROTO_BRIDGE, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_NETDEV,
        NFT_TABLE_F_DORMANT,
    },
    read::{self, Found, Scope},
};
use firewall::foreign::{ForeignFamily, ForeignTable};
use std::{collections::BTreeMap, fs};

/// How many elements are read of a set of others; who judges by more than these does not judge by hand.
const ELEMENTS: usize = 1 << 17;

const FAMILIES: &[(u8, ForeignFamily)] = &[
    (NFPROTO_INET, ForeignFamily::Inet),
    (NFPROTO_IPV4, ForeignFamily::Ip),
    (NFPROTO_ARP, ForeignFamily::Arp),
    (NFPROTO_NETDEV, ForeignFamily::Netdev),
    (NFPROTO_BRIDGE, ForeignFamily::Bridge),
    (NFPROTO_IPV6, ForeignFamily::Ip6),
];

/// The socket that owns a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its port in netlink; of a process with one netlink socket it is the process.
    pub port: u32,
    /// The name of the process of that number, where there is one.
    pub program: Option<String>,
}

/// The family of the kernel's number.
pub(super) fn family(number: u8) -> Option<ForeignFamily> {
    FAMILIES.iter().find(|(known, _)| *known == number).map(|(_, family)| *family)
}

impl Nft {
    /// Every table of every family but `inet` `own`, with up to 131,072 elements of each set.
    ///
    /// # Errors
    ///
    /// Where the socket fails, or the rules change faster than they can be read.
    pub fn foreign(&mut self, own: &str) -> Result<Vec<ForeignTable>, NftError> {
        let found = read::tables(&mut self.channel, Scope::all(ELEMENTS))?;
        let others =
            found.into_iter().filter(|((family, name), _)| (*family, name.as_str()) != (NFPROTO_INET, own));
        Ok(others.filter_map(|((number, name), found)| Some(table(family(number)?, name, found))).collect())
    }

    /// Who owns a table of the family `inet`; `None` where nobody does, or there is none of the name.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub fn owner(&mut self, table: &str) -> Result<Option<Owner>, NftError> {
        let found: BTreeMap<_, Found> = read::heads(&mut self.channel, Scope::own(table))?;
        Ok(found.into_values().find_map(|found| found.owner).map(|port| {
            let program = fs::read_to_string(format!("/proc/{port}/comm")).ok();
            Owner { port, program: program.map(|name| name.trim_end().to_owned()) }
        }))
    }
}

fn table(family: ForeignFamily, name: String, found: Found) -> ForeignTable {
    let mut table = found.table;
    if found.flags & NFT_TABLE_F_DORMANT != 0 {
        // The kernel enters no chain of a dormant table.
        for chain in table.chains.values_mut() {
            chain.base = None;
        }
    }
    ForeignTable { family, name, table }
}
