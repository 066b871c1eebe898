//! Services and their instances, as one thread sees them: which instance is next, which connections are open, which
//! instances are left alone for a while. Nothing here is shared between threads.

mod balance;
mod connect;
mod datagrams;
mod instance;
mod multiplexed;
mod opening;
mod tls;

pub(crate) use connect::{ConnectError, Ends};
pub(crate) use instance::{InFlight, Instance, Lease};
pub use tls::InstanceTlsError;
pub(crate) use tls::client_config;

use crate::fastcgi::Scripts;
use instance::Endpoint;
use model::plan::{Service, Target, TargetAddress};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

/// A service as one thread sees it.
#[derive(Debug)]
pub(crate) struct ServiceRuntime {
    pub(crate) plan: Arc<Service>,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// Its scripts, where it is spoken to with FastCGI.
    pub(crate) scripts: Option<Scripts>,
    /// The instances of each target; a name has as many as it has addresses.
    targets: RefCell<Vec<TargetRuntime>>,
    /// All instances, in the order of their targets.
    instances: RefCell<Vec<Rc<Instance>>>,
    next: Cell<usize>,
}

#[derive(Debug)]
struct TargetRuntime {
    target: Target,
    instances: Vec<Rc<Instance>>,
}

impl ServiceRuntime {
    /// A service of a new snapshot. Instances that `former` has too keep their connections and what is known of them.
    pub(crate) fn new(
        plan: Arc<Service>,
        tls: Option<Arc<rustls::ClientConfig>>,
        former: Option<&Self>,
    ) -> Self {
        let former = former.filter(|former| former.plan.tls == plan.tls);
        let targets = plan.instances.iter().map(|target| {
            let kept = former.and_then(|former| former.instances_of(target));
            TargetRuntime {
                target: target.clone(),
                instances: kept.unwrap_or_else(|| instances_of_literal(target)),
            }
        });
        let service = Self {
            targets: RefCell::new(targets.collect()),
            tls,
            scripts: plan.fastcgi.clone().map(Scripts::new),
            plan,
            instances: RefCell::new(Vec::new()),
            next: Cell::new(former.map_or(0, |former| former.next.get())),
        };
        service.flatten();
        service
    }

    fn instances_of(&self, target: &Target) -> Option<Vec<Rc<Instance>>> {
        let targets = self.targets.borrow();
        targets.iter().find(|known| known.target == *target).map(|known| known.instances.clone())
    }

    /// Takes new addresses of a name. Instances whose address is still among them stay as they are.
    pub(crate) fn resolved(&self, name: &str, addresses: &[IpAddr]) {
        let is_named =
            |target: &Target| matches!(&target.address, TargetAddress::Tcp { host, .. } if host == name);
        if !self.plan.instances.iter().any(is_named) {
            return;
        }
        for known in self.targets.borrow_mut().iter_mut() {
            let TargetAddress::Tcp { host, port } = &known.target.address else { continue };
            if host != name {
                continue;
            }
            let instances = addresses.iter().map(|address| {
                let endpoint = Endpoint::Tcp(vec![SocketAddr::new(*address, *port)]);
                let kept = known.instances.iter().find(|instance| instance.endpoint == endpoint);
                kept.cloned().unwrap_or_else(|| Rc::new(Instance::new(&known.target, endpoint)))
            });
            known.instances = instances.collect();
        }
        self.flatten();
    }

    /// Takes what is known of the addresses of names.
    pub(crate) fn resolve(&self, known: &HashMap<String, Vec<IpAddr>>) {
        for target in &self.plan.instances {
            let TargetAddress::Tcp { host, .. } = &target.address else { continue };
            if let Some(addresses) = known.get(host) {
                self.resolved(host, addresses);
            }
        }
    }

    /// Whether it is what a plan says, to the letter, and speaks no TLS.
    pub(crate) fn is_of(&self, plan: &Arc<Service>) -> bool {
        self.tls.is_none() && self.plan == *plan
    }

    fn flatten(&self) {
        let targets = self.targets.borrow();
        *self.instances.borrow_mut() = targets.iter().flat_map(|target| target.instances.clone()).collect();
    }

    /// Closes connections that were idle for too long.
    pub(crate) fn sweep(&self) {
        for instance in self.instances.borrow().iter() {
            instance.sweep(self.plan.keep_alive_timeout);
        }
    }

    /// Whether an instance is still one of its own.
    pub(crate) fn has(&self, instance: &Rc<Instance>) -> bool {
        self.instances.borrow().iter().any(|own| Rc::ptr_eq(own, instance))
    }

    /// The instances that are not spoken to with HTTP/2.
    pub(crate) fn without_http2(&self) -> Vec<Rc<Instance>> {
        self.instances.borrow().iter().filter(|instance| !instance.http2).cloned().collect()
    }

    /// Whether the service has a name that still has to be resolved.
    pub(crate) fn is_unresolved(&self) -> bool {
        self.instances.borrow().is_empty()
    }
}

/// The instances of a target that needs no resolving.
fn instances_of_literal(target: &Target) -> Vec<Rc<Instance>> {
    let endpoint = match &target.address {
        TargetAddress::Unix(path) => Endpoint::Unix(path.clone()),
        TargetAddress::Tcp { host, port } => match literal_addresses(host) {
            Some(addresses) => {
                Endpoint::Tcp(addresses.into_iter().map(|address| SocketAddr::new(address, *port)).collect())
            }
            None => return Vec::new(),
        },
    };
    vec![Rc::new(Instance::new(target, endpoint))]
}

/// The addresses of a host that needs no resolving: an address, or `localhost`, which means both loopbacks.
pub(crate) fn literal_addresses(host: &str) -> Option<Vec<IpAddr>> {
    if host == "localhost" || host.ends_with(".localhost") {
        return Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    host.parse().ok().map(|address| vec![address])
}
