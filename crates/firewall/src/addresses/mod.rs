//! Sets of addresses in one form: sorted, disjoint, not touching intervals.
//!
//! Equal sets are equal values. Names (groups, networks) are resolved elsewhere.

mod intervals;
mod prefixes;
mod special;
mod text;

pub use intervals::Intervals;
pub use special::internet;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family. Addresses of both are numbers: IPv4 in the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The highest address.
    #[must_use]
    pub const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    /// The family of an address. IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv6 here.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits of an address.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The address of a number; bits above the family's are dropped.
    #[must_use]
    pub const fn address(self, number: u128) -> IpAddr {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "IPv4 is in the low 32 bits")]
            Self::V4 => IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
            Self::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// The number of an address; IPv4 in the low 32 bits.
#[must_use]
pub const fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A set of addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct AddressSet {
    /// IPv4, in the low 32 bits.
    pub v4: Intervals,
    /// IPv6.
    pub v6: Intervals,
}

impl AddressSet {
    /// No address.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every address of both families.
    #[must_use]
    pub fn everything() -> Self {
        Self { v4: Intervals::all_of(Family::V4), v6: Intervals::all_of(Family::V6) }
    }

    /// The addresses of prefixes; bits after a prefix do not matter.
    #[must_use]
    pub fn from_prefixes<'a>(prefixes: impl IntoIterator<Item = &'a IpNet>) -> Self {
        Self::from_intervals(prefixes.into_iter().map(|prefix| {
            let family = Family::of(prefix.addr());
            (family, number(prefix.network()), number(prefix.broadcast()))
        }))
    }

    /// Single addresses.
    #[must_use]
    pub fn from_addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let single = |address| (Family::of(address), number(address), number(address));
        Self::from_intervals(addresses.into_iter().map(single))
    }

    /// Intervals from the first to the last address, in any order, overlapping or not; one that ends before it starts
    /// is empty.
    #[must_use]
    pub fn from_intervals(intervals: impl IntoIterator<Item = (Family, u128, u128)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (family, first, last) in intervals {
            let half = if family == Family::V4 { &mut v4 } else { &mut v6 };
            half.push((first, last.min(family.last())));
        }
        Self { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }
    }

    /// The half of a family.
    #[must_use]
    pub const fn of(&self, family: Family) -> &Intervals {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// The half of a family, and nothing of the other.
    #[must_use]
    pub fn only(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), v6: Intervals::default() },
            Family::V6 => Self { v4: Intervals::default(), v6: self.v6.clone() },
        }
    }

    /// Addresses of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }

    /// Addresses of both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self { v4: self.v4.intersect(&other.v4), v6: self.v6.intersect(&other.v6) }
    }

    /// Addresses of this one alone.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self { v4: self.v4.subtract(&other.v4), v6: self.v6.subtract(&other.v6) }
    }

    /// Whether every address of the other is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.v4.covers(&other.v4) && self.v6.covers(&other.v6)
    }

    /// Whether an address is in the set.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.of(Family::of(address)).contains(number(address))
    }

    /// Whether there is no address in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether every address is in it.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        Family::BOTH.iter().all(|&family| self.of(family).is_all_of(family))
    }

    /// How many addresses are in it; the number of all IPv6 addresses does not fit and is one less.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.v4.count().saturating_add(self.v6.count())
    }

    /// The fewest prefixes that make up the set, IPv4 first, in ascending order.
    #[must_use]
    pub fn prefixes(&self) -> Vec<IpNet> {
        let of = |family| prefixes::cover(family, self.of(family));
        of(Family::V4).chain(of(Family::V6)).collect()
    }
}

impl From<AddressSet> for Vec<String> {
    fn from(set: AddressSet) -> Self {
        set.prefixes().iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for AddressSet {
    type Error = ipnet::AddrParseError;

    fn try_from(prefixes: Vec<String>) -> Result<Self, Self::Error> {
        let prefixes: Vec<IpNet> = prefixes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Self::from_prefixes(&prefixes))
    }
}

#[cfg(test)]
mod tests;
