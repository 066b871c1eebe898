//! Small files in memory, for one thread: bounded in bytes, evicted by CLOCK. Never looks at the disk itself.

use super::resource::Resource;
use super::root::FRESH;
use foldhash::fast::RandomState;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::time::Instant;

/// Bytes that an entry costs apart from its resource: its key, and its places in the table and the clock.
const OVERHEAD: usize = 160;

/// What a resource is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    /// The route.
    pub(super) route: u64,
    /// What of it.
    pub(super) lookup: Lookup<'a>,
}

/// What of a route is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lookup<'a> {
    /// A canonical request path.
    Path(&'a [u8]),
    /// The fallback.
    Fallback,
}

/// Small files in memory.
#[derive(Debug)]
pub(crate) struct FileCache(RefCell<Clock>);

#[derive(Debug)]
struct Clock {
    budget: usize,
    used: usize,
    /// Seeded at random: nobody outside can choose paths that collide.
    hasher: RandomState,
    /// From the hash of a key to a slot. Two keys with one hash cannot be kept at the same time, which costs a look
    /// at the disk and nothing else.
    places: HashMap<u64, usize, RandomState>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    hand: usize,
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    route: u64,
    /// `None` is the fallback.
    path: Option<Box<[u8]>>,
    resource: Rc<Resource>,
    /// When it was last known to be what is on the disk.
    checked: Instant,
    /// Whether it was used since the hand passed.
    used: bool,
    cost: usize,
}

impl FileCache {
    /// A cache that takes so many bytes of memory at most; 0 keeps nothing.
    pub(crate) fn new(budget: usize) -> Self {
        Self(RefCell::new(Clock {
            budget,
            used: 0,
            hasher: RandomState::default(),
            places: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
        }))
    }

    /// Bytes of memory that are taken.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.0.borrow().used
    }

    /// Finds a resource that is fresh, or that `is_current` says is still what is on the disk. One that is not is
    /// forgotten.
    pub(super) fn find(
        &self,
        key: Key<'_>,
        now: Instant,
        is_current: impl FnOnce(&Resource) -> bool,
    ) -> Option<Rc<Resource>> {
        let mut clock = self.0.borrow_mut();
        let place = clock.place(key)?;
        let slot = clock.slots[place].as_mut()?;
        if now.saturating_duration_since(slot.checked) >= FRESH {
            if !is_current(&slot.resource) {
                clock.remove(place);
                return None;
            }
            slot.checked = now;
        }
        slot.used = true;
        Some(Rc::clone(&slot.resource))
    }

    /// Keeps a resource that was read just now, when it has something small in it.
    pub(super) fn insert(&self, key: Key<'_>, resource: &Rc<Resource>, now: Instant) {
        let path = match key.lookup {
            Lookup::Path(path) => Some(path),
            Lookup::Fallback => None,
        };
        let cost = OVERHEAD + path.map_or(0, <[u8]>::len) + resource.cost();
        let mut clock = self.0.borrow_mut();
        if cost > clock.budget || !resource.is_worth_keeping() {
            return;
        }
        let hash = clock.hasher.hash_one(key);
        if let Some(&place) = clock.places.get(&hash) {
            clock.remove(place);
        }
        clock.make_room(cost);
        let path = path.map(Box::from);
        clock.put(Slot {
            hash,
            route: key.route,
            path,
            resource: Rc::clone(resource),
            checked: now,
            used: false,
            cost,
        });
    }
}

impl Clock {
    /// The slot of a key.
    fn place(&self, key: Key<'_>) -> Option<usize> {
        let place = *self.places.get(&self.hasher.hash_one(key))?;
        let slot = self.slots[place].as_ref()?;
        let is_same = slot.route == key.route
            && match (key.lookup, &slot.path) {
                (Lookup::Path(path), Some(known)) => path == &**known,
                (Lookup::Fallback, None) => true,
                _ => false,
            };
        is_same.then_some(place)
    }

    fn put(&mut self, slot: Slot) {
        let (hash, cost) = (slot.hash, slot.cost);
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        };
        self.places.insert(hash, place);
        self.used += cost;
    }

    fn remove(&mut self, place: usize) {
        if let Some(slot) = self.slots[place].take() {
            self.places.remove(&slot.hash);
            self.free.push(place);
            self.used -= slot.cost;
        }
    }

    /// Moves the hand, past what was used since it came by last, until there is room.
    fn make_room(&mut self, cost: usize) {
        while self.used + cost > self.budget {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            match &mut self.slots[self.hand] {
                Some(slot) if slot.used => slot.used = false,
                _ => self.remove(self.hand),
            }
        }
    }
}
