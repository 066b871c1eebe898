//! The fewest prefixes that make up a set of intervals.

use super::{Family, Intervals};
use ipnet::IpNet;

/// The fewest prefixes, in ascending order.
pub(super) fn cover(family: Family, intervals: &Intervals) -> impl Iterator<Item = IpNet> + '_ {
    intervals.iter().flat_map(move |(first, last)| Cover { family, next: Some(first), last })
}

/// As people write it: a single address without its length.
pub(super) fn text(prefix: IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() {
        prefix.addr().to_string()
    } else {
        prefix.to_string()
    }
}

/// The prefixes of one interval.
struct Cover {
    family: Family,
    next: Option<u128>,
    last: u128,
}

impl Iterator for Cover {
    type Item = IpNet;

    fn next(&mut self) -> Option<IpNet> {
        let first = self.next?;
        let bits = free_bits(self.family, first, self.last);
        let end = first | mask(bits);
        self.next = end.checked_add(1).filter(|&next| next <= self.last);
        let length = self.family.bits() - bits;
        Some(IpNet::new_assert(self.family.address(first), length))
    }
}

/// How many low bits the largest prefix has that starts at `first` and does not go beyond `last`.
fn free_bits(family: Family, first: u128, last: u128) -> u8 {
    let aligned = first.trailing_zeros().min(u32::from(family.bits()));
    let span = last - first;
    // 2^n addresses fit where n low bits set are not above the span.
    let fitting = span.checked_add(1).map_or(128, u128::ilog2);
    u8::try_from(aligned.min(fitting)).unwrap_or(family.bits())
}

/// The lowest `bits` bits.
fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shr(128 - u32::from(bits)).unwrap_or(0)
}
