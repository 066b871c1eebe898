//! Rules that nobody wrote: the ports of sites, of streams and of sshd, and what `[nat]` leads elsewhere.

use super::finding::{Finding, FindingKind};
use super::resolve::{Resolver, texts};
use super::written::{union, view};
use crate::addresses::{AddressSet, Family};
use crate::canonical::{ForwardTarget, ForwardedPorts, Gateway};
use crate::rule::{Derived, Direction, Owner, RuleView};
use model::plan::{
    Forward, Listen, Nat, Peer, Place, Rule, RuleId, Scheme, Site, Stream, StreamListen, Traffic, Transport,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const TCP: u8 = 6;

/// The ports where the sites of this host are reached, with a rule for each.
pub(super) fn sites(resolver: &Resolver<'_>) -> Vec<RuleView> {
    let listen = &resolver.plan.listen;
    if listen.addresses.iter().all(IpAddr::is_loopback) {
        return Vec::new();
    }
    let mut ports: BTreeMap<u16, Vec<&Site>> = BTreeMap::new();
    for site in resolver.plan.sites.iter().filter(|site| resolver.serves(site.on.as_ref())) {
        for port in site_ports(site, listen) {
            ports.entry(port).or_default().push(site);
        }
    }
    ports.into_iter().map(|(port, sites)| site_rule(resolver, port, &sites)).collect()
}

/// The ports that a site needs: its own, and the one that redirects to it.
#[must_use]
pub fn site_ports(site: &Site, listen: &Listen) -> BTreeSet<u16> {
    let written = site.address.port;
    let redirects = site.address.scheme == Scheme::Https && written.is_none_or(|port| port == listen.https);
    let own = match site.address.scheme {
        Scheme::Https => Some(written.unwrap_or(listen.https)),
        Scheme::Http => written.or(listen.http),
    };
    own.into_iter().chain(listen.http.filter(|_| redirects)).collect()
}

fn site_rule(resolver: &Resolver<'_>, port: u16, sites: &[&Site]) -> RuleView {
    let names = sites.iter().map(|site| site.label.clone()).collect();
    let from = everybody_of(sites.iter().map(|site| site.from.as_slice()));
    RuleView {
        id: RuleId(format!("site-{port}")),
        owner: Owner::Derived(Derived::Site { sites: names, port }),
        peers_text: texts(&from),
        peers: union(resolver, &from),
        ..crate::canonical::sshd(port)
    }
}

/// Who is named by any of several lists, of which an empty one means everybody.
fn everybody_of<'a>(lists: impl Iterator<Item = &'a [Peer]>) -> Vec<Peer> {
    let mut from: Vec<Peer> = Vec::new();
    for wanted in lists {
        if wanted.is_empty() || wanted.contains(&Peer::Anywhere) {
            return vec![Peer::Anywhere];
        }
        from.extend(wanted.iter().filter(|peer| !from.contains(peer)).cloned().collect::<Vec<_>>());
    }
    from
}

/// A rule for the port of each stream of this host.
pub(super) fn streams(resolver: &Resolver<'_>) -> Vec<RuleView> {
    let everywhere = &resolver.plan.listen.addresses;
    let is_outside = |stream: &&Stream| match stream.listen.address {
        Some(address) => !address.is_loopback(),
        None => !everywhere.iter().all(IpAddr::is_loopback),
    };
    let streams = resolver.plan.streams.iter().filter(|stream| resolver.serves(stream.on.as_ref()));
    streams.filter(is_outside).map(|stream| stream_rule(resolver, stream)).collect()
}

fn stream_rule(resolver: &Resolver<'_>, stream: &Stream) -> RuleView {
    let StreamListen { transport, port, .. } = stream.listen;
    let from = everybody_of([stream.from.as_slice()].into_iter());
    RuleView {
        id: RuleId(format!("stream-{}", stream.name)),
        label: format!("{port}/{}", transport.name()),
        owner: Owner::Derived(Derived::Stream { stream: stream.name.clone(), transport, port }),
        traffic: vec![Traffic::Ports { transport, first: port, last: port }],
        peers_text: texts(&from),
        peers: union(resolver, &from),
        ..crate::canonical::sshd(port)
    }
}

/// Where sshd was seen, and what takes its ports away.
pub(super) struct Sshd<'a> {
    pub(super) ports: &'a BTreeSet<u16>,
    pub(super) nat: Option<&'a Gateway>,
}

/// Ports of sshd that no written rule names, each with a rule and a warning. A rule that has expired still names its
/// port: its end must not open the port to everybody. A port that is forwarded is another host's.
pub(super) fn sshd(
    sshd: &Sshd<'_>,
    written: &[(Owner, Direction, &Rule)],
    findings: &mut Vec<Finding>,
) -> Vec<RuleView> {
    let is_named = |port: u16| {
        written.iter().any(|(_, direction, rule)| *direction == Direction::Inbound && names(rule, port))
    };
    let own = |port: u16, family| sshd.nat.is_none_or(|nat| nat.forwarded(TCP, port, family).is_none());
    let mut rules = Vec::new();
    for &port in sshd.ports.iter().filter(|port| !is_named(**port)) {
        let mut rule = crate::canonical::sshd(port);
        for family in Family::BOTH.into_iter().filter(|family| !own(port, *family)) {
            rule.peers = rule.peers.subtract(&AddressSet::everything().only(family));
            rule.peers_text = rule.peers.to_string();
        }
        if !rule.peers.is_empty() {
            findings.push(Finding { kind: FindingKind::SshOpen { port }, place: Place::default() });
            rules.push(rule);
        }
    }
    rules
}

/// Whether ssh is closed to everybody by the end of rules: one that names a port of it is over, and none admits anybody.
pub(super) fn way_in_expired(
    sshd: &Sshd<'_>,
    written: &[(Owner, Direction, &Rule)],
    rules: &[RuleView],
) -> Option<Finding> {
    let is_way_in = |rule: &RuleView| {
        let is_about = |port: &u16| Family::BOTH.iter().any(|&family| rule.is_about(family, TCP, *port));
        rule.direction == Direction::Inbound && !rule.peers.is_empty() && sshd.ports.iter().any(is_about)
    };
    let is_over = |rule: &Rule| !rules.iter().any(|view| view.id == rule.id);
    let over = written.iter().find(|(_, direction, rule)| {
        *direction == Direction::Inbound && sshd.ports.iter().any(|&port| names(rule, port)) && is_over(rule)
    });
    let (_, _, rule) = over.filter(|_| !rules.iter().any(is_way_in))?;
    Some(Finding { kind: FindingKind::WayInExpired, place: rule.place.clone() })
}

fn names(rule: &Rule, port: u16) -> bool {
    rule.traffic.iter().any(|traffic| {
        matches!(traffic, Traffic::Ports { transport: Transport::Tcp, first, last }
            if (*first..=*last).contains(&port))
    })
}

/// This host as a gateway, and the rules that let clients reach what it forwards.
pub(super) fn gateway(
    resolver: &Resolver<'_>,
    nat: &Nat,
    findings: &mut Vec<Finding>,
) -> (Gateway, Vec<RuleView>) {
    let masquerade = AddressSet::from_prefixes(&nat.masquerade);
    let mut gateway = Gateway {
        inside: nat.inside.iter().cloned().collect(),
        masquerade_v4: masquerade.v4.into(),
        masquerade_v6: masquerade.v6.into(),
        forwards: BTreeMap::new(),
    };
    let mut rules = Vec::new();
    for forward in &nat.forwards {
        let place = || forward.rule.place.clone();
        if !add_forward(&mut gateway, forward) {
            let kind = FindingKind::ForwardOverlaps { rule: forward.rule.id.clone() };
            findings.push(Finding { kind, place: place() });
            continue;
        }
        let to = match forward.port {
            Some(port) => std::net::SocketAddr::new(forward.to, port).to_string(),
            None => forward.to.to_string(),
        };
        let owner = Owner::Derived(Derived::Forward { to });
        if let Some(mut rule) = view(resolver, owner, Direction::Inbound, &forward.rule, findings) {
            // Clients of the other family have no way to the target, and the port is not this host's own.
            rule.peers = rule.peers.only(Family::of(forward.to));
            rules.push(rule);
        }
    }
    (gateway, rules)
}

/// Adds all ports of a forward, or none where one of them leads elsewhere already.
fn add_forward(gateway: &mut Gateway, forward: &Forward) -> bool {
    let v6 = forward.to.is_ipv6();
    let ports = |traffic: &Traffic| match *traffic {
        Traffic::Ports { transport, first, last } => {
            Some(ForwardedPorts { protocol: transport.number(), first, last, v6 })
        }
        _ => None,
    };
    let wanted: Vec<ForwardedPorts> = forward.rule.traffic.iter().filter_map(ports).collect();
    let overlaps = |a: &ForwardedPorts, b: &ForwardedPorts| {
        (a.protocol, a.v6) == (b.protocol, b.v6) && a.first <= b.last && b.first <= a.last
    };
    if wanted.iter().any(|ports| gateway.forwards.keys().any(|taken| overlaps(ports, taken))) {
        return false;
    }
    let target = ForwardTarget { address: forward.to, port: forward.port };
    gateway.forwards.extend(wanted.into_iter().map(|ports| (ports, target)));
    true
}
