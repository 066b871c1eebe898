//! Which of two routes is more specific, and which pairs of routes leave that open.

use super::conditions::Conditions;
use crate::pattern::{PatternSegment, RoutePattern};
use crate::plan::Route;

/// How two sets of requests relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same requests.
    Equal,
    /// The first is a strict subset of the second.
    Narrower,
    /// The second is a strict subset of the first.
    Wider,
    /// Some requests are in both, and each has others.
    Overlapping,
    /// No request is in both.
    Disjoint,
}

impl Relation {
    /// The relation of two sets that have something in common.
    pub(super) fn of(first_within_second: bool, second_within_first: bool) -> Self {
        match (first_within_second, second_within_first) {
            (true, true) => Self::Equal,
            (true, false) => Self::Narrower,
            (false, true) => Self::Wider,
            (false, false) => Self::Overlapping,
        }
    }
}

/// The pairs of routes, by position and each with the lower one first, between which precedence does not decide
/// although some request is for both.
#[must_use]
pub fn conflicts(routes: &[Route]) -> Vec<(usize, usize)> {
    let conditions: Vec<Conditions> = routes.iter().map(Conditions::new).collect();
    let mut pairs = Vec::new();
    for second in 0..routes.len() {
        for first in 0..second {
            let paths = path_relation(&routes[first].pattern, &routes[second].pattern);
            if is_open(paths, || conditions[first].relation(&conditions[second])) {
                pairs.push((first, second));
            }
        }
    }
    pairs
}

/// Whether neither of two routes is more specific and both can be for one request.
fn is_open(paths: Relation, conditions: impl FnOnce() -> Relation) -> bool {
    match paths {
        Relation::Disjoint | Relation::Narrower | Relation::Wider => false,
        Relation::Equal => matches!(conditions(), Relation::Equal | Relation::Overlapping),
        Relation::Overlapping => conditions() != Relation::Disjoint,
    }
}

/// How the paths that two patterns cover relate.
pub(super) fn path_relation(first: &RoutePattern, second: &RoutePattern) -> Relation {
    Paths::of(first).relation(&Paths::of(second))
}

/// The paths that a pattern covers.
pub(super) struct Paths<'a> {
    segments: &'a [PatternSegment],
    is_subtree: bool,
}

impl<'a> Paths<'a> {
    pub(super) fn of(pattern: &'a RoutePattern) -> Self {
        Self { segments: pattern.segments(), is_subtree: pattern.is_subtree() }
    }

    /// The one path without its slash that a subtree owns too.
    pub(super) fn without_slash(pattern: &'a RoutePattern) -> Self {
        Self { segments: pattern.segments(), is_subtree: false }
    }

    pub(super) fn relation(&self, other: &Self) -> Relation {
        let (mut within, mut contains) = (true, true);
        for pair in self.segments.iter().zip(other.segments) {
            match pair {
                (PatternSegment::Literal(a), PatternSegment::Literal(b)) if a != b => {
                    return Relation::Disjoint;
                }
                (PatternSegment::Literal(_), PatternSegment::Parameter) => contains = false,
                (PatternSegment::Parameter, PatternSegment::Literal(_)) => within = false,
                _ => {}
            }
        }
        let (own, others) = (self.segments.len(), other.segments.len());
        match own.cmp(&others) {
            // `/x` and `/x/` are two paths.
            std::cmp::Ordering::Equal if self.is_subtree != other.is_subtree => return Relation::Disjoint,
            std::cmp::Ordering::Equal => {}
            std::cmp::Ordering::Greater if other.is_subtree => contains = false,
            std::cmp::Ordering::Less if self.is_subtree => within = false,
            _ => return Relation::Disjoint,
        }
        Relation::of(within, contains)
    }
}
