//! From the canonical form to the kernel's table.
//!
//! A table is a frame, which is the same for every policy, and one generation of the policy in each slot that is used.
//! The same policy always gives the same table. What a table means is read back by [`crate::prove`], which shares nothing
//! with this module but names.

mod back;
mod cut;
pub mod elements;
mod essentials;
mod frame;
mod guards;
mod host;
mod local;
mod mirror;
pub(crate) mod names;
mod nat;
mod outbound;
mod pairs;
mod peers;
mod raw;
pub(crate) mod rule;
#[cfg(test)]
pub(crate) mod samples;
mod sets;
#[cfg(test)]
mod tests;
mod through;
mod tree;

pub use names::counter;

use crate::canonical::Canonical;
use crate::nft::{Chain, Rule, TABLE, Table};
use tree::Trees;

/// One of the two places of a table that hold a generation of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Names begin with `a_`.
    A,
    /// Names begin with `b_`.
    B,
}

impl Slot {
    /// The letter that its names begin with.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A policy and the slot that it is compiled into.
#[derive(Clone, Copy, Debug)]
pub struct InSlot<'a> {
    /// The slot.
    pub slot: Slot,
    /// The policy.
    pub canonical: &'a Canonical,
}

/// The table with a policy in force, and another on trial.
///
/// # Panics
///
/// When both are in the same slot.
#[must_use]
pub fn table(steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) -> Table {
    let mut table = fixed(steady, trial);
    for generation in [Some(steady), trial].into_iter().flatten() {
        let mirrored = mirror::Mirrored::of(generation.canonical);
        Trees::new(&mut table, generation).write(&mirrored);
    }
    table
}

/// The part of the table that has no trees: the frame, and of each generation what follows from lists alone.
pub(crate) fn fixed(steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) -> Table {
    let mut table = Table { name: TABLE.to_owned(), ..Table::default() };
    frame::write(&mut table, steady, trial);
    for generation in [Some(steady), trial].into_iter().flatten() {
        raw::write(&mut table, generation);
        host::write(&mut table, generation);
        essentials::write(&mut table, generation);
        local::write(&mut table, generation);
        mirror::write(&mut table, generation);
        cut::write(&mut table, generation);
        outbound::write(&mut table, generation);
        through::write(&mut table, generation);
        guards::write_sets(&mut table, generation);
        table.counters.extend(names::counted(generation.canonical).into_iter().map(counter));
    }
    back::write(&mut table, steady, trial);
    nat::write(&mut table, steady, trial);
    table
}

impl Table {
    fn chain(&mut self, name: &str, rules: Vec<Rule>) {
        self.chains.insert(name.to_owned(), Chain { base: None, rules });
    }
}
