//! The gate as its owner sees it: started with values, changed with values, drained at the end.

use crate::given::Given;
use crate::identity::{AloneResolver, Identities, NotingResolver};
use crate::listener::Listener;
use crate::log::AccessLog;
use crate::metrics;
use crate::names::{Names, ResolverFiles};
use crate::notice::Notices;
use crate::patience::Patience;
use crate::pulse::Pulse;
use crate::service::{InstanceTlsError, client_config, literal_addresses};
use crate::shared::{Connections, Shared};
use crate::snapshot::Snapshot;
use crate::worker::active::Served;
use crate::worker::{Order, Start, run};
use model::plan::{Plan, Stream, StreamTls, TargetAddress};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Descriptors that are left for files, logs and connections to instances when the limit of client connections is
/// derived from the limit of descriptors.
const RESERVED_DESCRIPTORS: u64 = 256;

/// What a gate serves: a snapshot and the TLS that belongs to it.
#[derive(Debug)]
pub struct Content {
    /// The plan, ready for requests.
    pub snapshot: Snapshot,
    /// TLS towards clients.
    pub tls: rustls::ServerConfig,
    /// Which names are one identity.
    pub identities: Arc<dyn Identities>,
    /// The files that the plan names.
    pub given: Given,
}

/// Why a gate cannot start, or cannot serve something else.
#[derive(Debug)]
pub enum StartError {
    /// TLS towards instances.
    InstanceTls(InstanceTlsError),
    /// A thread.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InstanceTls(error) => error.fmt(f),
            Self::Thread(_) => f.write_str("a thread of the gate cannot be started"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Its own text is all there is to say.
            Self::InstanceTls(_) => None,
            Self::Thread(error) => Some(error),
        }
    }
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    shared: Arc<Shared>,
    orders: Vec<UnboundedSender<Order>>,
    /// Each answers how many connections it cut.
    threads: Vec<JoinHandle<io::Result<usize>>>,
    names: Names,
    log: Option<AccessLog>,
    current: Mutex<Arc<Snapshot>>,
    pulse: Arc<Pulse>,
}

impl Gate {
    /// Starts so many threads that serve `content` on `listeners`. Answers also with what the operator should hear of as
    /// it happens: a line for each request that an instance failed, until the gate ends.
    ///
    /// # Errors
    ///
    /// TLS towards instances cannot be set up, or a thread cannot be started.
    pub fn start(
        content: Content,
        listeners: &[Listener],
        log: Option<AccessLog>,
        files: ResolverFiles,
        threads: usize,
    ) -> Result<(Self, Receiver<String>), StartError> {
        let (notices, told) = Notices::new();
        let shared = Arc::new(shared(&content.snapshot.plan, listeners, notices));
        #[expect(
            clippy::disallowed_methods,
            reason = "only the operator and the names speak here, and rarely"
        )]
        let channels: Vec<_> = (0..threads.max(1)).map(|_| unbounded_channel()).collect();
        let orders: Vec<UnboundedSender<Order>> = channels.iter().map(|(sender, _)| sender.clone()).collect();
        let names = Names::start(files, telling(orders.clone())).map_err(StartError::Thread)?;
        let served = served(content, &names)?;
        let current = Mutex::new(Arc::clone(&served.snapshot));
        let (pulse, hands) = Pulse::new(channels.len());
        let mut gate =
            Self { shared, orders, threads: Vec::new(), names, log, current, pulse: Arc::new(pulse) };
        for (number, ((_, receiver), beating)) in channels.into_iter().zip(hands).enumerate() {
            let start = Start {
                number,
                shared: Arc::clone(&gate.shared),
                served: served.clone(),
                listeners: listeners.to_vec(),
                log: gate.log.clone(),
                beating,
            };
            let thread = std::thread::Builder::new().name(format!("gate-{number}"));
            gate.threads.push(thread.spawn(move || run(start, receiver)).map_err(StartError::Thread)?);
        }
        Ok((gate, told))
    }

    /// Answers new requests from `content` and takes connections from `listeners`, of which those that were there
    /// before go on. Open connections stay, whatever changes.
    ///
    /// # Errors
    ///
    /// TLS towards instances cannot be set up; what was served stays.
    pub fn install(&self, content: Content, listeners: &[Listener]) -> Result<(), StartError> {
        let plan = &content.snapshot.plan;
        let (most, most_per_address) = connection_limits(plan);
        let ports = real_ports(listeners);
        let served = served(content, &self.names)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&served.snapshot);
        self.shared.connections.set_limits(most, most_per_address);
        *self.shared.real_ports.write().unwrap_or_else(PoisonError::into_inner) = ports;
        for orders in &self.orders {
            // A thread ends only with the gate.
            let _ = orders.send(Order::Install(served.clone(), listeners.to_vec()));
        }
        // A name that was resolved while this was prepared was told to what is gone now.
        let unknown =
            |(name, addresses): &(String, Vec<IpAddr>)| served.resolved.get(name) != Some(addresses);
        for (name, addresses) in self.names.known().into_iter().filter(unknown) {
            tell_all(&self.orders, &name, &addresses);
        }
        Ok(())
    }

    /// What is served; [`Snapshot::after`] shares with it what stays.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes no more connections, waits for the open ones, and ends. Answers how many were cut.
    pub fn drain(self, patience: Patience) -> usize {
        drop(self.pulse);
        for orders in &self.orders {
            let _ = orders.send(Order::Drain(patience));
        }
        let cut = self.threads.into_iter().filter_map(|thread| thread.join().ok()?.ok()).sum();
        if let Some(log) = &self.log {
            log.sync(Duration::from_secs(5));
        }
        cut
    }

    /// Resolves names like this from now on.
    pub fn resolve_with(&self, files: ResolverFiles) {
        self.names.use_files(files);
    }

    /// Whether its threads run; nothing once it is being drained.
    #[must_use]
    pub fn pulse(&self) -> Weak<Pulse> {
        Arc::downgrade(&self.pulse)
    }

    /// Open client connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.total()
    }

    /// Requests answered since the start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.metrics.requests()
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        metrics::encode(&self.shared, self.log.as_ref().map_or(0, AccessLog::lost))
    }
}

fn shared(plan: &Plan, listeners: &[Listener], notices: Notices) -> Shared {
    let (most, most_per_address) = connection_limits(plan);
    Shared::new(notices, Connections::new(most, most_per_address), real_ports(listeners))
}

fn real_ports(listeners: &[Listener]) -> HashMap<u16, u16> {
    let of_sites = listeners.iter().filter(|listener| listener.planned().is_of_sites());
    of_sites.map(|listener| (listener.planned().port, listener.local().port())).collect()
}

/// The limits of connections in total and per address.
fn connection_limits(plan: &Plan) -> (usize, usize) {
    let derived = || {
        let descriptors =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(65_536);
        // A request may need one more descriptor, for its instance or its file.
        usize::try_from(descriptors.saturating_sub(RESERVED_DESCRIPTORS) / 2).unwrap_or(usize::MAX).max(16)
    };
    (plan.limits.connections.unwrap_or_else(derived), plan.limits.connections_per_address)
}

fn served(content: Content, names: &Names) -> Result<Served, StartError> {
    let plan = &content.snapshot.plan;
    let instance_tls: Result<Vec<_>, _> =
        plan.services.iter().map(|service| client_config(service, &content.given)).collect();
    let instance_tls = instance_tls.map_err(StartError::InstanceTls)?;
    names.want(names_of(plan));
    let stream_tls = plan.streams.iter().map(|stream| stream_tls(&content, stream)).collect();
    let mut tls = content.tls;
    tls.cert_resolver = Arc::new(NotingResolver::new(tls.cert_resolver));
    Ok(Served {
        snapshot: Arc::new(content.snapshot),
        tls: Arc::new(tls),
        stream_tls,
        identities: content.identities,
        instance_tls: Arc::new(instance_tls),
        resolved: Arc::new(names.known()),
    })
}

/// TLS towards the clients of a stream, where the gate speaks it.
fn stream_tls(content: &Content, stream: &Stream) -> Option<Arc<rustls::ServerConfig>> {
    let host = stream.hosts.first().filter(|_| stream.tls == StreamTls::Terminate)?;
    let mut tls = content.tls.clone();
    tls.cert_resolver = Arc::new(AloneResolver {
        inner: tls.cert_resolver,
        identities: Arc::clone(&content.identities),
        host: host.to_string(),
    });
    // What is spoken inside of it is the matter of client and instance.
    tls.alpn_protocols = stream.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    Some(Arc::new(tls))
}

/// The names of instances that have to be resolved.
fn names_of(plan: &Plan) -> BTreeSet<String> {
    let of_streams = plan.streams.iter().map(|stream| &stream.service);
    let targets =
        plan.services.iter().map(AsRef::as_ref).chain(of_streams).flat_map(|service| &service.instances);
    let hosts = targets.filter_map(|target| match &target.address {
        TargetAddress::Tcp { host, .. } => Some(host),
        TargetAddress::Unix(_) => None,
    });
    hosts.filter(|host| literal_addresses(host).is_none()).cloned().collect()
}

/// Tells every thread of new addresses, from the thread of the names.
fn telling(orders: Vec<UnboundedSender<Order>>) -> crate::names::Listener {
    Box::new(move |name, addresses| tell_all(&orders, name, addresses))
}

fn tell_all(orders: &[UnboundedSender<Order>], name: &str, addresses: &[IpAddr]) {
    let (name, addresses) = (Arc::from(name), Arc::from(addresses));
    for orders in orders {
        // A thread ends only with the gate.
        let _ = orders.send(Order::Resolved(Arc::clone(&name), Arc::clone(&addresses)));
    }
}
