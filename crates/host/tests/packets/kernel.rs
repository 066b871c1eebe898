//! The firewall of a host of the lab: policies go to its kernel as the product sends them.

use firewall::canonical::Canonical;
use firewall::compile::elements::{self, Live};
use firewall::compile::{InSlot, Slot, table};
use firewall::nft::{Element, Field, TABLE, Table};
use firewall::prove;
use host::nft::{Flush, LiveChange, Nft, Ownership, Replacement, SetOf, steady};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testkit::lab::Host;

/// What a test says that may not change rules.
const RIGHTS: &str = "this test needs nf_tables and CAP_NET_ADMIN";

/// The table of a host, and the policy in force.
pub(crate) struct Kernel {
    nft: Nft,
    policy: Option<Canonical>,
    slot: Slot,
    /// The table as it was sent last.
    pub(crate) sent: Table,
}

impl Kernel {
    /// Has no table yet.
    pub(crate) fn of(host: &Host) -> Self {
        let nft = host.run(|| Nft::open().expect(RIGHTS));
        Self { nft, policy: None, slot: Slot::B, sent: Table::default() }
    }

    /// A host with a policy in force.
    pub(crate) fn with(host: &Host, policy: &Canonical) -> Self {
        let mut kernel = Self::of(host);
        kernel.put(policy);
        kernel
    }

    /// Puts a policy in force in the slot that the one before it is not in, and looks whether the kernel has it.
    pub(crate) fn put(&mut self, policy: &Canonical) {
        let slot = self.slot.other();
        let generation = InSlot { slot, canonical: policy };
        self.send(&with_ends(table(&generation, None), &[&generation]));
        self.proves(&generation, None);
        (self.slot, self.policy) = (slot, Some(policy.clone()));
    }

    /// Puts a policy on trial beside the one in force.
    pub(crate) fn try_out(&mut self, policy: &Canonical, time: Duration) {
        let before = self.policy.clone().expect("a policy is in force");
        let old = InSlot { slot: self.slot, canonical: &before };
        let new = InSlot { slot: self.slot.other(), canonical: policy };
        let mut both = with_ends(table(&old, Some(&new)), &[&old, &new]);
        for live in elements::trial(time) {
            both.sets.get_mut(&live.set).expect("the frame has it").elements.push(live.element);
        }
        self.send(&both);
        self.proves(&old, Some(&new));
    }

    /// Makes the policy on trial the one in force.
    pub(crate) fn confirm(&mut self, policy: &Canonical) {
        self.put(policy);
    }

    /// Ends a trial before its time.
    pub(crate) fn call_off(&mut self) {
        let policy = self.policy.clone().expect("a policy is in force");
        let old = InSlot { slot: self.slot, canonical: &policy };
        self.send(&with_ends(table(&old, None), &[&old]));
        self.proves(&old, None);
    }

    /// The slot of the policy in force.
    pub(crate) const fn slot(&self) -> Slot {
        self.slot
    }

    /// Adds an element of a live set.
    pub(crate) fn add(&mut self, live: &Live) {
        self.add_all(std::slice::from_ref(live));
    }

    /// Adds elements of live sets, one after the other set.
    pub(crate) fn add_all(&mut self, lives: &[Live]) {
        let mut sets: BTreeMap<&str, Vec<Element>> = BTreeMap::new();
        for live in lives {
            sets.entry(&live.set).or_default().push(live.element.clone());
        }
        for (name, elements) in sets {
            let of = SetOf { table: TABLE, name, set: &self.sent.sets[name] };
            self.nft.add_elements(of, &elements).expect("the kernel takes the elements");
        }
    }

    /// Deletes an element of a live set.
    pub(crate) fn delete(&mut self, live: &Live) {
        let set = &self.sent.sets[&live.set];
        let of = SetOf { table: TABLE, name: &live.set, set };
        self.nft.delete_elements(of, std::slice::from_ref(&live.element)).expect("it is there");
    }

    /// The packets that a counter has counted.
    pub(crate) fn count(&mut self, counter: &str) -> u64 {
        let counts = self.nft.counters(TABLE).expect("counters are read");
        counts.get(counter).map_or(0, |count| count.packets)
    }

    /// The table as the kernel gives it back, without the elements of live sets.
    pub(crate) fn read(&mut self) -> Table {
        self.nft.read_steady(TABLE).expect("read").expect("the table is there")
    }

    fn send(&mut self, wanted: &Table) {
        let current = (!self.sent.name.is_empty()).then_some(&self.sent);
        let live = in_force(wanted, current);
        let replacement = Replacement { live: &live, ..Replacement::new(current, wanted) };
        self.nft.replace(&replacement, Ownership::OwnerPersist).expect("the kernel takes the table");
        self.sent = wanted.clone();
    }

    fn proves(&mut self, steady_one: &InSlot<'_>, trial: Option<&InSlot<'_>>) {
        let read = self.read();
        assert_eq!(read, steady(self.sent.clone()), "the kernel gives back another table");
        assert_eq!(prove::equal(&read, steady_one, trial), Ok(()));
    }
}

/// Sets of families say what is in force, the trial too; a replacement leaves alone those that are there already.
fn in_force(wanted: &Table, current: Option<&Table>) -> Vec<LiveChange> {
    let is_there = |name: &String| current.is_some_and(|table| table.sets.contains_key(name));
    let families = wanted.sets.iter().filter(|(name, set)| set.key == [Field::NfProto] && is_there(name));
    families
        .map(|(name, set)| LiveChange {
            set: name.clone(),
            flush: Flush::All,
            elements: set.elements.clone(),
        })
        .collect()
}

/// Rules with an end are in force until then.
fn with_ends(mut table: Table, generations: &[&InSlot<'_>]) -> Table {
    for generation in generations {
        for (set, elements) in elements::expiry(generation.canonical, generation.slot, now()) {
            table.sets.get_mut(&set).expect("each end has a set").elements = elements;
        }
    }
    table
}

/// Seconds since 1970-01-01 UTC.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
