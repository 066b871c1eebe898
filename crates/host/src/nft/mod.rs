//! nf_tables, over netlink: tables as values are written in one transaction, and read back the same.
//!
//! Nothing here decides what a table should hold. No other program is run.

mod batch;
mod candidates;
mod chain;
mod element;
mod error;
mod expression;
mod features;
mod field;
mod foreign;
mod kernel;
mod list;
mod live;
mod read;
mod replace;
mod set;
mod socket;
mod watch;
mod wire;

pub use error::{NftError, OpenError, Refused};
pub use features::{Feature, Features};
pub use foreign::Owner;
pub use live::SetOf;
pub use replace::{Flush, LiveChange, Replacement, steady};
pub use watch::{Change, Event, Extent, Watch};

use batch::Batch;
use firewall::nft::{Count, Element, Table};
use kernel::{NFPROTO_INET, NFT_TABLE_F_OWNER, NFT_TABLE_F_PERSIST};
use read::{Found, Scope};
use replace::{change, claim, delete_table};
use rustix::io::Errno;
use socket::Channel;
use std::collections::BTreeMap;

/// nf_tables of the network namespace that the socket was opened in.
///
/// With [`Ownership::OwnerPersist`] the kernel knows this value as the owner of the table: keep it as long as the table
/// is kept, and change the table through it alone.
#[derive(Debug)]
pub struct Nft {
    channel: Channel,
    /// Whether the kernel has `PERSIST`, once that was asked.
    persists: Option<bool>,
}

/// Who may change the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// We alone, and the table stays in force when we are gone (an orphan), until the next owner claims it. Kernels
    /// before 6.9 cannot keep an orphan, and have [`Ownership::Plain`] instead: never an owner alone, with whom the
    /// table would go.
    OwnerPersist,
    /// Everybody with the rights.
    Plain,
}

impl Nft {
    /// Opens a socket to nf_tables.
    ///
    /// # Errors
    ///
    /// Missing rights and a kernel without nf_tables are told apart.
    pub fn open() -> Result<Self, OpenError> {
        Ok(Self { channel: Channel::open()?, persists: None })
    }

    /// The same as on a kernel before 6.9, which keeps no table whose owner is gone: for tests of what is done instead.
    #[must_use]
    pub fn without_owners(self) -> Self {
        Self { persists: Some(false), ..self }
    }

    /// The number of this socket in netlink; events of our own changes carry it.
    #[must_use]
    pub const fn port(&self) -> u32 {
        self.channel.port()
    }

    /// The number of the rules' state, which every transaction of anybody raises.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub fn generation(&mut self) -> Result<u32, NftError> {
        self.channel.generation()
    }

    /// A table of the family `inet`, with the elements of its live sets; `None` where there is none of the name.
    ///
    /// # Errors
    ///
    /// Where the socket fails, or the rules change faster than they can be read.
    pub fn read(&mut self, name: &str) -> Result<Option<Table>, NftError> {
        let mut found = read::tables(&mut self.channel, Scope::own(name))?;
        Ok(found.remove(&(NFPROTO_INET, name.to_owned())).map(|found| found.table))
    }

    /// The same as [`steady`] of [`Nft::read`]. The kernel takes seconds to list a hundred thousand bans, so what only
    /// compares or replaces a table asks for this.
    ///
    /// # Errors
    ///
    /// As [`Nft::read`].
    pub fn read_steady(&mut self, name: &str) -> Result<Option<Table>, NftError> {
        let mut found = read::tables(&mut self.channel, Scope::steady(name))?;
        Ok(found.remove(&(NFPROTO_INET, name.to_owned())).map(|found| steady(found.table)))
    }

    /// Makes the kernel's table `replacement.wanted`, in force by one transaction. What it needs that nothing refers to yet is
    /// brought in by one before it, see `staged`, and what nothing refers to any more goes by one after it, see
    /// `switched`.
    ///
    /// Chains, sets and counters that are alike are not touched. A table that the kernel cannot give the wanted
    /// ownership to, because it was created with another one, is deleted and created anew in the same transaction, with
    /// the live elements and the counts that it has.
    ///
    /// What is returned is why something of what nothing refers to any more is still there; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// Nothing changed, but for [`Refused::Lost`]. [`Refused::Owned`] where another process owns the table.
    pub fn replace(
        &mut self,
        replacement: &Replacement<'_>,
        ownership: Ownership,
    ) -> Result<Option<Refused>, Refused> {
        let name = &replacement.wanted.name;
        if let Some(change) =
            replacement.live.iter().find(|change| !replacement.wanted.sets.contains_key(&change.set))
        {
            return Err(Refused::Inexpressible(format!(
                "a change of set {}, which is not in the table,",
                change.set
            )));
        }
        let flags = self.flags(ownership)?;
        let found = read::heads(&mut self.channel, Scope::own(name))?.remove(&(NFPROTO_INET, name.clone()));
        let mut batch = Batch::default();
        match (found, replacement.current) {
            (None, _) => {
                let nothing = Table { name: name.clone(), ..Table::default() };
                let done = self.replace_staged(&nothing, flags, replacement);
                if matches!(done, Err(ref refused) if !matches!(refused, Refused::Lost(_))) {
                    // The refusal is what matters; a table without base chains does nothing.
                    let _ = self.delete_table(name);
                }
                return done;
            }
            (Some(found), Some(current)) if may_become(found.flags & OWNED, flags) => {
                return self.replace_staged(current, flags, replacement);
            }
            (Some(found), current) => self.recreate(&mut batch, &found, flags, current, replacement)?,
        }
        self.channel.commit(&batch, replacement.generation).map(|()| None)
    }

    /// Three transactions: what is new, then what is in force, then the end of what is left over. Should the second be
    /// refused, the first is undone.
    fn replace_staged(
        &mut self,
        current: &Table,
        flags: u32,
        replacement: &Replacement<'_>,
    ) -> Result<Option<Refused>, Refused> {
        let staged = staged(current, replacement.wanted);
        let mut commit = |from: &Table, to: &Replacement<'_>| {
            let mut batch = Batch::default();
            claim(&mut batch, &to.wanted.name, flags);
            change(&mut batch, Some(from), to);
            self.channel.commit(&batch, to.generation)
        };
        if staged == *current {
            return commit(current, replacement).map(|()| None);
        }
        commit(current, &Replacement { wanted: &staged, live: &[], ..replacement.clone() })?;
        let generation = replacement.generation.map(following);
        let switched = switched(current, replacement.wanted);
        let done = commit(&staged, &Replacement { wanted: &switched, generation, ..replacement.clone() });
        match done {
            Ok(()) if switched == *replacement.wanted => Ok(None),
            // No packet comes to what is left over: a refusal is no reason to say that the packets did not change.
            Ok(()) => Ok(commit(&switched, &Replacement::new(None, replacement.wanted)).err()),
            Err(refused) => {
                if !matches!(refused, Refused::Lost(_)) {
                    // The refusal is what matters; what is left over does nothing.
                    let _ = commit(&staged, &Replacement::new(None, current));
                }
                Err(refused)
            }
        }
    }

    /// Deletes the kernel's table and creates it with other flags.
    fn recreate(
        &mut self,
        batch: &mut Batch,
        found: &Found,
        flags: u32,
        current: Option<&Table>,
        replacement: &Replacement<'_>,
    ) -> Result<(), Refused> {
        let name = &replacement.wanted.name;
        let (mut counts, mut wanted) = (replacement.counts.clone(), replacement.wanted.clone());
        if current.is_some() {
            counts.extend(self.counters(name)?);
            keep_live_elements(&mut wanted, &self.read(name)?.unwrap_or_default());
        }
        claim(batch, name, found.flags & OWNED);
        delete_table(batch, name);
        claim(batch, name, flags);
        change(batch, None, &Replacement { wanted: &wanted, counts: &counts, ..replacement.clone() });
        Ok(())
    }

    /// Deletes a table; one that is not there is deleted.
    ///
    /// # Errors
    ///
    /// Nothing changed. [`Refused::Owned`] where another process owns the table.
    pub fn delete_table(&mut self, name: &str) -> Result<(), Refused> {
        let found =
            read::heads(&mut self.channel, Scope::own(name))?.remove(&(NFPROTO_INET, name.to_owned()));
        let Some(found) = found else { return Ok(()) };
        let mut batch = Batch::default();
        claim(&mut batch, name, found.flags & OWNED);
        delete_table(&mut batch, name);
        self.channel.commit(&batch, None)
    }

    /// What the named counters of a table have counted.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub fn counters(&mut self, table: &str) -> Result<BTreeMap<String, Count>, NftError> {
        let counts = read::counts(&mut self.channel, Scope::own(table))?;
        Ok(counts.into_iter().map(|((_, name), count)| (name, count)).collect())
    }

    /// The flags of a table with this ownership, on this kernel.
    fn flags(&mut self, ownership: Ownership) -> Result<u32, Refused> {
        Ok(match ownership {
            Ownership::OwnerPersist if self.keeps_orphans()? => OWNED,
            Ownership::OwnerPersist | Ownership::Plain => 0,
        })
    }

    /// Whether the kernel keeps a table whose owner is gone.
    fn keeps_orphans(&mut self) -> Result<bool, Refused> {
        if let Some(known) = self.persists {
            return Ok(known);
        }
        // The deletion of a table that cannot be there refuses the transaction, so that nothing is ever created.
        let mut batch = Batch::default();
        claim(&mut batch, PROBE, OWNED);
        delete_table(&mut batch, &format!("{PROBE}_absent"));
        let refusals = self.channel.attempt(&batch, None)?;
        if refusals.iter().any(|refusal| refusal.operation.is_none() && refusal.errno == Errno::PERM) {
            return Err(Refused::NoRights);
        }
        let known = refusals.iter().all(|refusal| refusal.operation != Some(0));
        self.persists = Some(known);
        Ok(known)
    }
}

const OWNED: u32 = NFT_TABLE_F_OWNER | NFT_TABLE_F_PERSIST;

/// Whether the kernel lets a table with these flags have those: the same ones, or an owner for an orphan, which is a
/// table that stays and has none.
const fn may_become(has: u32, wanted: u32) -> bool {
    has == wanted || (wanted == OWNED && has == NFT_TABLE_F_PERSIST)
}

/// A table that is never created.
const PROBE: &str = "portcullis_probe";

/// The table with the chains, sets and counters besides that the wanted one has under new names.
///
/// The kernel puts new rules in force before the elements of interval sets that came with them can be found: packets
/// that arrive meanwhile, milliseconds with thousands of elements, would be refused. So sets come first.
fn staged(current: &Table, wanted: &Table) -> Table {
    let mut staged = current.clone();
    let new = wanted
        .chains
        .iter()
        .filter(|(name, chain)| chain.base.is_none() && !current.chains.contains_key(*name));
    staged.chains.extend(new.map(|(name, chain)| (name.clone(), chain.clone())));
    let new = wanted.sets.iter().filter(|(name, _)| !current.sets.contains_key(*name));
    staged.sets.extend(new.map(|(name, set)| (name.clone(), set.clone())));
    staged.counters.extend(wanted.counters.iter().cloned());
    staged
}

/// The wanted table with the chains, sets and counters besides that only the current one has.
///
/// A packet that is on its way through the old rules looks into the sets as they are: those that it needs have to be there
/// until it has left.
fn switched(current: &Table, wanted: &Table) -> Table {
    let mut switched = wanted.clone();
    let old = current
        .chains
        .iter()
        .filter(|(name, chain)| chain.base.is_none() && !wanted.chains.contains_key(*name));
    switched.chains.extend(old.map(|(name, chain)| (name.clone(), chain.clone())));
    let old = current.sets.iter().filter(|(name, _)| !wanted.sets.contains_key(*name));
    switched.sets.extend(old.map(|(name, set)| (name.clone(), set.clone())));
    switched.counters.extend(current.counters.iter().cloned());
    switched
}

/// The number of the rules' state after one more transaction; it is never 0.
const fn following(generation: u32) -> u32 {
    match generation.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

/// Gives the live sets the elements that they had.
fn keep_live_elements(wanted: &mut Table, current: &Table) {
    for (name, set) in wanted.sets.iter_mut().filter(|(_, set)| set.live) {
        if let Some(old) = current.sets.get(name).filter(|old| set::same_kind(old, set)) {
            set.elements = old.elements.iter().map(left).collect();
        }
    }
}

/// The element with no more time than it had left.
fn left(element: &Element) -> Element {
    Element { timeout: element.expires.or(element.timeout), expires: None, ..element.clone() }
}
