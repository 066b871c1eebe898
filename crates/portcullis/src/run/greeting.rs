//! What the operator reads when the gate is up.

use super::bind::describe as describe_listener;
use crate::report;
use crate::supervision::Bound;
use confine::{LayerName, State};
use model::plan::{Handler, Plan, Route, Scheme, Site};
use std::collections::BTreeSet;

/// Sites that are named one by one.
const NAMED: usize = 20;

/// Says where the gate listens and what it serves.
pub(super) fn greet(plan: &Plan, listeners: &[Bound], threads: usize) {
    let places: BTreeSet<String> = listeners.iter().map(|bound| describe_listener(&bound.listener)).collect();
    let places: Vec<_> = places.into_iter().collect();
    let noun = if threads == 1 { "thread" } else { "threads" };
    report::info(format_args!("listening on {} with {threads} {noun}", places.join(", ")));
    for site in plan.sites.iter().take(NAMED) {
        report::info(format_args!("serving {}", describe(site, plan, listeners)));
    }
    if let Some(more) = plan.sites.len().checked_sub(NAMED).filter(|more| *more > 0) {
        report::info(format_args!("serving {more} further sites"));
    }
    for stream in plan.streams.iter().take(NAMED) {
        let instances: Vec<_> = stream.service.instances.iter().map(ToString::to_string).collect();
        let hosts: Vec<_> = stream.hosts.iter().map(ToString::to_string).collect();
        let asked = if hosts.is_empty() { String::new() } else { format!(" for {}", hosts.join(", ")) };
        report::info(format_args!(
            "serving the stream {} on {}{asked} from {}",
            stream.name,
            stream.listen,
            instances.join(", ")
        ));
    }
    if let Some(more) = plan.streams.len().checked_sub(NAMED).filter(|more| *more > 0) {
        report::info(format_args!("serving {more} further streams"));
    }
    if plan.sites.is_empty() && plan.streams.is_empty() {
        report::warning("no site is configured: visitors see a page that says so");
    }
}

/// Says what does not hold the gate, and what would change that.
pub(super) fn warn_of_confinement(report: Option<&confine::Report>) {
    let is_root = rustix::process::geteuid().is_root();
    for gap in report.into_iter().flat_map(|report| gaps(report, is_root)) {
        report::warning(gap);
    }
}

fn gaps(report: &confine::Report, is_root: bool) -> Vec<String> {
    // Both need root, and it is one thing to say.
    let needs_root = |name| matches!(name, LayerName::Mounts | LayerName::Rights);
    let open = || report.layers.iter().filter(|layer| layer.state != State::Enforced);
    let mut gaps = Vec::new();
    if !is_root && open().any(|layer| needs_root(layer.name)) {
        gaps.push("without root the gate is not confined to its folders and to a user of its own".to_owned());
    }
    for layer in open().filter(|layer| is_root || !needs_root(layer.name)) {
        let hint = layer.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        gaps.push(format!("the gate is not wholly confined: {layer}{hint}"));
    }
    gaps
}

fn describe(site: &Site, plan: &Plan, listeners: &[Bound]) -> String {
    let (scheme, usual) = match site.address.scheme {
        Scheme::Https => ("https", 443),
        Scheme::Http => ("http", 80),
    };
    let planned = site.address.port.unwrap_or(match site.address.scheme {
        Scheme::Https => plan.listen.https,
        Scheme::Http => plan.listen.http.unwrap_or(usual),
    });
    let real =
        listeners.iter().map(|bound| &bound.listener).find(|listener| listener.planned().port == planned);
    let port = real.map_or(planned, |listener| listener.local().port());
    let host = site.address.host.as_ref().map_or_else(|| "any host".to_owned(), ToString::to_string);
    let port = if port == usual { String::new() } else { format!(":{port}") };
    let routes: Vec<_> = site.routes.iter().map(|route| handler(route, plan)).collect();
    match routes.as_slice() {
        [only] => format!("{scheme}://{host}{port} from {only}"),
        several => format!("{scheme}://{host}{port} with {} routes", several.len()),
    }
}

fn handler(route: &Route, plan: &Plan) -> String {
    match &route.handler {
        Handler::Service(handler) => plan.services[handler.service.0].name.clone(),
        Handler::Files(files) => match &files.otherwise {
            Some(otherwise) => {
                let service = &plan.services[otherwise.handler.service.0].name;
                format!("{} and {service}", files.root.display())
            }
            None => files.root.display().to_string(),
        },
        Handler::Redirect(_) => "a redirect".to_owned(),
        Handler::Respond(_) => "a fixed response".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use confine::{Layer, Report};

    #[test]
    fn what_needs_root_is_one_line_without_it_and_the_rest_a_line_each() {
        let open = State::NotEnforced("why".to_owned());
        let report = |open_layers: &[LayerName]| {
            let layer = |name| {
                let is_open = open_layers.contains(&name);
                let state = if is_open { open.clone() } else { State::Enforced };
                Layer { name, state, hint: is_open.then(|| "do".to_owned()) }
            };
            Report { layers: LayerName::ALL.map(layer).to_vec(), missing: Vec::new() }
        };
        let without = "without root the gate is not confined to its folders and to a user of its own";
        let landlock = "the gate is not wholly confined: landlock: not enforced: why (do)";
        let mounts = "the gate is not wholly confined: mount namespace: not enforced: why (do)";
        for (layers, is_root, expected) in [
            (&[][..], true, vec![]),
            (&[LayerName::Mounts, LayerName::Rights], false, vec![without]),
            (&[LayerName::Rights, LayerName::Landlock], false, vec![without, landlock]),
            (&[LayerName::Mounts, LayerName::Landlock], true, vec![mounts, landlock]),
        ] {
            assert_eq!(gaps(&report(layers), is_root), expected, "{layers:?}, root: {is_root}");
        }
    }
}
