//! A plan made ready for requests: tables, prepared bytes, indices. Immutable; a reload makes another one.

mod build;
mod hosts;
mod site;

pub use build::SnapshotError;
pub(crate) use hosts::{HostEntry, PortTable};
pub(crate) use site::{RouteRuntime, SiteRuntime};

use model::plan::Plan;
use std::collections::HashMap;

/// A plan made ready for requests.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) plan: Plan,
    pub(crate) sites: Vec<SiteRuntime>,
    /// Which hosts are served on which port of the plan.
    pub(crate) ports: HashMap<u16, PortTable>,
    pub(crate) head_limits: http1::HeadLimits,
}

/// A port on which the plan needs a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlannedPort {
    /// The port as the plan names it.
    pub port: u16,
    /// Whether TLS is spoken on it.
    pub secure: bool,
}

impl Snapshot {
    /// The ports on which the plan needs listeners, sorted.
    #[must_use]
    pub fn planned_ports(&self) -> Vec<PlannedPort> {
        let mut ports: Vec<_> = self
            .ports
            .iter()
            .map(|(port, table)| PlannedPort { port: *port, secure: table.secure })
            .collect();
        ports.sort_unstable();
        ports
    }

    /// The plan that this was made from.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}
