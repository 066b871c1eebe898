//! A plan made ready for requests: tables, prepared bytes, indices. Immutable; a reload makes another one.

mod build;
mod hosts;
mod site;
mod streams;

pub use build::{SnapshotError, planned_ports};
pub(crate) use hosts::{HostEntry, PortTable};
pub(crate) use site::{RouteRuntime, SiteRuntime};
pub(crate) use streams::{Destination, StreamPort, StreamTable};

use model::plan::Plan;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A plan made ready for requests.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) plan: Plan,
    pub(crate) sites: Vec<Arc<SiteRuntime>>,
    /// Which hosts are served on which port of the plan.
    pub(crate) ports: Arc<HashMap<u16, PortTable>>,
    /// Which streams are served where.
    pub(crate) streams: StreamTable,
    pub(crate) head_limits: http1::HeadLimits,
}

/// A port on which the plan needs a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlannedPort {
    /// The port as the plan names it.
    pub port: u16,
    /// What is spoken on it.
    pub speaks: Speaks,
    /// The only address; `None` is each of [`model::plan::Listen::addresses`].
    pub address: Option<IpAddr>,
}

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speaks {
    /// Plain HTTP of sites.
    Http,
    /// HTTPS of sites, and whatever TLS streams bring to it by their names.
    Https,
    /// TCP of streams.
    Tcp,
    /// UDP of a stream.
    Udp,
}

impl PlannedPort {
    /// A port of sites.
    #[must_use]
    pub fn of_sites(port: u16, secure: bool) -> Self {
        Self { port, speaks: if secure { Speaks::Https } else { Speaks::Http }, address: None }
    }

    /// Whether TLS of sites is spoken.
    pub(crate) fn is_secure(self) -> bool {
        self.speaks == Speaks::Https
    }

    /// Whether it is one of sites.
    pub(crate) fn is_of_sites(self) -> bool {
        matches!(self.speaks, Speaks::Http | Speaks::Https)
    }
}

impl Snapshot {
    /// The plan that this was made from.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
