//! Making a snapshot of a plan.

use super::hosts::{HostEntry, PortTable};
use super::site::{ErrorPages, RouteRuntime, SiteRuntime};
use super::{PlannedPort, Snapshot, StreamTable};
use crate::given::Given;
use crate::respond::page::Page;
use model::host::HostPattern;
use model::plan::{Handler, Hsts, PlacedSite, Plan, Route, Scheme, Site, SiteAddress};
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
        Self::after(plan, given, None)
    }

    /// The same; shares with a former snapshot what both have.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::new`].
    pub fn after(plan: Plan, given: &Given, former: Option<&Self>) -> Result<Self, SnapshotError> {
        let mut known = former.map(Known::new);
        let sites = plan.sites.iter().enumerate().map(|(index, site)| {
            let kept = known.as_mut().and_then(|known| known.site(index, site, &plan));
            kept.map_or_else(|| site_runtime(site, &plan, given).map(Arc::new), Ok)
        });
        let sites = sites.collect::<Result<Vec<_>, _>>()?;
        let ports = match former.filter(|former| claims_of(&former.plan).eq(claims_of(&plan))) {
            Some(former) if former.plan.listen == plan.listen => Arc::clone(&former.ports),
            _ => Arc::new(port_tables(&plan)?),
        };
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

/// The sites of a former snapshot.
struct Known<'a> {
    snapshot: &'a Snapshot,
    /// By identity, once one is not where it was.
    places: Option<HashMap<*const Site, usize>>,
}

impl<'a> Known<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, places: None }
    }

    /// What is known of a site that is the very same. Pages are read again, for their text may have changed.
    fn site(&mut self, index: usize, site: &PlacedSite, plan: &Plan) -> Option<Arc<SiteRuntime>> {
        let old = &self.snapshot.plan;
        let has_pages = site.maintenance.is_some() || !site.error_pages.is_empty();
        if has_pages || plan.limits.body != old.limits.body {
            return None;
        }
        let identity = Arc::as_ptr(&site.site);
        let is_same =
            |place: &usize| old.sites.get(*place).is_some_and(|known| Arc::ptr_eq(&known.site, &site.site));
        let all = || {
            let sites = old.sites.iter().enumerate();
            sites.map(|(place, known)| (Arc::as_ptr(&known.site), place)).collect()
        };
        let place = Some(index).filter(is_same);
        let place = place.or_else(|| self.places.get_or_insert_with(all).get(&identity).copied())?;
        self.snapshot.sites.get(place).cloned()
    }
}

/// What decides which site answers for which host and port.
fn claims_of(plan: &Plan) -> impl Iterator<Item = (&SiteAddress, &[HostPattern])> {
    // A gate without anything listens all the same.
    let nothing = plan.streams.is_empty().then_some(&NOWHERE);
    let sites = plan.sites.iter().map(|site| (&site.address, site.aliases.as_slice()));
    sites.chain(nothing.map(|nothing| (nothing, [].as_slice())))
}

/// No site is there: there is no port 0.
const NOWHERE: SiteAddress = SiteAddress { scheme: Scheme::Http, host: None, port: Some(0) };

fn site_runtime(site: &Site, plan: &Plan, given: &Given) -> Result<SiteRuntime, SnapshotError> {
    let mut files = 0;
    let pages = site.error_pages.iter().map(|error| Ok((error.status, page(&error.page, given)?)));
    Ok(SiteRuntime {
        address: site.address.clone(),
        table: RouteTable::new(&site.routes),
        routes: site.routes.iter().map(|route| route_runtime(route, plan, &mut files)).collect(),
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
