//! A kernel and a machine of values, with a clock that tests turn. What the keeper asked for is in the value afterwards.

use super::answer::ConnectionTable;
use super::kernel::{Features, Kernel, KernelError, Leftover};
use super::machine::{Live, Machine};
use super::request::Refused;
use crate::watcher::Resolved;
use firewall::connections::{Connection, Opener};
use firewall::foreign::ForeignTable;
use firewall::nft::{Count, Element, Table};
use firewall::observed::{Interface, InterfaceKind, Listener, Observed};
use host::conntrack::Flow;
use host::nft::{Flush, LiveChange};
use model::plan::InterfaceName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

/// The world of a test: it goes on when a keeper ends.
#[derive(Clone, Default)]
pub(super) struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(super) struct Inner {
    /// The clock, in milliseconds since 1970.
    pub(super) now: u64,
    /// Our table.
    pub(super) table: Option<Table>,
    /// When elements with a timeout end, in milliseconds, by set and key.
    ends: BTreeMap<(String, Vec<u8>), u64>,
    /// What changed the table, oldest first.
    pub(super) changes: Vec<&'static str>,
    /// Whether the kernel gives back another table than it was given.
    pub(super) lies: bool,
    /// Whether the kernel keeps what nothing refers to any more.
    pub(super) leaves: bool,
    /// Whether the kernel refuses changes.
    pub(super) refuses: bool,
    pub(super) generation: u32,
    pub(super) connections: Vec<Live>,
    /// What connection tracking knows; `None` where it may not be read.
    pub(super) flows: Option<Vec<Flow>>,
    /// The peers whose connections were cut.
    pub(super) cut: Vec<SocketAddr>,
    pub(super) interfaces: Vec<Interface>,
    /// The interface by which every peer is reached, where it is known.
    pub(super) route: Option<InterfaceName>,
    /// Where sshd listens; `None` where it is not up.
    pub(super) sshd: Option<u16>,
    pub(super) conntrack: Option<ConnectionTable>,
    /// What the resolver answers.
    pub(super) names: BTreeMap<String, Resolved>,
}

impl World {
    pub(super) fn new() -> Self {
        let world = Self::default();
        world.get().now = 1_000_000;
        world.get().sshd = Some(22);
        world.get().flows = Some(Vec::new());
        let eth0 = Interface {
            name: InterfaceName("eth0".to_owned()),
            addresses: vec!["192.0.2.1/24".parse().expect("an address")],
            kind: InterfaceKind::Other,
        };
        world.get().interfaces.push(eth0);
        world
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics with the lock")
    }

    /// Turns the clock.
    pub(super) fn pass(&self, seconds: u64) {
        let mut inner = self.get();
        inner.now += seconds * 1000;
        inner.expire();
    }

    /// The machine starts again: the kernel has forgotten everything.
    pub(super) fn restart(&self) {
        self.get().table = None;
    }

    /// Somebody else takes every element out of a set.
    pub(super) fn flush(&self, set: &str) {
        let mut inner = self.get();
        inner.generation += 1;
        inner.table.as_mut().and_then(|table| table.sets.get_mut(set)).expect("a set").elements.clear();
    }

    /// A connection to a port, over which somebody may be logged in.
    pub(super) fn connect(&self, peer: &str, port: u16) {
        let mut inner = self.get();
        let id = inner.connections.len();
        let connection = Connection {
            protocol: 6,
            local: SocketAddr::new([192, 0, 2, 1].into(), port),
            peer: peer.parse().expect("an address"),
            opened_by: Opener::Peer,
            interface: Some(InterfaceName("eth0".to_owned())),
        };
        let ends = (connection.local, connection.peer);
        inner.connections.push(Live { socket: Some(id), connection, ends, program: Some("sshd".to_owned()) });
    }

    /// When the elements of a set end, in milliseconds since 1970.
    pub(super) fn ends(&self, set: &str) -> Vec<Option<u64>> {
        let keys = self.keys(set);
        let inner = self.get();
        keys.into_iter().map(|key| inner.ends.get(&(set.to_owned(), key)).copied()).collect()
    }

    /// The keys of a set.
    pub(super) fn keys(&self, set: &str) -> Vec<Vec<u8>> {
        let inner = self.get();
        let set = inner.table.as_ref().and_then(|table| table.sets.get(set));
        set.map(|set| set.elements.iter().map(|element| element.first.clone()).collect()).unwrap_or_default()
    }

    /// Which slots lead somewhere, and whether a trial decides: `a`, `ab trial`.
    pub(super) fn shape(&self) -> String {
        let inner = self.get();
        let Some(table) = &inner.table else { return "nothing".to_owned() };
        let slots: String =
            ['a', 'b'].into_iter().filter(|slot| table.chains.contains_key(&format!("{slot}_in"))).collect();
        let trial = table.sets.get("trial").is_some_and(|set| !set.elements.is_empty());
        if trial { slots + " trial" } else { slots }
    }
}

impl Inner {
    fn expire(&mut self) {
        let (now, ends) = (self.now, &self.ends);
        for (name, set) in self.table.iter_mut().flat_map(|table| &mut table.sets) {
            let lives = |element: &Element| {
                ends.get(&(name.clone(), element.first.clone())).is_none_or(|end| *end > now)
            };
            set.elements.retain(lives);
        }
    }

    fn put(&mut self, set: &str, elements: &[Element]) {
        for element in elements {
            let key = (set.to_owned(), element.first.clone());
            match element.timeout {
                Some(timeout) => self.ends.insert(key, self.now + timeout),
                None => self.ends.remove(&key),
            };
        }
        let kept = self.table.as_mut().and_then(|table| table.sets.get_mut(set)).expect("a set");
        kept.elements.retain(|old| elements.iter().all(|new| new.first != old.first));
        kept.elements.extend_from_slice(elements);
    }

    fn live(&mut self, changes: &[LiveChange]) {
        for change in changes {
            if change.flush == Flush::All {
                let table = self.table.as_mut().expect("a table");
                table
                    .sets
                    .get_mut(&change.set)
                    .unwrap_or_else(|| unreachable!("a set {}", change.set))
                    .elements
                    .clear();
            }
            self.put(&change.set, &change.elements);
        }
    }

    fn may(&mut self, what: &'static str) -> Result<(), KernelError> {
        if self.refuses {
            return Err(KernelError {
                doing: "change the packets",
                source: "refused by the test".into(),
                hint: None,
            });
        }
        self.generation += 1;
        self.changes.push(what);
        Ok(())
    }
}

impl Kernel for World {
    fn features(&mut self) -> Features {
        Features { owned: true, missing: Vec::new() }
    }

    fn read(&mut self) -> Result<Option<Table>, KernelError> {
        let inner = self.get();
        let mut table = inner.table.clone();
        for (name, set) in table.iter_mut().flat_map(|table| &mut table.sets) {
            for element in &mut set.elements {
                let end = inner.ends.get(&(name.clone(), element.first.clone()));
                element.expires = end.map(|end| end.saturating_sub(inner.now));
            }
        }
        if inner.lies {
            table.iter_mut().for_each(|table| drop(table.chains.pop_first()));
        }
        Ok(table)
    }

    fn replace(&mut self, table: &Table, live: &[LiveChange]) -> Result<Leftover, KernelError> {
        let mut inner = self.get();
        inner.may("replace")?;
        let mut wanted = table.clone();
        let old = inner.table.take().unwrap_or_default();
        for (name, set) in wanted.sets.iter_mut().filter(|(_, set)| set.live) {
            if let Some(kept) = old.sets.get(name) {
                set.elements.clone_from(&kept.elements);
            }
        }
        inner.table = Some(wanted);
        inner.live(live);
        let left = || KernelError { doing: "clean up", source: "no memory".into(), hint: None };
        Ok(inner.leaves.then(left))
    }

    fn remove(&mut self) -> Result<(), KernelError> {
        let mut inner = self.get();
        inner.may("remove")?;
        inner.table = None;
        Ok(())
    }

    fn renew(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError> {
        let mut inner = self.get();
        inner.may("renew")?;
        inner.put(set, elements);
        Ok(())
    }

    fn forget(&mut self, set: &str, elements: &[Element]) -> Result<(), KernelError> {
        let mut inner = self.get();
        inner.may("forget")?;
        let kept = inner.table.as_mut().and_then(|table| table.sets.get_mut(set)).expect("a set");
        kept.elements.retain(|old| elements.iter().all(|gone| gone.first != old.first));
        Ok(())
    }

    fn refill(&mut self, changes: &[LiveChange]) -> Result<(), KernelError> {
        let mut inner = self.get();
        inner.may("refill")?;
        if inner.table.is_some() {
            inner.live(changes);
        }
        Ok(())
    }

    fn elements(&mut self, set: &str) -> Result<Vec<Element>, KernelError> {
        let table = self.read()?;
        let set = table.as_ref().and_then(|table| table.sets.get(set));
        Ok(set.map(|set| set.elements.clone()).unwrap_or_default())
    }

    fn count(&mut self, set: &str) -> Result<usize, KernelError> {
        Ok(self.keys(set).len())
    }

    fn counters(&mut self) -> Result<BTreeMap<String, Count>, KernelError> {
        let inner = self.get();
        let names = inner.table.iter().flat_map(|table| table.counters.iter().cloned());
        Ok(names.map(|name| (name, Count::default())).collect())
    }

    fn generation(&mut self) -> Result<u32, KernelError> {
        Ok(self.get().generation)
    }

    fn foreign(&mut self) -> Result<Vec<ForeignTable>, KernelError> {
        Ok(Vec::new())
    }
}

impl Machine for World {
    fn now(&self) -> u64 {
        self.get().now / 1000
    }

    fn observe(&mut self, _: &[String]) -> Result<Observed, Refused> {
        let sshd = || Listener {
            protocol: 6,
            local: "0.0.0.0:22".parse().expect("an address"),
            user: 0,
            program: Some("sshd".to_owned()),
            process: Some(1),
        };
        let database =
            Listener { local: "0.0.0.0:5432".parse().expect("an address"), program: None, ..sshd() };
        let inner = self.get();
        let sshd = inner.sshd.map(|port| {
            let local = SocketAddr::new([0, 0, 0, 0].into(), port);
            Listener { local, ..sshd() }
        });
        Ok(Observed {
            host_name: "web-1".to_owned(),
            interfaces: inner.interfaces.clone(),
            listeners: sshd.into_iter().chain([database]).collect(),
            now: inner.now / 1000,
            ..Observed::default()
        })
    }

    fn interfaces(&mut self, _: &[String]) -> Result<Vec<Interface>, Refused> {
        Ok(self.get().interfaces.clone())
    }

    fn route(&self, _: IpAddr, _: IpAddr) -> Option<InterfaceName> {
        self.get().route.clone()
    }

    fn connections(&mut self, _: &Observed) -> Result<Vec<Live>, Refused> {
        Ok(self.get().connections.clone())
    }

    fn flows(&mut self) -> Result<Vec<Flow>, Refused> {
        let inner = self.get();
        inner.flows.clone().ok_or_else(|| Refused::no("operation not permitted"))
    }

    fn cut(&mut self, connections: &[Live]) -> Result<Vec<(Live, String)>, Refused> {
        self.get().cut.extend(connections.iter().map(|live| live.connection.peer));
        Ok(Vec::new())
    }

    fn connection_table(&mut self) -> Option<ConnectionTable> {
        self.get().conntrack
    }

    fn resolve(&mut self, names: &BTreeSet<String>) -> BTreeMap<String, Resolved> {
        let known = &self.get().names;
        names.iter().filter_map(|name| Some((name.clone(), known.get(name)?.clone()))).collect()
    }

    fn container(&mut self) -> Option<String> {
        None
    }
}
