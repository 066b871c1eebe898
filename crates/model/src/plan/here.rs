//! The part of a plan that one host serves.

use super::handler::Handler;
use super::policy::Name;
use super::service::ServiceIndex;
use super::{PlacedSite, Plan, Site, Stream};
use std::sync::Arc;

impl Handler {
    /// The service that it leads to, where there is one.
    #[must_use]
    pub fn service(&self) -> Option<ServiceIndex> {
        match self {
            Self::Service(handler) => Some(handler.service),
            Self::Files(files) => files.otherwise.as_ref().map(|otherwise| otherwise.handler.service),
            Self::Redirect(_) | Self::Respond(_) => None,
        }
    }

    fn service_mut(&mut self) -> Option<&mut ServiceIndex> {
        match self {
            Self::Service(handler) => Some(&mut handler.service),
            Self::Files(files) => files.otherwise.as_mut().map(|otherwise| &mut otherwise.handler.service),
            Self::Redirect(_) | Self::Respond(_) => None,
        }
    }
}

impl Plan {
    /// Whether there is any site or stream.
    #[must_use]
    pub fn serves(&self) -> bool {
        !self.sites.is_empty() || !self.streams.is_empty()
    }

    /// What the gate of one host serves: its sites, the services that they lead to, and its streams.
    ///
    /// A site without `on` is of every host, since the file names at most one then. `None` is a host that the file does
    /// not name: sites with `on` are not its own. The policy stays whole, for a rule may name any host or group; so
    /// whoever compiles packets takes the plan as it was, and the host's name beside it.
    #[must_use]
    pub fn of_host(&self, host: Option<&Name>) -> Self {
        let is_here = |site: &&PlacedSite| site.on.is_none() || site.on.as_ref() == host;
        let mut sites: Vec<PlacedSite> = self.sites.iter().filter(is_here).cloned().collect();
        let mut used = vec![false; self.services.len()];
        for service in sites.iter().flat_map(|site| leads_to(site)) {
            used[service.0] = true;
        }
        let mut places = Vec::with_capacity(used.len());
        let mut services = Vec::new();
        for (service, used) in self.services.iter().zip(used) {
            places.push(ServiceIndex(services.len()));
            services.extend(used.then(|| Arc::clone(service)));
        }
        for placed in &mut sites {
            lead_to(placed, &places);
        }
        let is_ours = |stream: &&Stream| stream.on.is_none() || stream.on.as_ref() == host;
        let streams = self.streams.iter().filter(is_ours).cloned().collect();
        Self { sites, services, streams, ..self.clone() }
    }
}

/// Gives the services of a site the places that they have now. A site whose services stay where they are stays shared.
fn lead_to(placed: &mut PlacedSite, places: &[ServiceIndex]) {
    if leads_to(placed).all(|service| places[service.0] == service) {
        return;
    }
    for route in &mut placed.routes {
        if let Some(service) = route.handler.service_mut() {
            *service = places[service.0];
        }
    }
}

/// The services that the routes of a site lead to.
fn leads_to(site: &Site) -> impl Iterator<Item = ServiceIndex> {
    site.routes.iter().filter_map(|route| route.handler.service())
}
