//! The elements of live sets: bans, grants, connections that drain, the trial, ends of rules, addresses of names.

use super::cut::MEMORY;
use super::frame::TRIAL;
use super::names;
use super::rule::{TCP, address_bytes, nfproto, number};
use super::{InSlot, Slot};
use crate::addresses::Family;
use crate::canonical::Canonical;
use crate::nft::Element;
use ipnet::IpNet;
use model::plan::Transport;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An element and the set that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The name of the set.
    pub set: String,
    /// The element.
    pub element: Element,
}

impl Live {
    fn of(what: &str, family: Family, element: Element) -> Self {
        Self { set: names::live(what, family), element }
    }

    /// The same with an end.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.element.timeout = Some(milliseconds(time));
        self
    }
}

/// The kernel takes 0 for no end, so whatever has one lasts a millisecond at least.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A ban of an address.
#[must_use]
pub fn ban(source: IpAddr) -> Live {
    let (family, address) = number(source);
    Live::of("ban", family, Element::one(address_bytes(family, address)))
}

/// A ban of a prefix. The set keeps intervals, which must not overlap: whoever adds one sees to that.
#[must_use]
pub fn ban_net(source: IpNet) -> Live {
    let (family, first) = number(source.network());
    let (_, last) = number(source.broadcast());
    Live::of("ban_net", family, Element::range(address_bytes(family, first), address_bytes(family, last)))
}

/// Leave for one address to reach a port of this host.
#[must_use]
pub fn grant(source: IpAddr, protocol: u8, port: u16) -> Live {
    let (family, address) = number(source);
    let mut key = address_bytes(family, address);
    key.extend([protocol, 0, 0, 0]);
    key.extend(padded(port));
    Live::of("grant", family, Element::one(key))
}

/// Leave for one connection to go on although the policy forbids it.
#[must_use]
pub fn drain(peer: SocketAddr, protocol: u8, local_port: u16) -> Live {
    let (family, _) = number(peer.ip());
    Live::of("drain", family, Element::one(flow(peer, protocol, local_port)))
}

/// A flow that a peer opened and the policy refuses; `port` is the one that answers really come from, behind any
/// translation. `None` for a protocol without ports, which cannot be told apart, and for TCP, which needs no memory.
#[must_use]
pub fn cut(slot: Slot, peer: SocketAddr, protocol: u8, port: u16) -> Option<Live> {
    let has_ports = Transport::ALL.iter().any(|transport| transport.number() == protocol);
    let (family, _) = number(peer.ip());
    let set = names::by_family(slot, "cut", family);
    let element = Element::one(flow(peer, protocol, port)).timeout(MEMORY);
    (has_ports && protocol != TCP).then_some(Live { set, element })
}

/// The peer, the protocol and the port of such a flow; `None` where the key is of something else.
#[must_use]
pub fn cut_flow(element: &Element) -> Option<(SocketAddr, u8, u16)> {
    let (address, rest) = element.first.split_at_checked(element.first.len().checked_sub(12)?)?;
    let address = match *address {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
    };
    let [a, b, _, _, protocol, _, _, _, c, d, _, _] = *rest else { return None };
    Some((SocketAddr::new(address, u16::from_be_bytes([a, b])), protocol, u16::from_be_bytes([c, d])))
}

/// Flows that each of these sets remembers at most.
pub const CUT_FLOWS: usize = super::cut::FLOWS as usize;

/// The sets of flows that a slot remembers, IPv4 and IPv6.
#[must_use]
pub fn cut_sets(slot: Slot) -> [String; 2] {
    Family::BOTH.map(|family| names::by_family(slot, "cut", family))
}

/// The key of a flow: the peer, its port, the protocol, the port on this side.
fn flow(peer: SocketAddr, protocol: u8, port: u16) -> Vec<u8> {
    let (family, address) = number(peer.ip());
    let mut key = address_bytes(family, address);
    key.extend(padded(peer.port()));
    key.extend([protocol, 0, 0, 0]);
    key.extend(padded(port));
    key
}

const fn padded(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

/// What puts the generation on trial in force for so long, in both families.
#[must_use]
pub fn trial(time: Duration) -> [Live; 2] {
    Family::BOTH
        .map(|family| Live { set: TRIAL.to_owned(), element: Element::one([nfproto(family)]) }.lasting(time))
}

/// What keeps rules with an end in force until then, by set; every set of ends is in it, those of the past without
/// elements. `now` is in seconds since 1970-01-01 UTC.
#[must_use]
pub fn expiry(canonical: &Canonical, slot: Slot, now: u64) -> BTreeMap<String, Vec<Element>> {
    let mut sets = BTreeMap::new();
    for (index, end) in names::ends(canonical).into_iter().enumerate() {
        let left = Duration::from_secs(end.saturating_sub(now));
        let elements = if left.is_zero() {
            Vec::new()
        } else {
            let element = |family| Element::one([nfproto(family)]).timeout(milliseconds(left));
            Family::BOTH.map(element).to_vec()
        };
        sets.insert(names::end(slot, index), elements);
    }
    sets
}

/// The sets of the names that rules have, IPv4 and IPv6, by name.
#[must_use]
pub fn domain_sets(generation: &InSlot<'_>) -> BTreeMap<String, [String; 2]> {
    let sets = |index| Family::BOTH.map(|family| names::domain(generation.slot, index, family));
    let domains = names::domains(generation.canonical).into_iter().enumerate();
    domains.map(|(index, name)| (name.to_owned(), sets(index))).collect()
}

/// An address of a name, for the set of its family in [`domain_sets`].
#[must_use]
pub fn domain(sets: &[String; 2], address: IpAddr, time: Duration) -> Live {
    let (family, number) = number(address);
    let set = sets[usize::from(family == Family::V6)].clone();
    Live { set, element: Element::one(address_bytes(family, number)) }.lasting(time)
}
