//! A snapshot as one thread sees it: the shared tables, and the services, files and counters of this thread.

use crate::files::FileRoute;
use crate::identity::Identities;
use crate::metrics::{ServiceCounters, SiteCounters};
use crate::service::ServiceRuntime;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::stream::StreamRuntime;
use model::plan::Handler;
use std::collections::HashMap;
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
    pub(crate) files: Vec<Rc<FileRoute>>,
    pub(crate) streams: Vec<Rc<StreamRuntime>>,
}

impl Active {
    /// The view of thread number `thread`. What `former` has too is kept: connections, caches, counters.
    pub(crate) fn new(served: Served, shared: &Shared, thread: usize, former: Option<&Self>) -> Self {
        let plan = &served.snapshot.plan;
        let metrics = &shared.metrics;
        let services = plan.services.iter().zip(served.instance_tls.iter()).map(|(service, tls)| {
            let known = former.and_then(|former| former.service(&service.name));
            Rc::new(ServiceRuntime::new(service.clone(), tls.clone(), known))
        });
        let services: Vec<_> = services.collect();
        let streams: Vec<_> = plan
            .streams
            .iter()
            .zip(served.stream_tls.iter())
            .map(|(stream, tls)| {
                let known = former.and_then(|former| former.stream(&stream.name));
                Rc::new(StreamRuntime::new(
                    stream.clone(),
                    tls.clone(),
                    shared,
                    thread,
                    known.map(Rc::as_ref),
                ))
            })
            .collect();
        for service in services.iter().chain(streams.iter().map(|stream| &stream.service)) {
            for (name, addresses) in served.resolved.iter() {
                service.resolved(name, addresses);
            }
        }
        Self {
            service_counters: plan
                .services
                .iter()
                .map(|service| metrics.service(&service.name, thread))
                .collect(),
            site_counters: plan.sites.iter().map(|site| metrics.site(&site.label, thread)).collect(),
            no_site: metrics.site("", thread),
            files: file_routes(&served.snapshot, former),
            services,
            streams,
            served,
        }
    }

    fn service(&self, name: &str) -> Option<&ServiceRuntime> {
        self.services.iter().find(|service| service.plan.name == name).map(Rc::as_ref)
    }

    /// The stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<&Rc<StreamRuntime>> {
        self.streams.iter().find(|stream| stream.plan.name == name)
    }

    /// Takes new addresses of a name.
    pub(crate) fn resolved(&self, name: &str, addresses: &[IpAddr]) {
        for service in self.services.iter().chain(self.streams.iter().map(|stream| &stream.service)) {
            service.resolved(name, addresses);
        }
    }

    /// Closes what was idle for too long.
    pub(crate) fn sweep(&self) {
        for service in &self.services {
            service.sweep();
        }
    }
}

fn file_routes(snapshot: &Snapshot, former: Option<&Active>) -> Vec<Rc<FileRoute>> {
    let routes = snapshot.sites.iter().flat_map(|site| &site.routes);
    let handlers = routes.filter_map(|route| match &route.route.handler {
        Handler::Files(files) => Some(files),
        _ => None,
    });
    let kept = |handler| former?.files.iter().find(|known| known.handler() == handler).cloned();
    handlers
        .map(|handler| kept(handler).unwrap_or_else(|| Rc::new(FileRoute::new(handler.clone()))))
        .collect()
}
