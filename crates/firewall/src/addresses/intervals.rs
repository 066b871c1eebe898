//! The algebra of one family: sorted, disjoint, not touching intervals of numbers.

use super::Family;
use serde::{Deserialize, Serialize};

/// Numbers as sorted, disjoint, not touching intervals; both ends belong to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<(u128, u128)>", into = "Vec<(u128, u128)>")]
pub struct Intervals(Vec<(u128, u128)>);

impl Intervals {
    /// Every address of a family.
    #[must_use]
    pub fn all_of(family: Family) -> Self {
        Self(vec![(0, family.last())])
    }

    /// Whether every address of a family is in it.
    #[must_use]
    pub fn is_all_of(&self, family: Family) -> bool {
        self.0 == [(0, family.last())]
    }

    /// The intervals in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// The intervals in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u128)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in it; all 2^128 are one less.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.iter().fold(0, |sum: u128, (first, last)| sum.saturating_add(last - first).saturating_add(1))
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u128) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after.checked_sub(1).is_some_and(|at| number <= self.0[at].1)
    }

    /// Whether every number of the other is in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(first, last)| {
            let after = self.0.partition_point(|&(start, _)| start <= first);
            after.checked_sub(1).is_some_and(|at| last <= self.0[at].1)
        })
    }

    /// Numbers of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// Numbers of both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        let mut common = Vec::new();
        while let (Some(&a), Some(&b)) = (ours.peek(), theirs.peek()) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                common.push((first, last));
            }
            // The interval that ends first has nothing left to share.
            if a.1 < b.1 {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self(common)
    }

    /// Numbers of this one alone.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        self.intersect(&other.complement())
    }

    /// Every other number of 128 bits.
    fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(0);
        for (first, last) in self.iter() {
            if let Some(start) = next.filter(|&start| start < first) {
                gaps.push((start, first - 1));
            }
            next = last.checked_add(1);
        }
        gaps.extend(next.map(|start| (start, u128::MAX)));
        Self(gaps)
    }
}

impl FromIterator<(u128, u128)> for Intervals {
    /// Intervals in any order, overlapping or not; one that ends before it starts is empty.
    fn from_iter<T: IntoIterator<Item = (u128, u128)>>(intervals: T) -> Self {
        let mut sorted: Vec<_> = intervals.into_iter().filter(|(first, last)| first <= last).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }
}

impl From<Vec<(u128, u128)>> for Intervals {
    fn from(intervals: Vec<(u128, u128)>) -> Self {
        intervals.into_iter().collect()
    }
}

impl From<Intervals> for Vec<(u128, u128)> {
    fn from(intervals: Intervals) -> Self {
        intervals.0
    }
}
