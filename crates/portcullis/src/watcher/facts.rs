//! What the keeper takes from a watcher: what it asked for, once, and within bounds.

use link::{MOST_ADDRESSES, NameFact};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Its addresses of both families, sorted.
    pub(crate) addresses: Vec<IpAddr>,
    /// For how many seconds the answer is good.
    pub(crate) seconds: u64,
}

/// A watcher that tells something else than it was asked: nothing that it said is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nobody asked for this name, or it was told before.
    NotAsked,
    /// It has no addresses, or too many.
    Addresses(usize),
}

/// What is known of the names that were asked for.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    asked: &'a BTreeSet<String>,
    known: BTreeMap<String, Resolved>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(asked: &'a BTreeSet<String>) -> Self {
        Self { asked, known: BTreeMap::new() }
    }

    pub(super) fn are_complete(&self) -> bool {
        self.known.len() == self.asked.len()
    }

    pub(super) fn take(&mut self, fact: NameFact) -> Result<(), Broken> {
        if !self.asked.contains(&fact.name) || self.known.contains_key(&fact.name) {
            return Err(Broken::NotAsked);
        }
        if !(1..=MOST_ADDRESSES).contains(&fact.addresses.len()) {
            return Err(Broken::Addresses(fact.addresses.len()));
        }
        let sorted: BTreeSet<IpAddr> = fact.addresses.into_iter().collect();
        let addresses = sorted.into_iter().collect();
        self.known.insert(fact.name, Resolved { addresses, seconds: fact.seconds });
        Ok(())
    }

    pub(super) fn into_known(self) -> BTreeMap<String, Resolved> {
        self.known
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("it tells of a name that it was not asked for"),
            Self::Addresses(count) => write!(f, "it tells {count} addresses of one name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(name: &str, addresses: usize) -> NameFact {
        let addresses =
            (0..addresses).rev().map(|number| IpAddr::from([10, 0, (number / 256) as u8, number as u8]));
        NameFact { name: name.to_owned(), addresses: addresses.collect(), seconds: 60 }
    }

    fn asked() -> BTreeSet<String> {
        ["a.test", "b.test"].map(str::to_owned).into()
    }

    #[test]
    fn what_was_asked_for_is_taken_in_order() {
        let asked = asked();
        let mut facts = Facts::of(&asked);
        assert_eq!(facts.take(fact("a.test", 2)), Ok(()));
        assert!(!facts.are_complete());
        assert_eq!(facts.take(fact("b.test", MOST_ADDRESSES)), Ok(()));
        assert!(facts.are_complete());
        let known = facts.into_known();
        let expected = ["10.0.0.0", "10.0.0.1"].map(|text| text.parse::<IpAddr>().expect("an address"));
        assert_eq!(known["a.test"], Resolved { addresses: expected.into(), seconds: 60 });
    }

    #[test]
    fn nothing_else_is() {
        let asked = asked();
        let mut facts = Facts::of(&asked);
        assert_eq!(facts.take(fact("c.test", 1)), Err(Broken::NotAsked));
        assert_eq!(facts.take(fact("a.test", 1)), Ok(()));
        assert_eq!(facts.take(fact("a.test", 1)), Err(Broken::NotAsked), "twice");
        assert_eq!(facts.take(fact("b.test", 0)), Err(Broken::Addresses(0)));
        assert_eq!(facts.take(fact("b.test", MOST_ADDRESSES + 1)), Err(Broken::Addresses(257)));
    }
}
