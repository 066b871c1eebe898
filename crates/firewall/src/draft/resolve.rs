//! What the names of a policy mean on this machine, as addresses.

use super::containers;
use crate::addresses::{AddressSet, internet};
use crate::observed::{Interface, InterfaceKind, Observed};
use ipnet::IpNet;
use model::plan::{Host, InterfaceName, Name, Network, Peer, Plan, Service, TargetAddress};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Answers what names mean, and what runs on this host.
pub(super) struct Resolver<'a> {
    pub(super) plan: &'a Plan,
    pub(super) observed: &'a Observed,
    pub(super) host: Option<&'a Host>,
    hosts: HashMap<&'a Name, &'a Host>,
    networks: HashMap<&'a Name, &'a Network>,
    /// Every address of this host, as observed and as declared.
    local: BTreeSet<IpAddr>,
    known: RefCell<HashMap<Peer, AddressSet>>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(plan: &'a Plan, host: Option<&Name>, observed: &'a Observed) -> Self {
        let policy = &plan.policy;
        let hosts: HashMap<&Name, &Host> = policy.hosts.iter().map(|host| (&host.name, host)).collect();
        let host = host.and_then(|name| hosts.get(name).copied());
        let seen = observed.interfaces.iter().flat_map(|interface| &interface.addresses).map(IpNet::addr);
        let declared = host.into_iter().flat_map(|host| host.addresses.iter().chain(&host.public)).copied();
        Self {
            plan,
            observed,
            host,
            local: seen.chain(declared).collect(),
            networks: policy.networks.iter().map(|network| (&network.name, network)).collect(),
            hosts,
            known: RefCell::default(),
        }
    }

    /// The groups that the file gives to this host itself.
    pub(super) fn own_groups(&self) -> &'a [Name] {
        self.host.map_or(&[], |host| &host.groups)
    }

    /// The addresses of a peer; those of DNS names and of this host's own users are none.
    pub(super) fn peer(&self, peer: &Peer) -> AddressSet {
        if let Some(known) = self.known.borrow().get(peer) {
            return known.clone();
        }
        let addresses = self.resolve(peer);
        self.known.borrow_mut().insert(peer.clone(), addresses.clone());
        addresses
    }

    fn resolve(&self, peer: &Peer) -> AddressSet {
        match peer {
            Peer::Anywhere => AddressSet::everything(),
            Peer::Internet => internet(self.own_prefixes()),
            Peer::MyIp => AddressSet::from_addresses(self.observed.my_ip.iter().copied()),
            Peer::ThisHost | Peer::Domain(_) => AddressSet::empty(),
            Peer::Containers => self.container_prefixes(),
            Peer::Prefix(prefix) => AddressSet::from_prefixes([prefix]),
            Peer::Network(name) => {
                AddressSet::from_prefixes(self.networks.get(name).into_iter().flat_map(|n| &n.prefixes))
            }
            Peer::Group(name) => self.group(name),
            Peer::Host(name) => {
                let addresses = self.hosts.get(name).into_iter().flat_map(|host| &host.addresses);
                AddressSet::from_addresses(addresses.copied())
            }
            Peer::Service(name) => {
                let named = self.plan.services.iter().filter(|service| service.name == name.0);
                AddressSet::from_addresses(named.flat_map(|service| self.service(service)))
            }
            Peer::File(path) => {
                let list = self.observed.lists.get(path).and_then(|list| list.as_ref().ok());
                AddressSet::from_prefixes(list.into_iter().flatten())
            }
        }
    }

    /// Addresses of every host that carries a group, and of the hosts of services that do.
    fn group(&self, name: &Name) -> AddressSet {
        let hosts = self.plan.policy.hosts.iter().filter(|host| host.groups.contains(name));
        let services = self.plan.services.iter().filter(|service| service.groups.contains(name));
        AddressSet::from_addresses(
            hosts
                .flat_map(|host| host.addresses.iter().copied())
                .chain(services.flat_map(|service| self.service(service))),
        )
    }

    /// The addresses that peers see of a service: those of its host, or of its instances where that is not known.
    fn service(&self, service: &Service) -> Vec<IpAddr> {
        if let Some(host) = service.on.as_ref().and_then(|name| self.hosts.get(name)) {
            return host.addresses.clone();
        }
        let here = self.runs_here(service);
        service.instances.iter().flat_map(|instance| self.instance(&instance.address, here)).collect()
    }

    fn instance(&self, address: &TargetAddress, here: bool) -> Vec<IpAddr> {
        let addresses = self.target(address);
        if let Some(host) = self.host_of(address, &addresses) {
            return host.addresses.clone();
        }
        if is_loopback(address, &addresses) {
            return if here { self.seen_by_peers() } else { Vec::new() };
        }
        addresses
    }

    /// The declared host that an instance names or whose address it has.
    fn host_of(&self, address: &TargetAddress, addresses: &[IpAddr]) -> Option<&'a Host> {
        let hosts = &self.plan.policy.hosts;
        let is_it = |host: &&Host| {
            let named = matches!(address, TargetAddress::Tcp { host: name, .. }
                if name.eq_ignore_ascii_case(&host.name.0));
            named || addresses.iter().any(|a| host.addresses.contains(a) || host.public.contains(a))
        };
        hosts.iter().find(is_it)
    }

    /// The addresses of a target: as written, or as its name resolved when it was observed.
    fn target(&self, address: &TargetAddress) -> Vec<IpAddr> {
        let TargetAddress::Tcp { host, .. } = address else { return Vec::new() };
        match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.observed.domains.get(host).cloned().unwrap_or_default(),
        }
    }

    /// This host's addresses besides loopback.
    fn seen_by_peers(&self) -> Vec<IpAddr> {
        match self.host {
            Some(host) => host.addresses.clone(),
            None => self.local.iter().copied().filter(|address| !address.is_loopback()).collect(),
        }
    }

    /// Whether what is `on` a host, a site or a stream, is served by this one.
    pub(super) fn serves(&self, on: Option<&Name>) -> bool {
        on.is_none_or(|on| self.host.is_some_and(|host| host.name == *on))
    }

    /// Whether a service runs on this host.
    pub(super) fn runs_here(&self, service: &Service) -> bool {
        match &service.on {
            Some(on) => self.host.is_some_and(|host| host.name == *on),
            None => service.instances.iter().any(|instance| self.is_here(service, &instance.address)),
        }
    }

    /// Whether an instance of a service is a socket of this host: it has an address of this host, or a loopback
    /// address where this host is the one that the service runs on or a site of this host uses it.
    pub(super) fn is_here(&self, service: &Service, address: &TargetAddress) -> bool {
        self.is_own(address, || match &service.on {
            Some(on) => self.host.is_some_and(|host| host.name == *on),
            None => self.is_led_to(service),
        })
    }

    /// Whether a target is a socket of this host. Every host has a loopback: `on_loopback` says whether this one's is meant.
    pub(super) fn is_own(&self, address: &TargetAddress, on_loopback: impl FnOnce() -> bool) -> bool {
        let addresses = self.target(address);
        if is_loopback(address, &addresses) {
            return on_loopback();
        }
        let declared = self.host_of(address, &addresses).map(|host| &host.name);
        let here = self.host.map(|host| &host.name);
        (declared.is_some() && declared == here) || addresses.iter().any(|a| self.local.contains(a))
    }

    /// Whether the gate of this host leads to a service; one host alone has every service of the file.
    pub(super) fn is_led_to(&self, service: &Service) -> bool {
        self.plan.policy.hosts.is_empty() || self.is_used_here(service)
    }

    fn is_used_here(&self, service: &Service) -> bool {
        let routes =
            self.plan.sites.iter().filter(|site| self.serves(site.on.as_ref())).flat_map(|site| &site.routes);
        routes.into_iter().any(|route| {
            let leads_to = route.handler.service().and_then(|used| self.plan.services.get(used.0));
            leads_to.is_some_and(|used| used.name == service.name)
        })
    }

    fn own_prefixes(&self) -> impl Iterator<Item = &'a IpNet> {
        let others = self.observed.interfaces.iter().filter(|i| i.kind != InterfaceKind::Loopback);
        others.flat_map(|interface| &interface.addresses)
    }

    /// The prefixes of containers' interfaces. Link-local addresses are left out, since every interface has the same
    /// ones, and so is what another interface has as narrow a prefix for: the routing table gives that to the other.
    fn container_prefixes(&self) -> AddressSet {
        let names = containers(self.plan.policy.firewall.as_ref(), self.observed);
        let (behind, others): (Vec<&Interface>, Vec<&Interface>) =
            self.observed.interfaces.iter().partition(|interface| names.contains(&interface.name));
        behind.into_iter().fold(AddressSet::empty(), |all, one| all.union(&routed_to(one, &others)))
    }
}

/// What is behind each interface of containers, as the routing table has it.
#[must_use]
pub fn bridges(
    containers: &BTreeSet<InterfaceName>,
    interfaces: &[Interface],
) -> BTreeMap<InterfaceName, AddressSet> {
    let behind = |one: &Interface| {
        let others: Vec<&Interface> = interfaces.iter().filter(|other| other.name != one.name).collect();
        (one.name.clone(), routed_to(one, &others))
    };
    interfaces.iter().filter(|one| containers.contains(&one.name)).map(behind).collect()
}

/// The prefixes of an interface without what others have as narrow a prefix for.
fn routed_to(interface: &Interface, others: &[&Interface]) -> AddressSet {
    let prefixes = |one: &'_ Interface| -> Vec<IpNet> {
        one.addresses.iter().filter(|prefix| !is_link_local(prefix)).copied().collect()
    };
    let others: Vec<IpNet> = others.iter().copied().flat_map(prefixes).collect();
    prefixes(interface).iter().fold(AddressSet::empty(), |all, prefix| {
        let narrower = others.iter().filter(|other| prefix.contains(&other.trunc()));
        let own = AddressSet::from_prefixes([prefix]).subtract(&AddressSet::from_prefixes(narrower));
        all.union(&own)
    })
}

/// 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291).
const fn is_link_local(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(prefix) => prefix.addr().is_link_local(),
        IpNet::V6(prefix) => prefix.addr().is_unicast_link_local(),
    }
}

/// Whether a target is on the loopback interface or a Unix socket of whichever host it is on.
fn is_loopback(address: &TargetAddress, addresses: &[IpAddr]) -> bool {
    match address {
        TargetAddress::Unix(_) => true,
        TargetAddress::Tcp { host, .. } if host == "localhost" || host.ends_with(".localhost") => true,
        TargetAddress::Tcp { .. } => !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback),
    }
}

/// Peers as they are written in the file, one after the other.
pub(super) fn texts(peers: &[Peer]) -> String {
    peers.iter().map(Peer::to_string).collect::<Vec<_>>().join(", ")
}
