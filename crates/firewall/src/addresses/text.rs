//! Sets of addresses as people read them: a few prefixes, or all but a few.

use super::{AddressSet, Family, Intervals, prefixes};
use ipnet::IpNet;
use std::fmt;

/// Prefixes that are shown before it is said how many more there are.
const SHOWN: usize = 4;

/// The addresses of one family, in the shorter of two ways.
enum Said {
    /// These; none where nothing of the family is meant.
    Some(Vec<IpNet>),
    /// All but these; none where the whole family is meant.
    But(Vec<IpNet>),
}

impl fmt::Display for AddressSet {
    /// A short text for people; [`Self::prefixes`] has all of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (said(Family::V4, &self.v4), said(Family::V6, &self.v6)) {
            (Said::But(v4), Said::But(v6)) => but(f, "anywhere", &[v4, v6].concat()),
            (Said::Some(v4), Said::Some(v6)) if v4.is_empty() && v6.is_empty() => f.write_str("nobody"),
            (Said::Some(v4), Said::Some(v6)) => list(f, &[v4, v6].concat()),
            // What is left out stands last, where it cannot be taken for a part of the list.
            (Said::Some(some), Said::But(left)) => beside(f, &some, "any IPv6", &left),
            (Said::But(left), Said::Some(some)) => beside(f, &some, "any IPv4", &left),
        }
    }
}

fn said(family: Family, intervals: &Intervals) -> Said {
    let some: Vec<IpNet> = prefixes::cover(family, intervals).collect();
    let rest = Intervals::all_of(family).subtract(intervals);
    let left: Vec<IpNet> = prefixes::cover(family, &rest).collect();
    if left.len() < some.len() { Said::But(left) } else { Said::Some(some) }
}

fn beside(f: &mut fmt::Formatter<'_>, some: &[IpNet], all: &str, left: &[IpNet]) -> fmt::Result {
    if !some.is_empty() {
        list(f, some)?;
        f.write_str(", ")?;
    }
    but(f, all, left)
}

fn but(f: &mut fmt::Formatter<'_>, all: &str, left: &[IpNet]) -> fmt::Result {
    match (left, all) {
        ([], all) => f.write_str(all),
        (left, "anywhere") => f.write_str("all but ").and_then(|()| list(f, left)),
        (left, all) => write!(f, "{all} but ").and_then(|()| list(f, left)),
    }
}

fn list(f: &mut fmt::Formatter<'_>, prefixes: &[IpNet]) -> fmt::Result {
    // One more prefix is as short as the words "and 1 more".
    let shown = if prefixes.len() == SHOWN + 1 { prefixes.len() } else { SHOWN.min(prefixes.len()) };
    let texts: Vec<String> = prefixes[..shown].iter().map(|prefix| prefixes::text(*prefix)).collect();
    f.write_str(&texts.join(", "))?;
    match prefixes.len() - shown {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
