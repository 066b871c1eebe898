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
    streams: Vec<(Stream, Location)>,
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
    pub(super) fn add(&mut self, stream: &Stream, at: Location, lowering: &mut Lowering<'_>) {
        let with_site = self.sites.iter().find_map(|other| self.with_site(stream, at, other));
        let with_stream = || self.streams.iter().find_map(|other| self.with_stream(stream, at, other));
        if let Some(problem) = with_site.or_else(with_stream) {
            lowering.report(problem);
        }
        self.streams.push((stream.clone(), at));
    }

    fn with_site(&self, stream: &Stream, at: Location, other: &SitePort<'_>) -> Option<Problem> {
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
            Problem::error(at, format!("`{shared}` is a site on port {port} already"))
                .label("asked for by the same name")
                .related(other.at, "serves it")
                .hint("a name on a port leads to one of them"),
        )
    }

    fn with_stream(
        &self,
        stream: &Stream,
        at: Location,
        (other, first): &(Stream, Location),
    ) -> Option<Problem> {
        let (own, theirs) = (stream.listen, other.listen);
        let same_port = (own.transport, own.port) == (theirs.transport, theirs.port);
        if !same_port || !is_on_one_host(stream.on.as_ref(), other.on.as_ref()) {
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
        let problem =
            |title: String| Some(Problem::error(at, title).label("again here").related(*first, "first here"));
        if stream.hosts.is_empty() || other.hosts.is_empty() || own.address != theirs.address {
            return problem(format!("the streams `{}` and `{}` listen on one port", other.name, stream.name));
        }
        let shared = shared(other.hosts.iter(), &stream.hosts)?;
        problem(format!("`{shared}` leads to two streams"))
    }
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
