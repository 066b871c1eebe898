//! The kernel as it is, through `host`. It decides nothing: it keeps the socket that owns the table, reads before it
//! changes, and tries again when somebody else changed rules meanwhile.

use super::kernel::{Features, Kernel, KernelError, Leftover};
use super::request::{Blame, Refused};
use super::tables::TRIAL;
use firewall::compile::{InSlot, Slot};
use firewall::foreign::ForeignTable;
use firewall::nft::{Count, Element, Set, TABLE, Table};
use host::nft::{self, LiveChange, Nft, NftError, Ownership, Replacement, SetOf};
use std::collections::{BTreeMap, BTreeSet};

/// How often a change is tried again because somebody else changed rules meanwhile.
const ATTEMPTS: usize = 16;
/// Elements that are taken into one transaction with others.
const TOGETHER: usize = 1000;

/// Opens the kernel's packet filter, or says why it is out of reach.
pub(super) fn open() -> Result<Box<dyn Kernel>, Refused> {
    on(Nft::open().map_err(|error| unavailable(&error, error.hint()))?)
}

/// The kernel behind a socket, if it can do what the firewall needs.
pub(super) fn on(mut nft: Nft) -> Result<Box<dyn Kernel>, Refused> {
    let features = nft::Features::probe(&mut nft).map_err(|error| unavailable(&error, error.hint()))?;
    if !features.suffice() {
        let missing = features.missing.iter().filter(|feature| feature.essential);
        let names: Vec<_> =
            missing.map(|feature| format!("{} (for {})", feature.name, feature.needed_for)).collect();
        let reason = format!("this kernel cannot do what the firewall needs: {}", names.join(", "));
        return Err(
            Refused { blame: Blame::Machine, ..Refused::no(reason) }.with_hint("a newer kernel has it")
        );
    }
    Ok(Box::new(Netlink { nft, features }))
}

/// Whether a table of ours is in the kernel, whoever keeps it; where that cannot be seen, none is. What else the kernel can
/// do is not tried out: that takes it tens of milliseconds, which every start without a firewall would wait for.
pub(crate) fn is_table_there() -> bool {
    Nft::open().is_ok_and(|mut nft| nft.read_steady(TABLE).is_ok_and(|table| table.is_some()))
}

/// Whether a process that lives owns the table of ours, so that nobody else can change it; where that cannot be seen,
/// none does. It is asked while this process owns nothing.
pub(crate) fn is_table_owned() -> bool {
    Nft::open().is_ok_and(|mut nft| nft.owner(TABLE).is_ok_and(|owner| owner.is_some()))
}

fn unavailable(error: &dyn std::error::Error, hint: Option<&str>) -> Refused {
    Refused { hint: hint.map(str::to_owned), ..Refused::machine(error) }
}

struct Netlink {
    nft: Nft,
    features: nft::Features,
}

impl Netlink {
    /// Makes the table `wanted`, or leaves it as it is but for its live sets, where there is one.
    fn transact(&mut self, wanted: Option<&Table>, live: &[LiveChange]) -> Result<Leftover, KernelError> {
        for _ in 0..ATTEMPTS {
            let generation = self.nft.generation().map_err(unread)?;
            let current = self.nft.read_steady(TABLE).map_err(unread)?;
            let Some(wanted) = wanted.or(current.as_ref()) else { return Ok(None) };
            let replacement = Replacement {
                live,
                generation: Some(generation),
                ..Replacement::new(current.as_ref(), wanted)
            };
            match self.nft.replace(&replacement, Ownership::OwnerPersist) {
                Err(nft::Refused::Raced) => {}
                Err(error) => return Err(refused("change the packets", error)),
                Ok(left) => {
                    return Ok(left.map(|error| refused("remove what the old packets were made of", error)));
                }
            }
        }
        Err(refused("change the packets", nft::Refused::Raced))
    }
}

impl Kernel for Netlink {
    fn features(&mut self) -> Features {
        let missing = self.features.missing.iter();
        let missing: Vec<String> =
            missing.map(|feature| format!("{}, for {}", feature.name, feature.needed_for)).collect();
        let owner = self.nft.owner(TABLE).ok().flatten();
        Features { owned: owner.is_some_and(|owner| owner.port == self.nft.port()), missing }
    }

    fn read(&mut self) -> Result<Option<Table>, KernelError> {
        let mut table = self.nft.read_steady(TABLE).map_err(unread)?;
        if let Some(trial) = table.as_mut().and_then(|table| table.sets.get_mut(TRIAL)) {
            let of = SetOf { table: TABLE, name: TRIAL, set: &trial.clone() };
            trial.elements = self.nft.elements(of).map_err(unread)?;
        }
        Ok(table)
    }

    fn replace(&mut self, table: &Table, live: &[LiveChange]) -> Result<Leftover, KernelError> {
        self.transact(Some(table), live)
    }

    fn remove(&mut self) -> Result<(), KernelError> {
        self.nft.delete_table(TABLE).map_err(|error| refused("remove the table", error))
    }

    fn renew(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError> {
        let kind = kinds().remove(set).unwrap_or_default();
        let of = SetOf { table: TABLE, name: set, set: &kind };
        self.nft.renew_elements(of, elements).map_err(|error| refused("add to a list of the table", error))
    }

    fn forget(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError> {
        let kind = kinds().remove(set).unwrap_or_default();
        let of = SetOf { table: TABLE, name: set, set: &kind };
        for part in elements.chunks(TOGETHER) {
            if self.nft.delete_elements(of, part).is_ok() {
                continue;
            }
            // Some have ended by themselves meanwhile.
            let there: BTreeSet<Vec<u8>> =
                self.nft.elements(of).map_err(unread)?.into_iter().map(|element| element.first).collect();
            let left: Vec<Element> = part.iter().filter(|one| there.contains(&one.first)).cloned().collect();
            self.nft
                .delete_elements(of, &left)
                .map_err(|error| refused("take from a list of the table", error))?;
        }
        Ok(())
    }

    fn refill(&mut self, changes: &[LiveChange]) -> Result<(), KernelError> {
        self.transact(None, changes).map(drop)
    }

    fn elements(&mut self, set: &str) -> Result<Vec<Element>, KernelError> {
        let kind = kinds().remove(set).unwrap_or_default();
        let of = SetOf { table: TABLE, name: set, set: &kind };
        self.nft.elements(of).map_err(unread)
    }

    fn count(&mut self, set: &str) -> Result<usize, KernelError> {
        Ok(self.elements(set)?.len())
    }

    fn counters(&mut self) -> Result<BTreeMap<String, Count>, KernelError> {
        self.nft.counters(TABLE).map_err(unread)
    }

    fn generation(&mut self) -> Result<u32, KernelError> {
        self.nft.generation().map_err(unread)
    }

    fn foreign(&mut self) -> Result<Vec<ForeignTable>, KernelError> {
        self.nft.foreign(TABLE).map_err(unread)
    }
}

/// The live sets that every table of ours has.
fn kinds() -> BTreeMap<String, Set> {
    let canonical = firewall::canonical::Canonical::minimum([], []);
    let [a, b] = [Slot::A, Slot::B].map(|slot| InSlot { slot, canonical: &canonical });
    let table = firewall::compile::table(&a, Some(&b));
    table.sets.into_iter().filter(|(_, set)| set.live).collect()
}

fn unread(error: NftError) -> KernelError {
    KernelError { doing: "read the packet rules", source: Box::new(error), hint: None }
}

fn refused(doing: &'static str, error: nft::Refused) -> KernelError {
    let hint = error.hint().map(str::to_owned);
    KernelError { doing, source: Box::new(error), hint }
}
