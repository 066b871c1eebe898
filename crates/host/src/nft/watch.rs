//! Who changes packet rules, as the kernel tells it.

use super::{
    error::OpenError,
    foreign::family,
    kernel::{
        NFNL_SUBSYS_NFTABLES, NFNLGRP_NFTABLES, NFT_MSG_DELSETELEM, NFT_MSG_NEWGEN, NFT_MSG_NEWSETELEM,
        NFTA_GEN_ID, NFTA_GEN_PROC_NAME, NFTA_GEN_PROC_PID, NFTA_TABLE_NAME,
    },
    socket::Channel,
    wire::Message,
};
use firewall::foreign::ForeignFamily;
use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd},
};

/// A socket that hears of every change of packet rules in its network namespace.
///
/// Its descriptor becomes readable when there is something to [`Watch::read`].
#[derive(Debug)]
pub struct Watch {
    channel: Channel,
    /// The tables of a transaction whose end has not come yet.
    pending: BTreeMap<(ForeignFamily, String), Extent>,
}

/// What a [`Watch`] hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A transaction.
    Changed(Change),
    /// Transactions came faster than they were read, and some were lost: read the tables.
    Lost,
}

/// One transaction of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The tables that changed, and how far.
    pub tables: BTreeMap<(ForeignFamily, String), Extent>,
    /// The rules' state after it.
    pub generation: u32,
    /// The netlink port of the socket that made it; ours is [`super::Nft::port`].
    pub port: u32,
    /// The thread that made it; of a program with one thread it is the process.
    pub thread: Option<u32>,
    /// The name of its program (of the thread, where it has one of its own), up to 15 bytes.
    pub program: Option<String>,
}

/// How far a table changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Elements of its sets.
    Elements,
    /// Chains, rules, sets or itself.
    Rules,
}

impl Watch {
    /// Opens the socket.
    ///
    /// # Errors
    ///
    /// As [`super::Nft::open`].
    pub fn open() -> Result<Self, OpenError> {
        let channel = Channel::open()?;
        channel.join(NFNLGRP_NFTABLES).map_err(OpenError::Io)?;
        Ok(Self { channel, pending: BTreeMap::new() })
    }

    /// What happened since; empty where nothing did. Never waits.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub fn read(&mut self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            let pending = &mut self.pending;
            match self.channel.heard(|message| events.extend(hear(pending, &message).map(Event::Changed))) {
                Ok(true) => {}
                Ok(false) => return Ok(events),
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {
                    self.pending.clear();
                    events.push(Event::Lost);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Collects the tables of a transaction up to its end, which tells who made it.
fn hear(pending: &mut BTreeMap<(ForeignFamily, String), Extent>, message: &Message<'_>) -> Option<Change> {
    if message.kind >> 8 != NFNL_SUBSYS_NFTABLES {
        return None;
    }
    let data = message.attributes();
    match message.kind & 0xff {
        NFT_MSG_NEWGEN => Some(Change {
            tables: std::mem::take(pending),
            generation: data.u32(NFTA_GEN_ID)?,
            port: message.port,
            thread: data.u32(NFTA_GEN_PROC_PID),
            program: data.text(NFTA_GEN_PROC_NAME).map(str::to_owned),
        }),
        kind => {
            let extent = match kind {
                NFT_MSG_NEWSETELEM | NFT_MSG_DELSETELEM => Extent::Elements,
                _ => Extent::Rules,
            };
            let key = (family(message.family())?, data.text(NFTA_TABLE_NAME)?.to_owned());
            let known = pending.entry(key).or_insert(extent);
            *known = extent.max(*known);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::hear;
    use crate::nft::wire::Messages;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut pending = BTreeMap::new();
            for message in Messages(&bytes) {
                _ = hear(&mut pending, &message);
            }
        }
    }
}
