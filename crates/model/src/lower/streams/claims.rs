//! That no two of sites and streams claim one place. Streams with names may share a port with each other and with sites
//! of HTTPS, for then the name decides.

use super::super::{Lowering, Merged, site_name};
use super::instances::covers;
use crate::host::HostPattern;
use crate::plan::{Name, Plan, Scheme, Site, Stream, Transport};
use crate::problem::Problem;
use crate::source::Location;
use std::collections::HashMap;

/// What is taken already.
pub(super) struct Claims<'a> {
    plan: &'a Plan,
    sites: Vec<SitePort<'a>>,
    streams: Vec<Taken>,
}

/// A stream that was judged, and where it says what it takes.
pub(super) struct Taken {
    pub(super) stream: Stream,
    /// Its port.
    pub(super) listen: Location,
    /// Each of its names, in their order.
    pub(super) hosts: Vec<Location>,
}

impl Taken {
    /// Where a name of it is written.
    fn host(&self, host: &HostPattern) -> Location {
        let index = self.stream.hosts.iter().position(|own| own == host);
        index.and_then(|index| self.hosts.get(index)).copied().unwrap_or(self.listen)
    }
}

/// A port that a site takes.
struct SitePort<'a> {
    site: &'a Site,
    at: Location,
    port: u16,
    secure: bool,
}

impl<'a> Claims<'a> {
    pub(super) fn new(merged: &Merged, plan: &'a Plan) -> Self {
        let names = merged.sites.iter().rev().map(|(name, _)| (name.as_str(), name.at));
        let written: HashMap<&str, Location> = names.collect();
        let mut sites = Vec::new();
        for site in &plan.sites {
            let at = written.get(site.label.as_str()).copied().unwrap_or_default();
            let Some(port) = site_name::port(&site.address, &plan.listen) else { continue };
            let secure = site.address.scheme == Scheme::Https;
            sites.push(SitePort { site, at, port, secure });
            if let (true, Some(http)) = (secure && port == plan.listen.https, plan.listen.http) {
                sites.push(SitePort { site, at, port: http, secure: false });
            }
        }
        Self { plan, sites, streams: Vec::new() }
    }

    /// Takes the place of a stream, and reports who has it already.
    pub(super) fn add(&mut self, taken: Taken, lowering: &mut Lowering<'_>) {
        let with_site = self.sites.iter().find_map(|other| self.with_site(&taken, other));
        let with_stream = || self.streams.iter().find_map(|other| self.with_stream(&taken, other));
        if let Some(problem) = with_site.or_else(with_stream) {
            lowering.report(problem);
        }
        self.streams.push(taken);
    }

    fn with_site(&self, claim: &Taken, other: &SitePort<'_>) -> Option<Problem> {
        let (stream, at) = (&claim.stream, claim.listen);
        let listen = stream.listen;
        let same_host = is_on_one_host(stream.on.as_ref(), other.site.on.as_ref());
        if listen.transport != Transport::Tcp || listen.port != other.port || !same_host {
            return None;
        }
        let meets = |own| self.plan.listen.addresses.iter().any(|site| meet(own, *site));
        if listen.address.is_some_and(|own| !meets(own)) {
            return None;
        }
        let port = listen.port;
        let taken = |hint: &str| {
            Problem::error(at, format!("port {port} is a site's"))
                .label("also here")
                .related(other.at, "serves it")
                .hint(hint.to_owned())
        };
        if !other.secure {
            return Some(taken("plain HTTP names no host before its first byte: take another port"));
        }
        if stream.hosts.is_empty() || listen.address.is_some() {
            return Some(taken(
                "to share the port of HTTPS, write tls = \"passthrough\" with `hosts`, and no address",
            ));
        }
        let own = other.site.address.host.iter().chain(&other.site.aliases);
        let shared = shared(own, &stream.hosts)?;
        Some(
            Problem::error(claim.host(shared), format!("`{shared}` is a site on port {port} already"))
                .label("asked for by the same name")
                .related(other.at, "serves it")
                .hint("a name on a port leads to one of them"),
        )
    }

    fn with_stream(&self, taken: &Taken, other: &Taken) -> Option<Problem> {
        let (stream, before) = (&taken.stream, &other.stream);
        let (own, theirs) = (stream.listen, before.listen);
        let same_port = (own.transport, own.port) == (theirs.transport, theirs.port);
        if !same_port || !is_on_one_host(stream.on.as_ref(), before.on.as_ref()) {
            return None;
        }
        let all = &self.plan.listen.addresses;
        let overlap = match (own.address, theirs.address) {
            (Some(own), Some(theirs)) => meet(own, theirs),
            (Some(one), None) | (None, Some(one)) => all.iter().any(|other| meet(one, *other)),
            (None, None) => true,
        };
        if !overlap {
            return None;
        }
        let problem = |at, title: String, first| {
            Some(Problem::error(at, title).label("again here").related(first, "first here"))
        };
        if stream.hosts.is_empty() || before.hosts.is_empty() || own.address != theirs.address {
            let title = format!("the streams `{}` and `{}` listen on one port", before.name, stream.name);
            let problem = problem(taken.listen, title, other.listen)?;
            return Some(problem.hint_maybe(how_to_share(stream, before)));
        }
        let shared = shared(before.hosts.iter(), &stream.hosts)?;
        problem(taken.host(shared), format!("`{shared}` leads to two streams"), other.host(shared))
    }
}

/// How two streams may have one port.
fn how_to_share(one: &Stream, other: &Stream) -> Option<String> {
    if one.listen.transport != Transport::Tcp {
        return None;
    }
    let hint = if one.hosts.is_empty() || other.hosts.is_empty() {
        "what begins with TLS can share a port: write tls = \"passthrough\" or \"terminate\" and `hosts` at both"
    } else {
        "streams share a port by their names where `listen` says the same"
    };
    Some(hint.to_owned())
}

fn shared<'p>(
    mut one: impl Iterator<Item = &'p HostPattern>,
    other: &[HostPattern],
) -> Option<&'p HostPattern> {
    one.find(|host| other.contains(host))
}

/// Whether both are of one host; one that is not written is of each.
fn is_on_one_host(one: Option<&Name>, other: Option<&Name>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Whether sockets of both addresses would take each other's port.
fn meet(one: std::net::IpAddr, other: std::net::IpAddr) -> bool {
    covers(one, other) || covers(other, one)
}
