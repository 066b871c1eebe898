//! Route patterns.
/// A route pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoutePattern;
