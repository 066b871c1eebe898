//! The gate: everything that touches bytes from the network. Listeners, TLS, HTTP, routes, instances, files, limits.
//!
//! It is handed its listeners and its plan as values and asks nobody for more, so that a privileged parent can
//! provide them. One thread per core, each with a runtime of its own; on the way of a request nothing is shared
//! between them.

mod coding;
mod compress;
mod connection;
mod fastcgi;
mod files;
mod forward;
mod gate;
mod given;
mod grpc;
mod http2;
mod identity;
mod listener;
mod log;
mod metrics;
mod names;
mod notice;
mod patience;
mod pulse;
mod request;
mod respond;
mod service;
mod shared;
mod snapshot;
mod stream;
mod transport;
mod worker;

pub use connection::PROBE_HOST;
pub use gate::{Content, Gate, StartError};
pub use given::{Given, GivenError};
pub use identity::Identities;
pub use listener::{Listener, THREADS_PER_SOCKET};
pub use log::AccessLog;
pub use names::{ResolverFiles, resolver_of};
pub use patience::Patience;
pub use pulse::Pulse;
pub use service::InstanceTlsError;
pub use snapshot::{PlannedPort, Snapshot, SnapshotError, Speaks, planned_ports};
