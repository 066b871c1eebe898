//! The plan: what the file says, checked, with every name resolved and every default filled in.
//!
//! A plan is a value without spans that need a file to be read: the gate and the commands work from it alone. Only
//! the lowering of the configuration makes one, so everything in it can be trusted: references point into the lists
//! beside them, patterns do not conflict, names are canonical. A plan that is read (it is sent from one process to
//! another) is not judged again: it can only come from lowering, or from a keeper that lowered it.

mod delta;
mod handler;
mod here;
mod limits;
mod places;
mod policy;
mod service;
mod settings;
mod site;
mod stream;
mod template;
mod written;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use delta::{Delta, Edition, Mismatch};
pub use handler::{
    Compression, FilesHandler, Handler, Otherwise, RedirectHandler, RespondHandler, ServiceHandler,
};
pub use limits::Limits;
pub use policy::{
    Essential, Firewall, Forward, Group, Host, InterfaceName, Name, Nat, Network, Peer, Policy, Rule, RuleId,
    RuleLimit, TRIAL_SECONDS, Traffic, Transport,
};
pub use service::{
    Balance, FastCgi, InstanceHost, InstanceTls, ProxyProtocol, Service, ServiceIndex, Target, TargetAddress,
};
pub use settings::{AccessLog, Admin, CertificateFiles, Listen, Log, LogFormat, State, Tls, TlsVersion};
pub use site::{
    ErrorPage, HeaderCondition, HeaderEdit, Hsts, Place, PlacedSite, Route, Scheme, Site, SiteAddress,
    StatusClass,
};
pub use stream::{Stream, StreamListen, StreamTls};
pub use template::{Piece, Template, Variable};

/// A whole configuration, compiled and checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Where the gate listens.
    pub listen: Listen,
    /// TLS towards clients.
    pub tls: Tls,
    /// Bounds on what clients and instances may do.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
    /// The operator's socket.
    pub admin: Admin,
    /// Where state is kept.
    pub state: State,
    /// The sites, in the order of the file.
    pub sites: Vec<PlacedSite>,
    /// The services, named ones first, then one for every address that a route names directly.
    pub services: Vec<Arc<Service>>,
    /// The streams, in the order of the file.
    pub streams: Vec<Stream>,
    /// Who may reach what.
    pub policy: Policy,
}
