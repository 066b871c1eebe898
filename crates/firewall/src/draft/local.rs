//! Ports of services and streams' instances on this host, which only the gate may connect to.

use super::derived::site_ports;
use super::resolve::Resolver;
use crate::addresses::Family;
use crate::canonical::{LocalPort, LocalUsers};
use crate::rule::{Direction, RuleView};
use model::plan::{Service, TargetAddress, Transport};
use std::collections::{BTreeMap, BTreeSet};

/// Closes the port of every instance on this host that its gate leads to, but for ports that a rule opens to `this-host`
/// and those where the gate itself listens. Where instances live and no gate leads to them, there is nobody whom a local
/// user could go around; who comes from other hosts is a matter of rules.
pub(super) fn closed(resolver: &Resolver<'_>, rules: &[RuleView]) -> BTreeMap<LocalPort, LocalUsers> {
    let own = gate_ports(resolver);
    let mut closed = BTreeMap::new();
    for (port, of) in of_services(resolver).chain(of_streams(resolver)) {
        if own.contains(&port) || is_open(rules, port) {
            continue;
        }
        closed.entry(port).or_insert_with(|| LocalUsers {
            users: BTreeSet::from([resolver.observed.gate_user]),
            service: of,
        });
    }
    closed
}

fn of_services(resolver: &Resolver<'_>) -> impl Iterator<Item = (LocalPort, String)> {
    let services = resolver.plan.services.iter().filter(|service| resolver.is_led_to(service));
    services.flat_map(|service| {
        let is_here = |address: &TargetAddress| resolver.is_here(service, address);
        let ports = ports(service, Transport::Tcp).filter(move |(address, _)| is_here(address));
        ports.map(|(_, port)| (port, format!("service {}", service.name)))
    })
}

/// A stream leads to its instances from the host that serves it, so loopback is that of this host.
fn of_streams(resolver: &Resolver<'_>) -> impl Iterator<Item = (LocalPort, String)> {
    let streams = resolver.plan.streams.iter().filter(|stream| resolver.serves(stream.on.as_ref()));
    streams.flat_map(|stream| {
        let ports = ports(&stream.service, stream.listen.transport);
        let own = ports.filter(|(address, _)| resolver.is_own(address, || true));
        own.map(|(_, port)| (port, format!("stream {}", stream.name)))
    })
}

fn ports(service: &Service, transport: Transport) -> impl Iterator<Item = (&TargetAddress, LocalPort)> {
    service.instances.iter().filter_map(move |instance| match instance.address {
        TargetAddress::Tcp { port, .. } => {
            Some((&instance.address, LocalPort { protocol: transport.number(), port }))
        }
        TargetAddress::Unix(_) => None,
    })
}

/// The ports where the gate of this host listens, on loopback or elsewhere.
fn gate_ports(resolver: &Resolver<'_>) -> BTreeSet<LocalPort> {
    let plan = resolver.plan;
    let sites = plan.sites.iter().filter(|site| resolver.serves(site.on.as_ref()));
    let sites = sites.flat_map(|site| site_ports(site, &plan.listen));
    let sites = sites.map(|port| LocalPort { protocol: Transport::Tcp.number(), port });
    let streams = plan.streams.iter().filter(|stream| resolver.serves(stream.on.as_ref()));
    let streams = streams
        .map(|stream| LocalPort { protocol: stream.listen.transport.number(), port: stream.listen.port });
    sites.chain(streams).collect()
}

/// Whether a rule opens the port to users of this host.
fn is_open(rules: &[RuleView], LocalPort { protocol, port }: LocalPort) -> bool {
    rules.iter().any(|rule| {
        rule.this_host && rule.direction == Direction::Inbound && rule.is_about(Family::V4, protocol, port)
    })
}
