//! A snapshot as one thread sees it: the shared tables, and the services, files and counters of this thread.

use crate::files::FileRoute;
use crate::identity::Identities;
use crate::metrics::{ServiceCounters, SiteCounters};
use crate::service::{ServiceRuntime, literal_addresses};
use crate::shared::Shared;
use crate::snapshot::{SiteRuntime, Snapshot};
use crate::stream::StreamRuntime;
use model::plan::{FilesHandler, Handler, PlacedSite, Service, Target, TargetAddress};
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// What is served: a snapshot and the TLS that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) tls: Arc<rustls::ServerConfig>,
    /// TLS towards the clients of each stream that has the gate speak it.
    pub(crate) stream_tls: Arc<[Option<Arc<rustls::ServerConfig>>]>,
    pub(crate) identities: Arc<dyn Identities>,
    pub(crate) instance_tls: Arc<Vec<Option<Arc<rustls::ClientConfig>>>>,
    /// What is known of the addresses of names.
    pub(crate) resolved: Arc<HashMap<String, Vec<IpAddr>>>,
}

/// A snapshot as one thread sees it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) served: Served,
    pub(crate) services: Vec<Rc<ServiceRuntime>>,
    pub(crate) service_counters: Vec<Arc<ServiceCounters>>,
    pub(crate) site_counters: Vec<Arc<SiteCounters>>,
    /// Requests that belong to no site.
    pub(crate) no_site: Arc<SiteCounters>,
    /// The files routes of each site, by their numbers.
    pub(crate) files: Vec<FileRoutes>,
    pub(crate) streams: Vec<Rc<StreamRuntime>>,
    /// The services by the names of their instances, once one is resolved.
    named: OnceCell<HashMap<String, Vec<Rc<ServiceRuntime>>>>,
}

/// The files routes of a site, by their numbers.
type FileRoutes = Rc<[Rc<FileRoute>]>;

impl Active {
    /// The view of thread number `thread`. What `former` has too is kept: connections, caches, counters.
    pub(crate) fn new(served: Served, shared: &Shared, thread: usize, former: Option<&Self>) -> Self {
        let (plan, metrics) = (&served.snapshot.plan, &shared.metrics);
        let streams = plan.streams.iter().zip(served.stream_tls.iter()).map(|(stream, tls)| {
            let known = former.and_then(|former| former.stream(&stream.name));
            let stream =
                StreamRuntime::new(stream.clone(), tls.clone(), shared, thread, known.map(Rc::as_ref));
            stream.service.resolve(&served.resolved);
            Rc::new(stream)
        });
        let streams = streams.collect();
        let former = former.map(|former| (former, &former.served.snapshot.plan));
        let sites = places(&plan.sites, former.map(|(_, old)| &*old.sites), |site| &site.label);
        let services = places(&plan.services, former.map(|(_, old)| &*old.services), |service| &service.name);
        let former = former.map(|(former, _)| former);
        let of_service = |(service, was): (&Arc<Service>, &Option<usize>)| {
            let known = former.zip(*was).map(|(former, was)| Arc::clone(&former.service_counters[was]));
            known.unwrap_or_else(|| metrics.service(&service.name, thread))
        };
        let of_site = |(site, was): (&PlacedSite, &Option<usize>)| {
            let known = former.zip(*was).map(|(former, was)| Arc::clone(&former.site_counters[was]));
            known.unwrap_or_else(|| metrics.site(&site.label, thread))
        };
        Self {
            service_counters: plan.services.iter().zip(&services).map(of_service).collect(),
            site_counters: plan.sites.iter().zip(&sites).map(of_site).collect(),
            no_site: metrics.site("", thread),
            files: files(&served.snapshot, &sites, former),
            services: service_runtimes(&served, &services, former),
            streams,
            named: OnceCell::new(),
            served,
        }
    }

    /// The stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<&Rc<StreamRuntime>> {
        self.streams.iter().find(|stream| stream.plan.name == name)
    }

    /// Takes new addresses of a name.
    pub(crate) fn resolved(&self, name: &str, addresses: &[IpAddr]) {
        for service in self.named.get_or_init(|| self.by_name()).get(name).into_iter().flatten() {
            service.resolved(name, addresses);
        }
    }

    fn by_name(&self) -> HashMap<String, Vec<Rc<ServiceRuntime>>> {
        let mut named: HashMap<String, Vec<Rc<ServiceRuntime>>> = HashMap::new();
        for service in self.services.iter().chain(self.streams.iter().map(|stream| &stream.service)) {
            let names: BTreeSet<&String> = service.plan.instances.iter().filter_map(name_of).collect();
            for name in names {
                named.entry(name.clone()).or_default().push(Rc::clone(service));
            }
        }
        named
    }

    /// Closes what was idle for too long.
    pub(crate) fn sweep(&self) {
        for service in &self.services {
            service.sweep();
        }
    }
}

/// The name of an instance, where it has to be resolved.
fn name_of(target: &Target) -> Option<&String> {
    match &target.address {
        TargetAddress::Tcp { host, .. } if literal_addresses(host).is_none() => Some(host),
        _ => None,
    }
}

/// Where each of a list was in a former one, by name. As a rule it stands where it stood.
fn places<T>(list: &[T], former: Option<&[T]>, name: impl Fn(&T) -> &str) -> Vec<Option<usize>> {
    let former = former.unwrap_or_default();
    let mut others: Option<HashMap<&str, usize>> = None;
    let one = |(index, one): (usize, &T)| {
        if former.get(index).is_some_and(|known| name(known) == name(one)) {
            return Some(index);
        }
        let all = || former.iter().enumerate().map(|(place, known)| (name(known), place)).collect();
        others.get_or_insert_with(all).get(name(one)).copied()
    };
    list.iter().enumerate().map(one).collect()
}

fn service_runtimes(
    served: &Served,
    places: &[Option<usize>],
    former: Option<&Active>,
) -> Vec<Rc<ServiceRuntime>> {
    let services = served.snapshot.plan.services.iter().zip(served.instance_tls.iter());
    let one = |((service, tls), was): ((&Arc<Service>, &Option<_>), &Option<usize>)| {
        let known = former.zip(*was).map(|(former, was)| &former.services[was]);
        if let Some(same) = known.filter(|known| tls.is_none() && known.is_of(service)) {
            return Rc::clone(same);
        }
        let new = ServiceRuntime::new(Arc::clone(service), tls.clone(), known.map(Rc::as_ref));
        new.resolve(&served.resolved);
        Rc::new(new)
    };
    services.zip(places).map(one).collect()
}

/// The files routes of each site. What was served from the same folder in the same way keeps its cache.
fn files(snapshot: &Snapshot, places: &[Option<usize>], former: Option<&Active>) -> Vec<FileRoutes> {
    let nothing: FileRoutes = Rc::new([]);
    let one = |(site, was): (&Arc<SiteRuntime>, &Option<usize>)| {
        let known = former.zip(*was);
        let old = known.map(|(former, was)| (&former.served.snapshot.sites[was], &former.files[was]));
        if let Some((_, same)) = old.filter(|(old, _)| Arc::ptr_eq(old, site)) {
            return Rc::clone(same);
        }
        let handlers = site.routes.iter().filter_map(|route| match &route.route.handler {
            Handler::Files(files) => Some(files),
            _ => None,
        });
        let kept = |handler| old?.1.iter().find(|known| known.handler() == handler).cloned();
        let new = |handler: &FilesHandler| Rc::new(FileRoute::new(handler.clone()));
        let mut routes = handlers.map(|handler| kept(handler).unwrap_or_else(|| new(handler))).peekable();
        if routes.peek().is_none() { Rc::clone(&nothing) } else { routes.collect() }
    };
    snapshot.sites.iter().zip(places).map(one).collect()
}
