//! Tables, from the kernel.
//!
//! Chains, rules, sets and elements are listed one after the other; the generation before and after tells whether
//! somebody changed them in between, and then all is read again.

use super::{
    chain, element,
    error::NftError,
    kernel::{
        NFPROTO_INET, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN, NFT_MSG_GETOBJ, NFT_MSG_GETRULE, NFT_MSG_GETSET,
        NFT_MSG_GETSETELEM, NFT_MSG_GETTABLE, NFT_OBJECT_COUNTER, NFTA_CHAIN_NAME, NFTA_COUNTER_BYTES,
        NFTA_COUNTER_PACKETS, NFTA_OBJ_DATA, NFTA_OBJ_NAME, NFTA_OBJ_TABLE, NFTA_OBJ_TYPE, NFTA_RULE_CHAIN,
        NFTA_RULE_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_NAME, NFTA_SET_TABLE,
        NFTA_TABLE_FLAGS, NFTA_TABLE_NAME, NFTA_TABLE_OWNER,
    },
    set,
    socket::Channel,
    wire::{Attributes, Body, Message},
};
use firewall::nft::{Chain, Count, Set, Table};
use std::collections::BTreeMap;

/// How often all is read again because of a change in between.
const ATTEMPTS: usize = 32;

/// Every message but one about a table itself begins with the table's name as attribute 1, as that one does.
const TABLE: u16 = NFTA_TABLE_NAME;

/// Which tables are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    family: u8,
    name: Option<&'a str>,
    /// How many elements are read of each set.
    elements: usize,
    /// Whether the elements of live sets are read too.
    live: bool,
}

impl<'a> Scope<'a> {
    /// One table of the family `inet`, whole.
    pub(super) const fn own(name: &'a str) -> Self {
        Self { family: NFPROTO_INET, name: Some(name), elements: usize::MAX, live: true }
    }

    /// The same without the elements of live sets.
    pub(super) const fn steady(name: &'a str) -> Self {
        Self { live: false, ..Self::own(name) }
    }

    /// All tables of all families, with so many elements of each set.
    pub(super) const fn all(elements: usize) -> Self {
        Self { family: NFPROTO_UNSPEC, name: None, elements, live: true }
    }

    fn admits(self, message: &Message<'_>) -> bool {
        (self.family == NFPROTO_UNSPEC || self.family == message.family())
            && self.name.is_none_or(|name| message.attributes().text(TABLE) == Some(name))
    }
}

/// What tells a table from others: its family and its name.
pub(super) type Key = (u8, String);

/// A table as found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) flags: u32,
    /// The netlink port of the socket that owns it.
    pub(super) owner: Option<u32>,
    pub(super) table: Table,
}

/// Reads what `scope` names, as it was at one moment.
pub(super) fn tables(channel: &mut Channel, scope: Scope<'_>) -> Result<BTreeMap<Key, Found>, NftError> {
    for _ in 0..ATTEMPTS {
        let before = channel.generation()?;
        let found = once(channel, scope)?;
        if channel.generation()? == before {
            return Ok(found);
        }
    }
    Err(NftError::Busy)
}

/// Tables with flags and owner, and nothing in them.
pub(super) fn heads(channel: &mut Channel, scope: Scope<'_>) -> Result<BTreeMap<Key, Found>, NftError> {
    let listing = channel.list(NFT_MSG_GETTABLE, scope.family, "tables", |_| {})?;
    let admitted = listing.messages().filter(|message| scope.admits(message));
    Ok(admitted
        .filter_map(|message| {
            let data = message.attributes();
            let name = data.text(NFTA_TABLE_NAME)?.to_owned();
            let found = Found {
                flags: data.u32(NFTA_TABLE_FLAGS).unwrap_or(0),
                owner: data.u32(NFTA_TABLE_OWNER),
                table: Table { name: name.clone(), ..Table::default() },
            };
            Some(((message.family(), name), found))
        })
        .collect())
}

fn once(channel: &mut Channel, scope: Scope<'_>) -> Result<BTreeMap<Key, Found>, NftError> {
    let mut found = heads(channel, scope)?;
    if found.is_empty() {
        return Ok(found);
    }
    for ((key, name), _) in counts(channel, scope)? {
        if let Some(found) = found.get_mut(&key) {
            found.table.counters.insert(name);
        }
    }
    chains(channel, scope, &mut found)?;
    rules(channel, scope, &mut found)?;
    sets(channel, scope, &mut found)?;
    for ((family, table), found) in &mut found {
        for (name, set) in found.table.sets.iter_mut().filter(|(_, set)| scope.live || !set.live) {
            elements(channel, scope.elements, (*family, table), name, set)?;
        }
    }
    Ok(found)
}

/// The table that a message is about.
fn table_of<'a>(found: &'a mut BTreeMap<Key, Found>, message: &Message<'_>) -> Option<&'a mut Table> {
    let name = message.attributes().text(TABLE)?.to_owned();
    found.get_mut(&(message.family(), name)).map(|found| &mut found.table)
}

fn chains(channel: &mut Channel, scope: Scope<'_>, found: &mut BTreeMap<Key, Found>) -> Result<(), NftError> {
    let listing = channel.list(NFT_MSG_GETCHAIN, scope.family, "chains", |_| {})?;
    for message in listing.messages().filter(|message| scope.admits(message)) {
        let data = message.attributes();
        let base = chain::read_base(message.family(), data);
        if let (Some(table), Some(name)) = (table_of(found, &message), data.text(NFTA_CHAIN_NAME)) {
            table.chains.insert(name.to_owned(), Chain { base, rules: Vec::new() });
        }
    }
    Ok(())
}

fn rules(channel: &mut Channel, scope: Scope<'_>, found: &mut BTreeMap<Key, Found>) -> Result<(), NftError> {
    let only = |body: &mut Body| scope.name.into_iter().for_each(|name| _ = body.text(NFTA_RULE_TABLE, name));
    let listing = channel.list(NFT_MSG_GETRULE, scope.family, "rules", only)?;
    for message in listing.messages().filter(|message| scope.admits(message)) {
        let data = message.attributes();
        let chain = data.text(NFTA_RULE_CHAIN).unwrap_or_default();
        if let Some(chain) = table_of(found, &message).and_then(|table| table.chains.get_mut(chain)) {
            chain.rules.push(chain::read_rule(data));
        }
    }
    Ok(())
}

fn sets(channel: &mut Channel, scope: Scope<'_>, found: &mut BTreeMap<Key, Found>) -> Result<(), NftError> {
    let only = |body: &mut Body| scope.name.into_iter().for_each(|name| _ = body.text(NFTA_SET_TABLE, name));
    let listing = channel.list(NFT_MSG_GETSET, scope.family, "sets", only)?;
    for message in listing.messages().filter(|message| scope.admits(message)) {
        let data = message.attributes();
        if let (Some(table), Some(name)) = (table_of(found, &message), data.text(NFTA_SET_NAME)) {
            table.sets.insert(name.to_owned(), set::read(data));
        }
    }
    Ok(())
}

/// Fills in the elements of one set, so many at most.
pub(super) fn elements(
    channel: &mut Channel,
    most: usize,
    (family, table): (u8, &str),
    name: &str,
    set: &mut Set,
) -> Result<(), NftError> {
    let what = format!("the elements of set {name}");
    let listing = channel.list(NFT_MSG_GETSETELEM, family, &what, |body| {
        body.text(NFTA_SET_ELEM_LIST_TABLE, table).text(NFTA_SET_ELEM_LIST_SET, name);
    })?;
    let listed =
        listing.messages().flat_map(|message| element::read(message.attributes())).take(most).collect();
    set.elements = element::assemble(set, listed);
    Ok(())
}

/// The named counters of each table.
pub(super) fn counts(
    channel: &mut Channel,
    scope: Scope<'_>,
) -> Result<BTreeMap<(Key, String), Count>, NftError> {
    let listing = channel.list(NFT_MSG_GETOBJ, scope.family, "counters", |body| {
        if let Some(name) = scope.name {
            body.text(NFTA_OBJ_TABLE, name);
        }
        body.u32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    })?;
    let admitted = listing.messages().filter(|message| scope.admits(message));
    Ok(admitted.filter_map(|message| count(message.family(), message.attributes())).collect())
}

fn count(family: u8, data: Attributes<'_>) -> Option<((Key, String), Count)> {
    if data.u32(NFTA_OBJ_TYPE) != Some(NFT_OBJECT_COUNTER) {
        return None;
    }
    let table = data.text(NFTA_OBJ_TABLE)?.to_owned();
    let values = data.nest(NFTA_OBJ_DATA);
    let count = Count {
        packets: values.u64(NFTA_COUNTER_PACKETS).unwrap_or(0),
        bytes: values.u64(NFTA_COUNTER_BYTES).unwrap_or(0),
    };
    Some((((family, table), data.text(NFTA_OBJ_NAME)?.to_owned()), count))
}
