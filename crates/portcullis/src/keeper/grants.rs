//! Grants: ports that are open for one address and a time, without a change of the file.
//!
//! The kernel ends each by its own clock; the list on disk is what they survive a restart of the machine with.

use super::answer::GrantInForce;
use super::request::Granted;
use super::state::{State, StateError};
use firewall::compile::elements;
use firewall::nft::Element;

/// The sets of grants, of IPv4 and IPv6.
pub(super) const SETS: [&str; 2] = ["grant4", "grant6"];
const NAME: &str = "grants";
const LOST: &str = "grants are forgotten, and the kernel ends those that it has";
/// More are no grants any more, but a policy.
pub(super) const MOST: usize = 1000;

/// Every grant that is kept.
#[derive(Debug)]
pub(super) struct Grants(Vec<GrantInForce>);

impl Grants {
    /// Reads the list, without those that are over.
    pub(super) fn open(state: &mut State, now: u64) -> Result<Self, StateError> {
        let mut grants = Self(state.list(NAME, LOST)?.unwrap_or_default());
        grants.0.retain(|grant| grant.until > now);
        Ok(grants)
    }

    /// Those that are not over.
    pub(super) fn list(&self, now: u64) -> impl Iterator<Item = &GrantInForce> {
        self.0.iter().filter(move |grant| grant.until > now)
    }

    /// Adds one in place of an earlier one of the same.
    pub(super) fn add(&mut self, state: &State, grant: GrantInForce, now: u64) -> Result<(), StateError> {
        let mut list = self.without(&grant.granted, now);
        list.push(grant);
        self.replace(state, list)
    }

    /// Takes one back.
    pub(super) fn remove(&mut self, state: &State, granted: &Granted, now: u64) -> Result<(), StateError> {
        self.replace(state, self.without(granted, now))
    }

    /// The one of exactly this.
    pub(super) fn get(&self, granted: &Granted, now: u64) -> Option<&GrantInForce> {
        self.list(now).find(|grant| grant.granted == *granted)
    }

    fn without(&self, granted: &Granted, now: u64) -> Vec<GrantInForce> {
        self.list(now).filter(|old| old.granted != *granted).cloned().collect()
    }

    /// What is here is what is on disk.
    fn replace(&mut self, state: &State, list: Vec<GrantInForce>) -> Result<(), StateError> {
        state.write_list(NAME, &list, &self.0)?;
        self.0 = list;
        Ok(())
    }

    /// The elements of a set of grants.
    pub(super) fn elements(&self, set: &str, now: u64) -> Vec<Element> {
        let in_set = self.list(now).filter(|grant| set_of(&grant.granted) == set);
        in_set.map(|grant| element(&grant.granted, Some(grant.until.saturating_sub(now)))).collect()
    }
}

/// The set that a grant is in.
pub(super) const fn set_of(granted: &Granted) -> &'static str {
    if granted.address.is_ipv4() { SETS[0] } else { SETS[1] }
}

/// A grant as an element.
pub(super) fn element(granted: &Granted, seconds: Option<u64>) -> Element {
    let element = elements::grant(granted.address, granted.protocol, granted.port).element;
    match seconds {
        Some(seconds) => element.timeout(seconds.max(1) * 1000),
        None => element,
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::Who;
    use super::*;
    use testkit::Folder;

    fn grant(port: u16, until: u64) -> GrantInForce {
        let granted = Granted { address: [192, 0, 2, 7].into(), protocol: 6, port };
        GrantInForce { granted, until, who: Who::default() }
    }

    #[test]
    fn grants_survive_with_what_is_left_of_their_time() {
        let folder = Folder::new();
        let mut state = crate::keeper::state::opened(folder.path());
        let mut grants = Grants::open(&mut state, 0).expect("a list");
        for (port, until) in [(22, 100), (80, 50), (22, 200)] {
            grants.add(&state, grant(port, until), 0).expect("room");
        }
        let again = Grants::open(&mut crate::keeper::state::opened(folder.path()), 60).expect("a list");
        assert_eq!(again.list(60).collect::<Vec<_>>(), [&grant(22, 200)]);
        let elements = again.elements("grant4", 60);
        assert_eq!(elements[0].first, [192, 0, 2, 7, 6, 0, 0, 0, 0, 22, 0, 0]);
        assert_eq!(elements[0].timeout, Some(140_000));
        assert!(again.elements("grant6", 60).is_empty());
    }

    #[test]
    fn a_grant_that_is_taken_back_is_gone() {
        let folder = Folder::new();
        let mut state = crate::keeper::state::opened(folder.path());
        let mut grants = Grants::open(&mut state, 0).expect("a list");
        grants.add(&state, grant(22, 100), 0).expect("room");
        assert!(grants.get(&grant(22, 0).granted, 0).is_some());
        grants.remove(&state, &grant(22, 0).granted, 0).expect("room");
        assert!(grants.get(&grant(22, 0).granted, 0).is_none());
        assert_eq!(Grants::open(&mut state, 0).expect("a list").list(0).count(), 0);
    }
}
