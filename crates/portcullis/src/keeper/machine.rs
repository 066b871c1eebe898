//! What the keeper needs of the machine besides packets: the clock, what is to be seen, live connections. The real one is
//! a thin layer over `host`; tests have one that records what it was asked.

use super::answer::ConnectionTable;
use super::request::Refused;
use crate::watcher::Resolved;
use firewall::connections::Connection;
use firewall::observed::{Interface, Observed};
use host::conntrack::Flow;
use model::plan::InterfaceName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The machine.
pub(crate) trait Machine: Send {
    /// Seconds since 1970-01-01 UTC.
    fn now(&self) -> u64;

    /// The machine at this moment. `containers` are patterns of interfaces, as `[firewall] containers` has them.
    fn observe(&mut self, containers: &[String]) -> Result<Observed, Refused>;

    /// Its interfaces alone, which can be told often.
    fn interfaces(&mut self, containers: &[String]) -> Result<Vec<Interface>, Refused>;

    /// The interface by which packets from an address of this machine to a peer leave; `None` where it is not known.
    fn route(&self, local: IpAddr, peer: IpAddr) -> Option<InterfaceName>;

    /// Its live connections, as sockets tell them.
    fn connections(&mut self, observed: &Observed) -> Result<Vec<Live>, Refused>;

    /// What connection tracking knows; refused where it cannot be read.
    fn flows(&mut self) -> Result<Vec<Flow>, Refused>;

    /// Ends connections of the last list that have a socket; answers with those that could not be ended, and why.
    fn cut(&mut self, connections: &[Live]) -> Result<Vec<(Live, String)>, Refused>;

    /// How full the kernel's table of connections is; `None` where it is not loaded.
    fn connection_table(&mut self) -> Option<ConnectionTable>;

    /// The addresses of DNS names, as far as there are answers within a few seconds.
    fn resolve(&mut self, names: &BTreeSet<String>) -> BTreeMap<String, Resolved>;

    /// What says that the packets here are a container's own, where they are.
    fn container(&mut self) -> Option<String>;
}

/// A live connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    /// The place of its socket in the list of sockets, where this machine has one for it alone.
    pub(crate) socket: Option<usize>,
    /// What is judged.
    pub(crate) connection: Connection,
    /// Its ends as they are behind any translation: of the side that the connection is told of, and the other one.
    pub(crate) ends: (SocketAddr, SocketAddr),
    /// The program that has it, where it could be found.
    pub(crate) program: Option<String>,
}
