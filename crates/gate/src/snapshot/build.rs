//! Making a snapshot of a plan.

use super::hosts::{HostEntry, PortTable};
use super::site::{ErrorPages, RouteRuntime, SiteRuntime};
use super::{PlannedPort, Snapshot, StreamTable};
use crate::given::Given;
use crate::respond::page::Page;
use model::plan::{Handler, Hsts, Plan, Route, Scheme, Site};
use model::routes::RouteTable;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a plan cannot be served.
#[derive(Debug)]
pub enum SnapshotError {
    /// A page of the file cannot be read.
    Page {
        /// The page.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One port is asked to speak both TLS and plain HTTP.
    MixedPort {
        /// The port.
        port: u16,
        /// The site that asks for what the ones before it do not.
        site: String,
    },
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page { path, .. } => write!(f, "the page {} cannot be read", path.display()),
            Self::MixedPort { port, site } => {
                write!(
                    f,
                    "port {port} would have to speak both HTTPS and plain HTTP because of the site {site:?}"
                )
            }
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Page { source, .. } => Some(source),
            Self::MixedPort { .. } => None,
        }
    }
}

impl Snapshot {
    /// Makes a plan ready for requests, with the pages that it names.
    ///
    /// # Errors
    ///
    /// A page that was not read, or a port that would have to speak two protocols.
    pub fn new(plan: Plan, given: &Given) -> Result<Self, SnapshotError> {
        let mut files = 0;
        let sites = plan
            .sites
            .iter()
            .map(|site| site_runtime(site, &plan, given, &mut files))
            .collect::<Result<Vec<_>, _>>()?;
        let ports = port_tables(&plan)?;
        let head_limits = http1::HeadLimits {
            bytes: plan.limits.header_bytes,
            fields: plan.limits.header_count,
            first_line: plan.limits.request_line,
            underscores: plan.limits.underscores_in_headers,
        };
        let streams = StreamTable::new(&plan, &ports);
        Ok(Self { plan, sites, ports, streams, head_limits })
    }
}

/// The ports on which a plan needs listeners, sorted.
///
/// # Errors
///
/// A port would have to speak two protocols.
pub fn planned_ports(plan: &Plan) -> Result<Vec<PlannedPort>, SnapshotError> {
    let tables = port_tables(plan)?;
    let sites = tables.iter().map(|(port, table)| PlannedPort::of_sites(*port, table.secure));
    let streams = StreamTable::new(plan, &tables);
    let mut ports: Vec<_> = sites.chain(streams.planned_ports(&tables)).collect();
    ports.sort_unstable();
    Ok(ports)
}

fn site_runtime(
    site: &Site,
    plan: &Plan,
    given: &Given,
    files: &mut usize,
) -> Result<SiteRuntime, SnapshotError> {
    let pages = site.error_pages.iter().map(|error| Ok((error.status, page(&error.page, given)?)));
    Ok(SiteRuntime {
        address: site.address.clone(),
        table: RouteTable::new(&site.routes),
        routes: site.routes.iter().map(|route| route_runtime(route, plan, files)).collect(),
        hsts: site.hsts.as_ref().map(hsts_line),
        error_pages: ErrorPages { pages: pages.collect::<Result<_, _>>()? },
        maintenance: site.maintenance.as_deref().map(|path| page(path, given)).transpose()?,
    })
}

fn route_runtime(route: &Route, plan: &Plan, files: &mut usize) -> RouteRuntime {
    let strip = match &route.handler {
        Handler::Service(service) => service.strip_prefix.as_deref().map_or(0, segments),
        // Scripts are looked up where the files are.
        Handler::Files(files) if files.otherwise.as_ref().is_some_and(|other| other.scripts.is_some()) => {
            files.skip_segments
        }
        _ => 0,
    };
    let number = *files;
    if matches!(route.handler, Handler::Files(_)) {
        *files += 1;
    }
    RouteRuntime {
        route: route.clone(),
        strip,
        body_limit: route.body.unwrap_or(plan.limits.body),
        files: number,
    }
}

fn segments(prefix: &str) -> usize {
    prefix.split('/').filter(|segment| !segment.is_empty()).count()
}

fn page(path: &Path, given: &Given) -> Result<Page, SnapshotError> {
    let bytes = given.pages.get(path).map(|bytes| Page::new(Arc::clone(bytes)));
    let absent =
        || SnapshotError::Page { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() };
    bytes.ok_or_else(absent)
}

fn hsts_line(hsts: &Hsts) -> Box<[u8]> {
    let mut line = format!("Strict-Transport-Security: max-age={}", hsts.max_age.as_secs());
    if hsts.include_subdomains {
        line.push_str("; includeSubDomains");
    }
    if hsts.preload {
        line.push_str("; preload");
    }
    line.push_str("\r\n");
    line.into_bytes().into()
}

fn port_tables(plan: &Plan) -> Result<HashMap<u16, PortTable>, SnapshotError> {
    let mut ports = HashMap::new();
    if plan.sites.is_empty() && plan.streams.is_empty() {
        // A gate without anything still listens, to say that it is there.
        if let Some(port) = plan.listen.http {
            ports.insert(port, PortTable::new(false));
        }
    }
    for (index, site) in plan.sites.iter().enumerate() {
        let secure = site.address.scheme == Scheme::Https;
        let written = site.address.port;
        let port =
            if secure { Some(written.unwrap_or(plan.listen.https)) } else { written.or(plan.listen.http) };
        if let Some(port) = port {
            let table = port_table(&mut ports, port, secure, &site.label)?;
            add(table, site, HostEntry::Site(index), HostEntry::Alias(index));
        }
    }
    for (index, site) in plan.sites.iter().enumerate() {
        let on_default = site.address.scheme == Scheme::Https
            && site.address.port.is_none_or(|port| port == plan.listen.https);
        if let (true, Some(http)) = (on_default, plan.listen.http) {
            let table = port_table(&mut ports, http, false, &site.label)?;
            add(table, site, HostEntry::ToHttps(index), HostEntry::Alias(index));
        }
    }
    Ok(ports)
}

fn port_table<'p>(
    ports: &'p mut HashMap<u16, PortTable>,
    port: u16,
    secure: bool,
    site: &str,
) -> Result<&'p mut PortTable, SnapshotError> {
    let table = ports.entry(port).or_insert_with(|| PortTable::new(secure));
    if table.secure != secure {
        return Err(SnapshotError::MixedPort { port, site: site.to_owned() });
    }
    Ok(table)
}

/// Adds the names of a site. What is there already stays: a written plain site comes before a redirect.
fn add(table: &mut PortTable, site: &Site, main: HostEntry, alias: HostEntry) {
    if table.hosts.get_mut(site.address.host.as_ref()).is_none() {
        table.hosts.insert(site.address.host.as_ref(), main);
    }
    for name in &site.aliases {
        if table.hosts.get_mut(Some(name)).is_none() {
            table.hosts.insert(Some(name), alias);
        }
    }
}
