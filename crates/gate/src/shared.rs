//! What all threads share: counts of connections, metrics, the real ports of the plan's. Touched once in the life of
//! a connection, never for a request.

use crate::metrics::Metrics;
use crate::notice::Notices;
use model::plan::Stream;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) notices: Notices,
    pub(crate) metrics: Metrics,
    pub(crate) connections: Arc<Connections>,
    /// The connections of each stream, by its name.
    streams: Mutex<HashMap<String, Arc<Connections>>>,
    /// The port that clients connect to, for each port of the plan that is not served under its own number.
    pub(crate) real_ports: RwLock<HashMap<u16, u16>>,
}

impl Shared {
    pub(crate) fn new(notices: Notices, connections: Connections, real_ports: HashMap<u16, u16>) -> Self {
        Self {
            notices,
            metrics: Metrics::default(),
            connections: Arc::new(connections),
            streams: Mutex::default(),
            real_ports: RwLock::new(real_ports),
        }
    }

    /// The connections of a stream, with the limits that hold from now on. They are counted on from snapshot to snapshot.
    pub(crate) fn connections_of(&self, stream: &Stream) -> Arc<Connections> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let most = stream.connections.unwrap_or(usize::MAX);
        let most_per_address = stream.connections_per_address.unwrap_or(usize::MAX);
        let fresh = || Arc::new(Connections::new(most, most_per_address));
        let connections = Arc::clone(streams.entry(stream.name.clone()).or_insert_with(fresh));
        connections.set_limits(most, most_per_address);
        connections
    }

    /// The port that clients connect to for a port of the plan.
    pub(crate) fn real_port(&self, planned: u16) -> u16 {
        let ports = self.real_ports.read().unwrap_or_else(PoisonError::into_inner);
        ports.get(&planned).copied().unwrap_or(planned)
    }
}

/// How many mutexes the counts by address are spread over.
const SHARDS: usize = 16;
/// Wanted places at most: who wants more asks again.
const MOST_WANTED: usize = 64;

/// Counts client connections, in total and by address.
#[derive(Debug)]
pub(crate) struct Connections {
    total: AtomicUsize,
    most: AtomicUsize,
    most_per_address: AtomicUsize,
    by_address: [Mutex<HashMap<IpAddr, usize>>; SHARDS],
    /// Places that were asked for in vain, for a thread that can give up some.
    wanted: AtomicUsize,
}

impl Connections {
    pub(crate) fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            total: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            most_per_address: AtomicUsize::new(most_per_address),
            by_address: std::array::from_fn(|_| Mutex::default()),
            wanted: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set_limits(&self, most: usize, most_per_address: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.most_per_address.store(most_per_address, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.total() >= self.most.load(Ordering::Relaxed)
    }

    fn shard(&self, client: IpAddr) -> &Mutex<HashMap<IpAddr, usize>> {
        let octets = match client {
            IpAddr::V4(address) => u32::from(address),
            IpAddr::V6(address) => (u128::from(address) >> 64) as u32,
        };
        &self.by_address[(octets.wrapping_mul(0x9e37_79b1) >> 28) as usize % SHARDS]
    }

    /// Counts a connection of `peer`, unless its address has too many.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<Place> {
        let client = counted_as(peer.ip());
        let mut counts = self.shard(client).lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client).or_default();
        if *count >= self.most_per_address.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        drop(counts);
        self.total.fetch_add(1, Ordering::Relaxed);
        Some(Place { connections: Arc::clone(self), peer, by_address: true })
    }

    /// Counts a connection of `peer` where there is room in the total and for its address.
    pub(crate) fn admit_below(self: &Arc<Self>, peer: SocketAddr) -> Result<Place, Full> {
        let most = self.most.load(Ordering::Relaxed);
        let more = |total: usize| (total < most).then_some(total + 1);
        if self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return Err(Full::Total);
        }
        let place = self.admit(peer);
        // What was reserved is in the count of the place now, or of nobody.
        self.total.fetch_sub(1, Ordering::Relaxed);
        place.ok_or(Full::Address)
    }

    /// Asks other threads for a place.
    pub(crate) fn want(&self) {
        let more = |wanted: usize| (wanted < MOST_WANTED).then_some(wanted + 1);
        let _ = self.wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether a place is wanted, which the caller promises to free.
    pub(crate) fn take_wanted(&self) -> bool {
        let less = |wanted: usize| wanted.checked_sub(1);
        self.wanted.load(Ordering::Relaxed) > 0
            && self.wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Counts a connection of a proxy in the total alone, because it is not the proxy's own: whose it is will be told.
    pub(crate) fn admit_proxy(self: &Arc<Self>, peer: SocketAddr) -> Place {
        self.total.fetch_add(1, Ordering::Relaxed);
        Place { connections: Arc::clone(self), peer, by_address: false }
    }
}

/// Why there is no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// There are as many as may be.
    Total,
    /// Its address has as many as it may have.
    Address,
}

/// What an address is counted as: IPv6 by its /64, which one customer has to themselves.
pub(crate) fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

/// The place of a connection in the counts, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    peer: SocketAddr,
    /// Whether it stands in the count of its address.
    by_address: bool,
}

impl Place {
    /// Who is at the other end of the connection.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.total.fetch_sub(1, Ordering::Relaxed);
        if !self.by_address {
            return;
        }
        let client = counted_as(self.peer.ip());
        let mut counts = self.connections.shard(client).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_count_says_which_bound_was_met() {
        let connections = Arc::new(Connections::new(2, 1));
        let of = |last: u8| SocketAddr::from(([192, 0, 2, last], 1));
        let first = connections.admit_below(of(1));
        assert_eq!(connections.admit_below(of(1)).err(), Some(Full::Address));
        let _second = connections.admit_below(of(2)).expect("room");
        assert_eq!(connections.admit_below(of(3)).err(), Some(Full::Total));
        drop(first);
        assert_eq!(connections.total(), 1);
        assert!(connections.admit_below(of(3)).is_ok());
    }

    #[test]
    fn a_proxy_is_counted_in_the_total_alone() {
        let connections = Arc::new(Connections::new(10, 1));
        let proxy: SocketAddr = "192.0.2.1:1".parse().expect("an address");
        let (first, second) = (connections.admit_proxy(proxy), connections.admit_proxy(proxy));
        assert_eq!(connections.total(), 2);
        assert!(connections.admit(proxy).is_some());
        drop((first, second));
        assert_eq!(connections.total(), 0);
    }

    #[test]
    fn an_address_gets_n_places_and_not_n_plus_1() {
        let connections = Arc::new(Connections::new(10, 2));
        let ip = |text: &str| SocketAddr::new(text.parse().expect("an address"), 1);
        let first = connections.admit(ip("192.0.2.1"));
        let second = connections.admit(ip("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(connections.admit(ip("192.0.2.1")).is_none());
        drop(first);
        assert!(connections.admit(ip("192.0.2.1")).is_some());
        let _a = connections.admit(ip("2001:db8::1"));
        let _b = connections.admit(ip("2001:db8::2"));
        assert!(connections.admit(ip("2001:db8::3")).is_none(), "a /64 counts as one");
        assert!(connections.admit(ip("2001:db8:0:1::3")).is_some());
    }
}
