//! Which stream answers on a port, or for a name on it.

use super::{PlannedPort, PortTable, Speaks};
use model::host::{HostPattern, HostTable, canonical_sni};
use model::plan::{Plan, Scheme, Stream, StreamTls, Transport};
use std::collections::HashMap;
use std::net::IpAddr;

/// Where a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To the sites of the port.
    Sites,
    /// To a stream, by its place in the plan.
    Stream(usize),
}

/// Which streams are served where.
#[derive(Debug, Default)]
pub(crate) struct StreamTable(HashMap<Key, StreamPort>);

/// Transport, address and port as the plan has them.
type Key = (Transport, Option<IpAddr>, u16);

/// The streams of one port.
#[derive(Debug)]
pub(crate) enum StreamPort {
    /// One that takes whatever comes.
    Whole(usize),
    /// Those that are asked for by name.
    Named {
        /// Streams and, on a port of sites, those.
        names: HostTable<Destination>,
        /// Whether sites answer for every other name.
        sites: bool,
        /// The stream of clients that ask for no name: the only one here, where the gate speaks TLS with them.
        nameless: Option<usize>,
    },
}

impl StreamTable {
    pub(super) fn new(plan: &Plan, ports: &HashMap<u16, PortTable>) -> Self {
        let mut table = HashMap::new();
        for (index, stream) in plan.streams.iter().enumerate() {
            let listen = stream.listen;
            let key = (listen.transport, listen.address, listen.port);
            if stream.hosts.is_empty() {
                table.insert(key, StreamPort::Whole(index));
                continue;
            }
            let sites = is_of_sites(stream, ports);
            let alone = (!sites && stream.tls == StreamTls::Terminate).then_some(index);
            let named = |nameless| StreamPort::Named { names: HostTable::new(), sites, nameless };
            let port = table.entry(key).or_insert_with(|| named(alone));
            let StreamPort::Named { names, nameless, .. } = port else { continue };
            *nameless = nameless.filter(|first| *first == index);
            for host in &stream.hosts {
                names.insert(Some(host), Destination::Stream(index));
            }
            if sites {
                add_sites(names, plan, listen.port);
            }
        }
        Self(table)
    }

    /// The ports that have no listener of sites.
    pub(super) fn planned_ports(&self, ports: &HashMap<u16, PortTable>) -> impl Iterator<Item = PlannedPort> {
        let of_sites = |key: &Key| key.0 == Transport::Tcp && key.1.is_none() && ports.contains_key(&key.2);
        self.0.keys().filter(move |key| !of_sites(key)).map(|(transport, address, port)| PlannedPort {
            port: *port,
            speaks: if *transport == Transport::Udp { Speaks::Udp } else { Speaks::Tcp },
            address: *address,
        })
    }

    /// The streams of a port.
    pub(crate) fn of(&self, planned: PlannedPort) -> Option<&StreamPort> {
        let transport = if planned.speaks == Speaks::Udp { Transport::Udp } else { Transport::Tcp };
        self.0.get(&(transport, planned.address, planned.port))
    }
}

impl StreamPort {
    /// Where a name leads that came with TLS; nothing leads nowhere.
    pub(crate) fn find(&self, name: Option<&str>) -> Option<Destination> {
        match self {
            Self::Whole(stream) => Some(Destination::Stream(*stream)),
            Self::Named { names, sites, nameless } => {
                let mut scratch = String::new();
                let found = match name {
                    Some(name) => {
                        canonical_sni(name, &mut scratch).ok().and_then(|name| names.find(name)).copied()
                    }
                    None => nameless.map(Destination::Stream),
                };
                found.or(sites.then_some(Destination::Sites))
            }
        }
    }
}

fn is_of_sites(stream: &Stream, ports: &HashMap<u16, PortTable>) -> bool {
    stream.listen.address.is_none() && ports.contains_key(&stream.listen.port)
}

/// A name of a site comes before a wildcard of a stream.
fn add_sites(names: &mut HostTable<Destination>, plan: &Plan, port: u16) {
    for site in plan.sites.iter().filter(|site| site.address.scheme == Scheme::Https) {
        if site.address.port.unwrap_or(plan.listen.https) != port {
            continue;
        }
        let of_site: Vec<&HostPattern> = site.address.host.iter().chain(&site.aliases).collect();
        for host in of_site {
            if names.get_mut(Some(host)).is_none() {
                names.insert(Some(host), Destination::Sites);
            }
        }
    }
}
