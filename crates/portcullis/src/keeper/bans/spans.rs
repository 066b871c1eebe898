//! Prefixes that may overlap, each with an end, as disjoint intervals: an address is refused until the last of the bans
//! that cover it ends.

use super::{Ban, octets};
use firewall::nft::Element;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An interval of addresses that is refused for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The first address, as a number.
    pub(super) first: u128,
    /// The last address.
    pub(super) last: u128,
    /// The end in seconds since 1970-01-01 UTC; the highest number stands for none.
    pub(super) until: u64,
}

impl Span {
    /// The interval of a ban.
    pub(super) fn of(ban: &Ban) -> Self {
        let until = ban.until.unwrap_or(u64::MAX);
        Self { first: number(ban.source.network()), last: number(ban.source.broadcast()), until }
    }

    /// Its element.
    pub(super) fn element(self, v6: bool, now: u64) -> Element {
        let key = |address: u128| octets(address_of(address, v6));
        let element = Element::range(key(self.first), key(self.last));
        if self.until == u64::MAX {
            element
        } else {
            element.timeout(self.until.saturating_sub(now).max(1) * 1000)
        }
    }
}

/// Sorted, disjoint intervals; neighbours with the same end are one.
pub(super) fn disjoint(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    // What begins, and what is over, at an address; nothing is over after the last one.
    let mut changes: BTreeMap<u128, Vec<(u64, bool)>> = BTreeMap::new();
    for span in spans {
        changes.entry(span.first).or_default().push((span.until, true));
        if let Some(after) = span.last.checked_add(1) {
            changes.entry(after).or_default().push((span.until, false));
        }
    }
    let (mut open, mut out): (BTreeMap<u64, usize>, Vec<Span>) = (BTreeMap::new(), Vec::new());
    let mut places = changes.iter().peekable();
    while let Some((&first, here)) = places.next() {
        for &(until, begins) in here {
            let count = open.entry(until).or_default();
            *count = if begins { *count + 1 } else { *count - 1 };
        }
        open.retain(|_, count| *count > 0);
        let last = places.peek().map_or(u128::MAX, |(next, _)| **next - 1);
        if let Some((&until, _)) = open.last_key_value() {
            join(&mut out, Span { first, last, until });
        }
    }
    out
}

fn join(out: &mut Vec<Span>, span: Span) {
    match out.last_mut() {
        Some(before) if before.until == span.until && before.last.checked_add(1) == Some(span.first) => {
            before.last = span.last;
        }
        _ => out.push(span),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Intervals of IPv4 never leave its 32 bits: they are cut where they would.
fn address_of(number: u128, v6: bool) -> IpAddr {
    if v6 { IpAddr::V6(number.into()) } else { IpAddr::V4(u32::try_from(number).unwrap_or(u32::MAX).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[(u128, u128, u64)]) -> Vec<(u128, u128, u64)> {
        let spans = list.iter().map(|&(first, last, until)| Span { first, last, until });
        disjoint(spans).into_iter().map(|span| (span.first, span.last, span.until)).collect()
    }

    #[test]
    fn overlapping_bans_end_with_the_last_of_them() {
        for (given, expected) in [
            (&[][..], &[][..]),
            (&[(0, 9, 5)], &[(0, 9, 5)]),
            (&[(0, 9, 5), (2, 3, 4)], &[(0, 9, 5)]),
            (&[(0, 9, 5), (2, 3, 6)], &[(0, 1, 5), (2, 3, 6), (4, 9, 5)]),
            (&[(0, 9, 5), (0, 9, 6)], &[(0, 9, 6)]),
            (&[(0, 9, 5), (10, 19, 5)], &[(0, 19, 5)]),
            (&[(0, 9, 5), (11, 19, 5)], &[(0, 9, 5), (11, 19, 5)]),
            (&[(0, u128::MAX, 1), (8, u128::MAX, 2)], &[(0, 7, 1), (8, u128::MAX, 2)]),
        ] {
            assert_eq!(spans(given), expected, "{given:?}");
        }
    }

    #[test]
    fn elements_carry_what_is_left() {
        let span = Span { first: 0x0a00_0000, last: 0x0aff_ffff, until: 100 };
        let element = span.element(false, 40);
        assert_eq!((element.first, element.last), (vec![10, 0, 0, 0], vec![10, 255, 255, 255]));
        assert_eq!(element.timeout, Some(60_000));
        assert_eq!(Span { until: u64::MAX, ..span }.element(false, 40).timeout, None);
    }
}
