//! What the operator reads when the gate is up.

use super::bind::describe as describe_listener;
use crate::report;
use crate::supervision::Bound;
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
