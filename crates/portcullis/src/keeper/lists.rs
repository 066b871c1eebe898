//! Bans and grants in the kernel: the table comes with them, and what is missing is found and given again.

use super::request::Refused;
use super::tables::filled;
use super::{Keeper, bans, grants};
use firewall::nft::{Element, Table};
use host::nft::LiveChange;
use std::collections::BTreeMap;

/// Elements of all lists that one transaction takes beside a table; the rest follows.
const TOGETHER: usize = 100_000;
/// Larger sets are not counted: the kernel takes long to list them.
const COUNTED: usize = 1000;
/// The kernel's clock and ours agree about the ends of elements but for a moment.
const MOMENT_SECONDS: u64 = 5;

/// Elements by the name of their set.
type Sets = BTreeMap<&'static str, Vec<Element>>;

impl Keeper {
    /// Gives the kernel a table, and with it every ban and grant: whoever is banned never finds the table without them.
    pub(super) fn load_with_lists(&mut self, table: &Table, live: &[LiveChange]) -> Result<(), Refused> {
        let (first, rest) = split(self.lists(), TOGETHER);
        let mut together = filled(first);
        together.extend_from_slice(live);
        if self.replace(table, &together).is_err() {
            // A kernel that does not take as much at once has the table first: closed matters more than complete.
            self.replace(table, live)?;
            return self.fill_lists();
        }
        self.renew(rest)
    }

    /// Makes the kernel's bans and grants those that are kept.
    pub(super) fn fill_lists(&mut self) -> Result<(), Refused> {
        let (first, rest) = split(self.lists(), TOGETHER);
        let together = filled(first.clone());
        if self.kernel()?.refill(&together).is_err() {
            // The owner of the table changes all the same.
            self.kernel()?.refill(&[])?;
            self.renew(first)?;
        }
        self.renew(rest)
    }

    /// Which of the lists the kernel has less of than is kept.
    pub(super) fn missing_of_lists(&mut self) -> Result<Option<String>, Refused> {
        let kept = self.lists_at(self.machine.now() + MOMENT_SECONDS);
        for (set, elements) in kept.into_iter().filter(|(_, elements)| !elements.is_empty()) {
            let wanted = elements.len();
            if wanted > COUNTED {
                continue;
            }
            let there = self.kernel()?.count(set)?;
            // Ends may have joined or parted intervals since.
            let complete = there >= wanted || (bans::PREFIXES.contains(&set) && there > 0);
            if !complete {
                return Ok(Some(format!("{set} has {there} of {wanted}")));
            }
        }
        Ok(None)
    }

    fn lists(&self) -> Sets {
        self.lists_at(self.machine.now())
    }

    /// Every list, without what is over at a moment.
    fn lists_at(&self, now: u64) -> Sets {
        let mut sets = self.bans.elements(now);
        sets.extend(grants::SETS.map(|set| (set, self.grants.elements(set, now))));
        sets
    }

    fn renew(&mut self, sets: Sets) -> Result<(), Refused> {
        for (set, elements) in sets.into_iter().filter(|(_, elements)| !elements.is_empty()) {
            self.kernel()?.renew(set, &elements)?;
        }
        Ok(())
    }
}

/// As many elements as one transaction takes, and the rest.
fn split(mut sets: Sets, room: usize) -> (Sets, Sets) {
    let (mut room, mut rest) = (room, Sets::new());
    for (set, elements) in &mut sets {
        let more = elements.split_off(elements.len().min(room));
        room -= elements.len();
        if !more.is_empty() {
            rest.insert(set, more);
        }
    }
    (sets, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_transaction_does_not_take_is_the_rest() {
        let elements = |keys: std::ops::Range<u8>| keys.map(|key| Element::one([key])).collect::<Vec<_>>();
        let sets = Sets::from([("ban4", elements(0..3)), ("ban6", elements(0..3))]);
        let (first, rest) = split(sets.clone(), 4);
        assert_eq!(first, Sets::from([("ban4", elements(0..3)), ("ban6", elements(0..1))]));
        assert_eq!(rest, Sets::from([("ban6", elements(1..3))]));
        assert_eq!(split(sets.clone(), 6), (sets, Sets::new()));
    }
}
