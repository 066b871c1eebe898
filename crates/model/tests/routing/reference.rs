//! The search and the conflicts against a reference that knows no precedence but sets: it lists every path and every
//! request of a small world, and compares which of them each route is for.

use super::site::{Request, route};
use model::plan::Route;
use model::routes::{Captures, Matched, RequestFacts, RouteTable, conflicts};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Every path of up to four segments, one more than patterns have, from one name more than patterns use.
fn all_paths() -> Vec<String> {
    let mut level = vec![String::new()];
    let mut paths = vec!["/".to_owned()];
    for _ in 0..4 {
        level = level.iter().flat_map(|path| ["a", "b", "c"].map(|name| format!("{path}/{name}"))).collect();
        paths.extend(level.iter().flat_map(|path| [path.clone(), format!("{path}/")]));
    }
    paths
}

/// Every request that conditions can tell apart.
fn all_requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for method in ["GET", "HEAD", "POST", "PUT"] {
        for x in [None, Some("1"), Some("2"), Some("3")] {
            for y in [None, Some("1"), Some("2")] {
                let field =
                    |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
                let fields = field("x", x).into_iter().chain(field("y", y)).collect();
                requests.push(Request { method: method.to_owned(), fields });
            }
        }
    }
    requests
}

fn covers(pattern: &str, path: &str) -> bool {
    let wanted: Vec<&str> = pattern.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    let is_subtree = pattern.ends_with('/');
    let fits =
        |(wanted, given): (&&str, &&str)| wanted == given || wanted.starts_with('{') && !given.is_empty();
    if is_subtree {
        let names = &wanted[..wanted.len() - 1];
        given.len() >= wanted.len() && names.iter().zip(&given).all(fits)
    } else {
        given.len() == wanted.len() && wanted.iter().zip(&given).all(fits)
    }
}

fn fields_hold(route: &Route, request: &Request) -> bool {
    route.headers.iter().all(|condition| request.header_is(&condition.name, condition.value.as_deref()))
}

fn method_holds(route: &Route, request: &Request) -> bool {
    let covers = |own: &String| *own == request.method || own == "GET" && request.method == "HEAD";
    route.methods.is_empty() || route.methods.iter().any(covers)
}

/// What a route is for, by places in the lists of the world.
struct Sets {
    paths: BTreeSet<usize>,
    /// The paths that it owns without their slash.
    bare: BTreeSet<usize>,
    requests: BTreeSet<usize>,
}

struct World {
    paths: Vec<String>,
    requests: Vec<Request>,
}

impl World {
    fn new() -> Self {
        Self { paths: all_paths(), requests: all_requests() }
    }

    fn sets(&self, route: &Route) -> Sets {
        let pattern = route.pattern.as_str();
        let trimmed = pattern.strip_suffix('/').filter(|bare| !bare.is_empty());
        let places =
            |pattern: &str| (0..self.paths.len()).filter(|&at| covers(pattern, &self.paths[at])).collect();
        let holds = |at: &usize| {
            let request = &self.requests[*at];
            method_holds(route, request) && fields_hold(route, request)
        };
        Sets {
            paths: places(pattern),
            bare: trimmed.map(places).unwrap_or_default(),
            requests: (0..self.requests.len()).filter(holds).collect(),
        }
    }
}

fn is_narrower<T: Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> bool {
    one != other && one.is_subset(other)
}

fn beats(one: &Sets, other: &Sets) -> bool {
    is_narrower(&one.paths, &other.paths)
        || one.paths == other.paths && is_narrower(&one.requests, &other.requests)
}

fn conflict(one: &Sets, other: &Sets) -> bool {
    let meet = !one.paths.is_disjoint(&other.paths) && !one.requests.is_disjoint(&other.requests);
    meet && !beats(one, other) && !beats(other, one)
}

fn expected(sets: &[Sets], routes: &[Route], world: &World, path: usize, request: usize) -> Matched {
    let own = |set: &dyn Fn(&Sets) -> &BTreeSet<usize>| -> Vec<usize> {
        (0..sets.len()).filter(|&at| set(&sets[at]).contains(&path)).collect()
    };
    let (covering, bare) = (own(&|sets| &sets.paths), own(&|sets| &sets.bare));
    let holding = |list: &[usize]| -> Vec<usize> {
        list.iter().copied().filter(|&at| sets[at].requests.contains(&request)).collect()
    };
    let (candidates, redirects) = (holding(&covering), holding(&bare));
    let best = candidates
        .iter()
        .copied()
        .find(|&one| candidates.iter().all(|&other| other == one || beats(&sets[one], &sets[other])));
    assert_eq!(
        best.is_some(),
        !candidates.is_empty(),
        "among routes without conflicts one is the most specific"
    );
    let redirected = match best {
        Some(best) => redirects.iter().any(|&at| is_narrower(&sets[at].bare, &sets[best].paths)),
        None => !redirects.is_empty(),
    };
    let is_method_wrong =
        covering.iter().chain(&bare).any(|&at| fields_hold(&routes[at], &world.requests[request]));
    match best {
        _ if redirected => Matched::AddSlash,
        Some(best) => Matched::Route(best),
        None if is_method_wrong => Matched::MethodNotAllowed,
        None => Matched::NotFound,
    }
}

fn some_route() -> impl Strategy<Value = Route> {
    let segments = prop::collection::vec(prop::sample::select(vec!["/a", "/b", "/{}"]), 0..4);
    let methods = prop::sample::select(vec!["", "", "", "GET", "POST", "HEAD", "GET,POST", "POST,PUT"]);
    let x = prop::sample::select(vec!["", "", "", "x", "x=1", "x=2"]);
    let y = prop::sample::select(vec!["", "", "", "y", "y=1"]);
    (segments, any::<bool>(), methods, x, y).prop_map(|(segments, is_subtree, methods, x, y)| {
        let mut pattern = String::new();
        for (at, segment) in segments.iter().enumerate() {
            pattern.push_str(&segment.replace("{}", &format!("{{p{at}}}")));
        }
        if is_subtree || pattern.is_empty() {
            pattern.push('/');
        }
        route(&pattern, Some(methods).filter(|m| !m.is_empty()), [x, y].into_iter().filter(|f| !f.is_empty()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_search_finds_what_the_comparison_of_sets_finds(all in prop::collection::vec(some_route(), 1..12)) {
        let world = World::new();
        let sets: Vec<Sets> = all.iter().map(|route| world.sets(route)).collect();
        let pairs: BTreeSet<(usize, usize)> = conflicts(&all).into_iter().collect();
        for second in 0..all.len() {
            for first in 0..second {
                let found = pairs.contains(&(first, second));
                prop_assert_eq!(found, conflict(&sets[first], &sets[second]), "{:?} {:?}", all[first], all[second]);
            }
        }
        let mut routes: Vec<Route> = Vec::new();
        for route in all {
            routes.push(route);
            if !conflicts(&routes).is_empty() {
                routes.pop();
            }
        }
        let sets: Vec<Sets> = routes.iter().map(|route| world.sets(route)).collect();
        let table = RouteTable::new(&routes);
        let mut captures = Captures::new();
        for (path_at, path) in world.paths.iter().enumerate() {
            for (request_at, request) in world.requests.iter().enumerate() {
                let found = table.find(path.as_bytes(), request, &mut captures);
                prop_assert_eq!(found, expected(&sets, &routes, &world, path_at, request_at), "{} {:?}", path, request);
                check_captures(found, &routes, path, &captures);
            }
        }
    }
}

fn check_captures(found: Matched, routes: &[Route], path: &str, captures: &Captures) {
    let own: Vec<&[u8]> =
        (0..captures.len()).map(|at| captures.segment(at, path.as_bytes()).unwrap()).collect();
    let wanted: Vec<&[u8]> = match found {
        Matched::Route(index) => {
            let pairs = routes[index].pattern.as_str().split('/').zip(path.split('/'));
            pairs.filter(|(wanted, _)| wanted.starts_with('{')).map(|(_, given)| given.as_bytes()).collect()
        }
        _ => Vec::new(),
    };
    assert_eq!(own, wanted, "{path} {found:?}");
}
