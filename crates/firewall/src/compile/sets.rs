//! The kinds of sets that a table has.

use super::rule::{address_bytes, name_bytes};
use crate::addresses::Family;
use crate::nft::{Element, Field, Set, Verdict};
use model::plan::InterfaceName;

/// Sources that a limit can tell apart. The kernel sizes the hash table for all of them at once: 1 MiB.
const SOURCES: u32 = 65_536;

/// The field of an address.
pub(crate) const fn address(family: Family) -> Field {
    match family {
        Family::V4 => Field::Ip4,
        Family::V6 => Field::Ip6,
    }
}

/// A set whose elements come and go while the table stays. It has no size: the kernel would make room for so many
/// elements at once, and who adds them keeps count.
pub(super) fn live(key: Vec<Field>) -> Set {
    Set { key, timeout: true, live: true, ..Set::default() }
}

/// The same of intervals.
pub(super) fn live_intervals(key: Field) -> Set {
    Set { interval: true, ..live(vec![key]) }
}

/// A set of families: an element for each says that something is in force.
pub(super) fn families() -> Set {
    Set { size: Some(2), ..live(vec![Field::NfProto]) }
}

/// A set that rules fill with sources.
pub(super) fn sources(family: Family) -> Set {
    Set { dynamic: true, size: Some(SOURCES), ..live(vec![address(family)]) }
}

/// A live set whose elements last longer when a rule meets them again.
pub(super) fn remembered(key: Vec<Field>, most: u32) -> Set {
    Set { dynamic: true, size: Some(most), ..live(key) }
}

/// A set with fixed elements.
pub(super) fn of(key: Vec<Field>, elements: Vec<Element>) -> Set {
    Set { key, elements, ..Set::default() }
}

/// The same, which the kernel may make room for at once.
pub(super) fn sized(key: Vec<Field>, elements: Vec<Element>) -> Set {
    Set { size: u32::try_from(elements.len()).ok(), ..of(key, elements) }
}

/// A map of fixed single keys to counters.
pub(super) fn counters(key: Vec<Field>, elements: Vec<Element>) -> Set {
    Set { counters: true, ..sized(key, elements) }
}

/// A set of fixed intervals of addresses.
pub(super) fn intervals(family: Family, intervals: &[(u128, u128)]) -> Set {
    let elements = intervals
        .iter()
        .map(|&(first, last)| Element::range(address_bytes(family, first), address_bytes(family, last)))
        .collect();
    Set { interval: true, ..of(vec![address(family)], elements) }
}

/// A set of names of interfaces.
pub(super) fn interfaces<'a>(names: impl IntoIterator<Item = &'a InterfaceName>) -> Set {
    of(vec![Field::Interface], names.into_iter().map(|name| Element::one(name_bytes(&name.0))).collect())
}

/// A verdict map of single keys.
pub(super) fn map(key: Vec<Field>, elements: impl IntoIterator<Item = (Vec<u8>, Verdict)>) -> Set {
    let elements = elements.into_iter().map(|(key, verdict)| Element::one(key).to(verdict)).collect();
    Set { verdicts: true, ..of(key, elements) }
}

/// A verdict map of intervals.
pub(super) fn interval_map(key: Field, elements: Vec<Element>) -> Set {
    Set { verdicts: true, interval: true, ..of(vec![key], elements) }
}
