//! Streams: TCP and UDP services whose bytes the gate does not read.
//!
//! Nothing here knows HTTP. A connection of TCP is a task that owns both of its ends; the sessions of UDP are entries of
//! a table that one task for each socket keeps.

mod arrival;
mod end;
mod hello;
mod relay;
mod serve;
pub(crate) mod udp;

pub(crate) use arrival::{Arrival, server};
pub(crate) use end::Ended;
pub(crate) use hello::{Heard, hear};
pub(crate) use serve::log_refused;

use crate::metrics::StreamCounters;
use crate::service::ServiceRuntime;
use crate::shared::{Connections, Shared};
use model::plan::Stream;
use std::rc::Rc;
use std::sync::Arc;

/// A stream as one thread sees it.
#[derive(Debug)]
pub(crate) struct StreamRuntime {
    pub(crate) plan: Stream,
    /// Its instances.
    pub(crate) service: Rc<ServiceRuntime>,
    pub(crate) counters: Arc<StreamCounters>,
    /// The connections of all threads.
    pub(crate) connections: Arc<Connections>,
    /// TLS towards clients, where the gate speaks it.
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl StreamRuntime {
    /// A stream of a new snapshot. What `former` has too is kept.
    pub(crate) fn new(
        plan: Stream,
        tls: Option<Arc<rustls::ServerConfig>>,
        shared: &Shared,
        thread: usize,
        former: Option<&Self>,
    ) -> Self {
        let known = former.map(|former| former.service.as_ref());
        Self {
            service: Rc::new(ServiceRuntime::new(Arc::new(plan.service.clone()), None, known)),
            counters: shared.metrics.stream(&plan.name, thread),
            connections: shared.connections_of(&plan),
            plan,
            tls,
        }
    }
}
