//! The routes of a site as a tree of segments, searched for every request.
//!
//! Each node is one sequence of literals and parameters. A search goes down the literal child before the parameter
//! child and looks at what a node itself covers last, which is the order of precedence: of two patterns for one path
//! the more specific one is met first. A node has one way that leads to it, so no search visits it twice: the work
//! is bounded by the number of segments of all patterns, whatever the path.

use super::captures::Captures;
use super::conditions::Conditions;
use super::precedence::{Paths, Relation};
use crate::path::{compare_key, is_hollow};
use crate::pattern::{PatternSegment, RoutePattern};
use crate::plan::Route;

/// What the routing of a request looks at beside its path.
pub trait RequestFacts {
    /// The method as sent.
    fn method(&self) -> &[u8];

    /// Whether a field is there (`None`), or is there exactly once with this value. The name is in lower case.
    fn header_is(&self, name: &str, value: Option<&str>) -> bool;
}

/// A request for which every condition holds, so that a conditional route gets the benefit of the doubt.
pub(crate) struct Unconditional;

impl RequestFacts for Unconditional {
    fn method(&self) -> &[u8] {
        b"GET"
    }

    fn header_is(&self, _: &str, _: Option<&str>) -> bool {
        true
    }
}

/// What a site has for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matched {
    /// This route, by its position.
    Route(usize),
    /// The path with a slash at its end, to which the client is redirected.
    AddSlash,
    /// Routes for other methods, see [`RouteTable::allowed_methods`].
    MethodNotAllowed,
    /// Nothing.
    NotFound,
}

/// The routes of a site, ready for requests.
#[derive(Clone, Debug)]
pub struct RouteTable {
    nodes: Vec<Node>,
    patterns: Vec<RoutePattern>,
    conditions: Vec<Conditions>,
}

/// A sequence of segments and the routes whose patterns end there, the more specific ones first.
#[derive(Clone, Debug, Default)]
struct Node {
    /// By name, sorted.
    literals: Vec<(Box<[u8]>, usize)>,
    parameter: Option<usize>,
    exact: Vec<usize>,
    subtree: Vec<usize>,
}

/// How a path reaches the routes of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Their patterns cover it.
    Covered,
    /// Their patterns would cover it with a slash at its end.
    WithoutSlash,
}

impl RouteTable {
    /// Prepares routes among which there are no [`super::conflicts`]. Were there one, the first in the search wins.
    #[must_use]
    pub fn new(routes: &[Route]) -> Self {
        let mut table = Self {
            nodes: vec![Node::default()],
            patterns: routes.iter().map(|route| route.pattern.clone()).collect(),
            conditions: routes.iter().map(Conditions::new).collect(),
        };
        for (index, route) in routes.iter().enumerate() {
            table.insert(index, &route.pattern);
        }
        for node in &mut table.nodes {
            let conditions = &table.conditions;
            node.exact.sort_by_key(|&index| conditions[index].breadth());
            node.subtree.sort_by_key(|&index| conditions[index].breadth());
        }
        table
    }

    /// The most specific route whose conditions hold, for a path in canonical form.
    ///
    /// `captures` are those of the route that is found, and empty otherwise.
    pub fn find(&self, path: &[u8], request: &impl RequestFacts, captures: &mut Captures) -> Matched {
        captures.clear();
        let mut needs_slash = None;
        let mut is_method_wrong = false;
        let mut select = |routes: &[usize], reach| {
            let found = routes.iter().copied().find(|&index| {
                let conditions = &self.conditions[index];
                let is_method_right = conditions.method_holds(request.method());
                let holds = (is_method_right || !is_method_wrong) && conditions.headers_hold(request);
                is_method_wrong |= holds && !is_method_right;
                holds && is_method_right
            });
            if reach == Reach::Covered {
                return found;
            }
            needs_slash = needs_slash.or(found);
            None
        };
        let found = Search { table: self, path, captures }.visit(0, 0, &mut select);
        match (found, needs_slash) {
            (Some(route), Some(slash)) if self.slash_is_narrower(slash, route) => add_slash(captures),
            (Some(route), _) => Matched::Route(route),
            (None, Some(_)) => add_slash(captures),
            (None, None) if is_method_wrong => Matched::MethodNotAllowed,
            (None, None) => Matched::NotFound,
        }
    }

    /// The methods for which there are routes that cover a path in canonical form, whatever their other conditions;
    /// sorted, with `HEAD` where there is `GET`.
    #[must_use]
    pub fn allowed_methods(&self, path: &[u8]) -> Vec<String> {
        let mut methods = Vec::new();
        let mut collect = |routes: &[usize], _| {
            for &index in routes {
                methods.extend_from_slice(self.conditions[index].methods());
            }
            None
        };
        let _ = Search { table: self, path, captures: &mut Captures::new() }.visit(0, 0, &mut collect);
        methods.sort();
        methods.dedup();
        methods
    }

    fn insert(&mut self, index: usize, pattern: &RoutePattern) {
        let mut node = 0;
        for segment in pattern.segments() {
            node = match segment {
                PatternSegment::Literal(name) => self.literal_child(node, name),
                PatternSegment::Parameter => self.parameter_child(node),
            };
        }
        let node = &mut self.nodes[node];
        if pattern.is_subtree() { node.subtree.push(index) } else { node.exact.push(index) }
    }

    fn literal_child(&mut self, node: usize, name: &[u8]) -> usize {
        let next = self.nodes.len();
        let literals = &mut self.nodes[node].literals;
        match literals.binary_search_by(|(own, _)| (**own).cmp(name)) {
            Ok(at) => literals[at].1,
            Err(at) => {
                literals.insert(at, (name.into(), next));
                self.nodes.push(Node::default());
                next
            }
        }
    }

    fn parameter_child(&mut self, node: usize) -> usize {
        let next = self.nodes.len();
        let child = *self.nodes[node].parameter.get_or_insert(next);
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    pub(super) fn pattern(&self, route: usize) -> &RoutePattern {
        &self.patterns[route]
    }

    /// Whether the path that a subtree owns without its slash is more specific than a route.
    fn slash_is_narrower(&self, subtree: usize, route: usize) -> bool {
        let own = Paths::without_slash(&self.patterns[subtree]);
        own.relation(&Paths::of(&self.patterns[route])) == Relation::Narrower
    }
}

impl Node {
    /// The child whose name is that of a segment.
    fn literal(&self, segment: &[u8], is_bare: bool) -> Option<usize> {
        let found = if is_bare {
            self.literals.binary_search_by(|(name, _)| (**name).cmp(segment))
        } else {
            self.literals.binary_search_by(|(name, _)| compare_key(segment, name).reverse())
        };
        found.ok().map(|at| self.literals[at].1)
    }
}

/// What stands before the next slash, and whether that is its own name: without escapes and parameters.
fn first_segment(rest: &[u8]) -> (&[u8], bool) {
    let mut is_bare = true;
    for (at, &byte) in rest.iter().enumerate() {
        if byte == b'/' {
            return (&rest[..at], is_bare);
        }
        is_bare &= byte != b'%' && byte != b';';
    }
    (rest, is_bare)
}

/// The captures of a search that ends without a route are of no use.
fn add_slash(captures: &mut Captures) -> Matched {
    captures.clear();
    Matched::AddSlash
}

/// One search for one path.
struct Search<'a> {
    table: &'a RouteTable,
    path: &'a [u8],
    captures: &'a mut Captures,
}

impl Search<'_> {
    /// Offers the routes of all nodes for what remains of the path from `at`, in the order of precedence, until one
    /// is selected. Goes no deeper than patterns do.
    fn visit(
        &mut self,
        node: usize,
        at: usize,
        select: &mut impl FnMut(&[usize], Reach) -> Option<usize>,
    ) -> Option<usize> {
        let node = &self.table.nodes[node];
        let Some((first, rest)) = self.path[at..].split_first() else {
            return select(&node.exact, Reach::Covered)
                .or_else(|| select(&node.subtree, Reach::WithoutSlash));
        };
        if *first != b'/' {
            // The `*` of `OPTIONS *` is no path of any route.
            return None;
        }
        let (segment, is_bare) = first_segment(rest);
        let end = segment.len();
        if is_hollow(segment) {
            // The slash at the end, perhaps with parameters after it. Canonical paths have no hollow segment elsewhere.
            return if end == rest.len() { select(&node.subtree, Reach::Covered) } else { None };
        }
        let next = at + 1 + end;
        if let Some(child) = node.literal(segment, is_bare)
            && let Some(found) = self.visit(child, next, select)
        {
            return Some(found);
        }
        if let Some(child) = node.parameter {
            self.captures.push(at + 1..next);
            if let Some(found) = self.visit(child, next, select) {
                return Some(found);
            }
            self.captures.pop();
        }
        select(&node.subtree, Reach::Covered)
    }
}
