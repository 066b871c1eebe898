//! The routes of one site: patterns, conditions, and that no two of them could both answer.

use super::handlers;
use super::headers;
use super::limits::body;
use super::services::Services;
use super::{Lowering, redirects, script_routes};
use crate::pattern::RoutePattern;
use crate::plan::{self, Site};
use crate::problem::{Problem, shown};
use crate::raw::decode::{OneOrMany, Text};
use crate::raw::route::{Route, RouteEntry};
use crate::raw::site::Site as RawSite;
use crate::source::{Located, Location};
use std::borrow::Cow;

/// What a site says of its routes, with the place of each.
pub(super) struct SiteRoutes<'a> {
    list: Vec<Written<'a>>,
    /// Where the site is written.
    name: Location,
    /// Whether there may be none: all is under maintenance, or what was written could not be read.
    may_be_empty: bool,
}

/// A route as written.
struct Written<'a> {
    pattern: Text,
    route: Cow<'a, Route>,
    at: Location,
    /// Whether its keys stand on the site itself.
    on_site: bool,
}

impl<'a> SiteRoutes<'a> {
    /// The only route of a site in its short form.
    pub(super) fn short(name: &Text, target: &Text) -> Self {
        let written = Written::forward(name.replaced("/".to_owned()), target);
        Self { list: vec![written], name: name.at, may_be_empty: false }
    }

    /// The routes of a site in its long form.
    pub(super) fn long(name: &Text, at: Location, site: &'a RawSite) -> Self {
        let mut list = Vec::new();
        let nothing = Route { broken: site.root.broken, ..Route::default() };
        if site.root != nothing {
            let pattern = name.replaced("/".to_owned());
            list.push(Written { pattern, route: Cow::Borrowed(&site.root), at, on_site: true });
        }
        for (pattern, entry) in site.keys.routes.iter().flat_map(|routes| &routes.value.list) {
            list.extend(Written::entry(pattern, entry));
        }
        let may_be_empty = site.keys.maintenance.is_some() || site.keys.broken || site.root.broken;
        Self { list, name: name.at, may_be_empty }
    }
}

impl<'a> Written<'a> {
    fn forward(pattern: Text, target: &Text) -> Self {
        let service = Some(Located::new(target.clone(), target.at));
        let route = Cow::Owned(Route { service, ..Route::default() });
        Self { pattern, route, at: target.at, on_site: false }
    }

    fn entry(pattern: &Text, entry: &'a Located<RouteEntry>) -> Vec<Self> {
        let one = |route: &'a Route, at| {
            let route = Cow::Borrowed(route);
            Self { pattern: pattern.clone(), route, at, on_site: false }
        };
        match &entry.value {
            RouteEntry::Short(target) => vec![Self::forward(pattern.clone(), target)],
            RouteEntry::One(route) => vec![one(route, entry.at)],
            RouteEntry::Several(routes) => routes.iter().map(|route| one(&route.value, route.at)).collect(),
        }
    }

    /// Where the route is pointed at: at its pattern, or at the route itself where several share one.
    fn place(&self) -> Location {
        self.pattern.at
    }
}

/// Adds its routes to a site.
pub(super) fn routes(
    site: &mut Site,
    written: &SiteRoutes<'_>,
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) {
    if written.list.is_empty() && !written.may_be_empty {
        lowering.report(
            Problem::error(written.name, format!("the site `{}` answers nothing", site.label))
                .label("no route")
                .hint("write a handler such as `service` or `files`, or `routes`"),
        );
    }
    refuse_two_roots(&written.list, lowering);
    let mut places = Vec::new();
    for one in &written.list {
        let Some(pattern) = pattern(&one.pattern, lowering) else {
            // Whatever else is wrong with the route is said as well.
            let _ = RoutePattern::parse("/").map(|root| route(written.name, &root, one, services, lowering));
            continue;
        };
        if let Some(route) = route(written.name, &pattern, one, services, lowering) {
            site.routes.push(route);
            places.push(one);
        }
    }
    refuse_conflicts(site, &places, lowering);
    let at: Vec<&Route> = places.iter().map(|written| written.route.as_ref()).collect();
    redirects::refuse_loops(site, &at, lowering);
    let at: Vec<Location> = places.iter().map(|written| written.place()).collect();
    script_routes::warn_of_path_info(site, &at, services, lowering);
}

fn refuse_two_roots(list: &[Written<'_>], lowering: &mut Lowering<'_>) {
    let on_site = list.iter().find(|written| written.on_site);
    let in_routes = list.iter().find(|written| !written.on_site && written.pattern.as_str() == "/");
    if let (Some(on_site), Some(in_routes)) = (on_site, in_routes) {
        lowering.report(
            Problem::error(in_routes.place(), "the route `/` is written twice")
                .label("again here")
                .related(on_site.at, "keys of a route on the site itself are the route `/`")
                .hint("write all of it in one of the two places"),
        );
    }
}

fn pattern(text: &Text, lowering: &mut Lowering<'_>) -> Option<RoutePattern> {
    match RoutePattern::parse(text.as_str()) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            // As nginx writes expressions and exact paths.
            let hint = if text.as_str().starts_with(['~', '^', '=']) {
                Some(
                    "patterns are no regular expressions: `/a/` covers all beneath it, `/a` one path, `{name}` one segment",
                )
            } else {
                error.hint()
            };
            lowering.report(
                Problem::error(text.at, format!("{} is not a route pattern", shown(text.as_str())))
                    .label(error.to_string())
                    .hint_maybe(hint.map(str::to_owned)),
            );
            None
        }
    }
}

fn route(
    site: Location,
    pattern: &RoutePattern,
    written: &Written<'_>,
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<plan::Route> {
    let raw = written.route.as_ref();
    let at = if written.on_site { written.pattern.at } else { written.at };
    let handler = handlers::handler(pattern, raw, (at, written.on_site), services, lowering);
    let methods =
        raw.method.as_ref().map(|methods| self::methods(&methods.value, lowering)).unwrap_or_default();
    let header = raw.header.as_ref().map(|header| headers::conditions(&header.value, lowering));
    if let Some(handler) = &handler {
        script_routes::refuse_fields(handler, raw, services, lowering);
    }
    let parameters = pattern.parameters();
    let request = raw.request_headers.as_ref();
    let response = raw.response_headers.as_ref();
    let request =
        request.map(|edits| headers::edits(&edits.value, headers::Side::Request, parameters, lowering));
    let response =
        response.map(|edits| headers::edits(&edits.value, headers::Side::Response, parameters, lowering));
    Some(plan::Route {
        pattern: pattern.clone(),
        methods,
        headers: header.unwrap_or_default(),
        handler: handler?,
        encoded_slashes: raw.encoded_slashes.as_ref().is_some_and(|accepted| accepted.value),
        body: raw.body.as_ref().map(|size| body(size.value)),
        request_headers: request.unwrap_or_default(),
        response_headers: response.unwrap_or_default(),
        line: lowering
            .sources
            .lines_between(site, if written.on_site { written.pattern.at } else { written.at }),
    })
}

fn methods(raw: &OneOrMany<Text>, lowering: &mut Lowering<'_>) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for text in &raw.0 {
        let method = text.value.as_str();
        if let Some((label, hint)) = method_refusal(method, &methods) {
            let problem = Problem::error(text.value.inner(), format!("`{method}` cannot be a condition"));
            lowering.report(problem.label(label).hint_maybe(hint));
        } else {
            methods.push(method.to_owned());
        }
    }
    methods
}

/// Methods are case sensitive (RFC 9110, 9.1), so a lower-case one would never match.
fn method_refusal(method: &str, before: &[String]) -> Option<(&'static str, Option<String>)> {
    if !headers::is_token(method) {
        return Some(("not a method", Some("write for example \"GET\" or [\"GET\", \"POST\"]".to_owned())));
    }
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some(("methods are in capitals", Some(format!("write \"{}\"", method.to_ascii_uppercase()))));
    }
    if method == "CONNECT" {
        return Some(("the gate refuses every CONNECT", None));
    }
    before.iter().any(|other| other == method).then_some(("written twice", None))
}

fn refuse_conflicts(site: &Site, written: &[&Written<'_>], lowering: &mut Lowering<'_>) {
    for (first, second) in crate::routes::conflicts(&site.routes) {
        let (Some(one), Some(other)) = (written.get(first), written.get(second)) else { continue };
        // The keys on the site against the route `/` are reported already.
        if one.on_site != other.on_site && one.pattern.as_str() == other.pattern.as_str() {
            continue;
        }
        let same = one.pattern.as_str() == other.pattern.as_str();
        let at = |written: &Written<'_>| if same { written.at } else { written.place() };
        let patterns = (site.routes[first].pattern.as_str(), site.routes[second].pattern.as_str());
        let title = match patterns {
            (one, other) if one == other => format!("two routes for `{one}` could both answer one request"),
            (one, other) => format!("the routes `{one}` and `{other}` could both answer one request"),
        };
        lowering.report(
            Problem::error(at(other), title)
                .label("this one")
                .related(at(one), "or this one")
                .note("the most specific route answers, and neither is more specific than the other")
                .hint("remove one, or give them conditions that exclude each other"),
        );
    }
}
