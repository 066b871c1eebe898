//! The conditions of a route beside its path: methods and fields.

use super::precedence::Relation;
use super::table::RequestFacts;
use crate::plan::{HeaderCondition, Route};
use std::cmp::Reverse;

/// The conditions of a route, prepared for judging requests.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// Sorted, with `HEAD` where there is `GET`; empty is any.
    methods: Vec<String>,
    headers: Vec<HeaderCondition>,
}

impl Conditions {
    pub(super) fn new(route: &Route) -> Self {
        let mut methods = route.methods.clone();
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
        methods.sort();
        methods.dedup();
        Self { methods, headers: route.headers.clone() }
    }

    /// The methods, with `HEAD` where there is `GET`; empty is any.
    pub(super) fn methods(&self) -> &[String] {
        &self.methods
    }

    pub(super) fn method_holds(&self, method: &[u8]) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|own| own.as_bytes() == method)
    }

    pub(super) fn headers_hold(&self, request: &impl RequestFacts) -> bool {
        self.headers.iter().all(|condition| request.header_is(&condition.name, condition.value.as_deref()))
    }

    /// How the requests for which these conditions hold relate to those of others.
    pub(super) fn relation(&self, other: &Self) -> Relation {
        if self.excludes(other) {
            return Relation::Disjoint;
        }
        Relation::of(self.is_within(other), other.is_within(self))
    }

    /// Whether these hold only where the others do.
    fn is_within(&self, other: &Self) -> bool {
        let methods = other.methods.is_empty()
            || (!self.methods.is_empty() && self.methods.iter().all(|method| other.methods.contains(method)));
        methods && other.headers.iter().all(|wanted| self.headers.iter().any(|own| implies(own, wanted)))
    }

    /// Whether no request can fulfil both: no method in common, or two values of a field that may have one.
    fn excludes(&self, other: &Self) -> bool {
        let any = self.methods.is_empty() || other.methods.is_empty();
        let methods = !any && !self.methods.iter().any(|method| other.methods.contains(method));
        methods || self.headers.iter().any(|own| other.headers.iter().any(|theirs| contradicts(own, theirs)))
    }

    /// A key that sorts the more specific of two related conditions first: those with more said about fields, then
    /// those with fewer methods.
    pub(super) fn breadth(&self) -> (Reverse<usize>, usize) {
        let methods = if self.methods.is_empty() { usize::MAX } else { self.methods.len() };
        let fields = self.headers.iter().enumerate().map(|(at, condition)| self.weight(at, condition)).sum();
        (Reverse(fields), methods)
    }

    /// 2 for a value, 1 for presence, 0 for what an earlier condition on the same field says already.
    fn weight(&self, at: usize, condition: &HeaderCondition) -> usize {
        let is_said = self.headers.iter().enumerate().any(|(other_at, other)| {
            other_at != at && implies(other, condition) && (!implies(condition, other) || other_at < at)
        });
        if is_said { 0 } else { 1 + usize::from(condition.value.is_some()) }
    }
}

/// Whether one condition holds only where the other does.
fn implies(own: &HeaderCondition, wanted: &HeaderCondition) -> bool {
    own.name == wanted.name && (wanted.value.is_none() || own.value == wanted.value)
}

/// Whether two conditions want two values of one field.
fn contradicts(own: &HeaderCondition, other: &HeaderCondition) -> bool {
    own.name == other.name && own.value.is_some() && other.value.is_some() && own.value != other.value
}
