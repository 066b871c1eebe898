//! One zone as a piece of the order: what it denies, what it admits, and its target.

use super::super::ordered::Ordered;
use super::service::{port, protocol};
use super::xml::Element;
use super::{Effect, Import, addresses};
use crate::addresses::{AddressSet, Family};
use model::plan::{InterfaceName, Traffic};

/// Whose packets a zone judges.
#[derive(Clone)]
struct Scope {
    file: String,
    peers: AddressSet,
    interface: Option<InterfaceName>,
}

/// What rich rules of one priority do, in the order of firewalld: denials first.
enum Rich {
    Deny,
    Accept,
}

impl Import<'_> {
    /// A zone's part for its sources.
    pub(super) fn by_source(&mut self, name: &str, zone: &Element) {
        let file = format!("zones/{name}.xml");
        let mut peers = AddressSet::empty();
        for source in zone.children("source") {
            match self.source(source) {
                Some(set) => peers = peers.union(&set),
                None => {
                    self.leave(&file, source, "a source that is no list of addresses", Effect::Unknown);
                }
            }
        }
        if !peers.is_empty() {
            self.zone(zone, &Scope { file, peers, interface: None });
        }
    }

    /// A zone's part for its interfaces.
    pub(super) fn by_interface(&mut self, name: &str, zone: &Element) {
        let file = format!("zones/{name}.xml");
        for element in zone.children("interface") {
            let name = element.attribute("name").unwrap_or_default();
            match super::super::interface(name) {
                Some(interface) => {
                    let scope = Scope {
                        file: file.clone(),
                        peers: AddressSet::everything(),
                        interface: Some(interface),
                    };
                    self.zone(zone, &scope);
                }
                None => self.leave(&file, element, "a pattern of interfaces", Effect::Unknown),
            }
        }
    }

    /// The zone of everything else.
    pub(super) fn default_zone(&mut self, name: &str, zone: &Element) {
        let file = format!("zones/{name}.xml");
        self.zone(zone, &Scope { file, peers: AddressSet::everything(), interface: None });
        if matches!(zone.attribute("target"), None | Some("default")) {
            self.answers_icmp();
        }
    }

    fn source(&self, source: &Element) -> Option<AddressSet> {
        let set = match (source.attribute("address"), source.attribute("ipset")) {
            (Some(address), None) => addresses(std::iter::once(address))?,
            (None, Some(name)) => {
                let (_, text) = self.files.ipsets.iter().find(|(known, _)| *known == name)?;
                let set = super::xml::read(text).ok()?;
                addresses(set.children("entry").map(|entry| entry.text.as_str()))?
            }
            _ => return None,
        };
        let inverted = matches!(source.attribute("invert"), Some("yes" | "true" | "True"));
        let family = if set.v4.is_empty() { Family::V6 } else { Family::V4 };
        Some(if inverted { AddressSet::everything().only(family).subtract(&set) } else { set })
    }

    fn push(
        &mut self,
        scope: &Scope,
        element: &Element,
        allow: bool,
        traffic: Vec<Traffic>,
        peers: &AddressSet,
    ) {
        let peers = scope.peers.intersect(peers);
        if traffic.is_empty() || peers.is_empty() {
            return;
        }
        let note =
            element.attribute("name").map(str::to_owned).filter(|_| allow && element.name == "service");
        self.places.push((scope.file.clone(), element.line, element.shown()));
        let interface = scope.interface.clone();
        self.order.push(Ordered { allow, limit: None, traffic, peers, interface, note });
    }

    fn zone(&mut self, zone: &Element, scope: &Scope) {
        let priority =
            |rule: &&Element| rule.attribute("priority").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut rich: Vec<&Element> = zone.children("rule").collect();
        rich.sort_by_key(priority);
        let (first, rest): (Vec<&Element>, Vec<&Element>) =
            rich.into_iter().partition(|rule| priority(rule) < 0);
        let (middle, last): (Vec<&Element>, Vec<&Element>) =
            rest.into_iter().partition(|rule| priority(rule) == 0);
        for rule in first {
            self.rich(rule, scope, None);
        }
        for rule in &middle {
            self.rich(rule, scope, Some(&Rich::Deny));
        }
        self.plain(zone, scope);
        for rule in &middle {
            self.rich(rule, scope, Some(&Rich::Accept));
        }
        for rule in last {
            self.rich(rule, scope, None);
        }
        // The target decides what is left.
        let accepts = zone.attribute("target") == Some("ACCEPT");
        let end = Element { children: Vec::new(), ..zone.clone() };
        self.push(scope, &end, accepts, vec![Traffic::All], &AddressSet::everything());
    }

    /// What a zone admits without conditions.
    fn plain(&mut self, zone: &Element, scope: &Scope) {
        let everyone = AddressSet::everything();
        for element in &zone.children {
            match element.name.as_str() {
                "service" => {
                    let traffic = self.service(&scope.file, element);
                    self.push(scope, element, true, traffic, &everyone);
                }
                "port" => match port(element) {
                    Some(traffic) => self.push(scope, element, true, vec![traffic], &everyone),
                    None => self.leave(&scope.file, element, "no port", Effect::Unknown),
                },
                "protocol" => match protocol(element) {
                    Some(traffic) => self.push(scope, element, true, traffic, &everyone),
                    None => self.leave(&scope.file, element, "an unknown protocol", Effect::Narrower),
                },
                "source-port" => {
                    self.leave(&scope.file, element, "rules have no source port", Effect::Narrower);
                }
                "masquerade" => {
                    self.leave(
                        &scope.file,
                        element,
                        "write the prefixes as masquerade of [nat]",
                        Effect::Narrower,
                    );
                }
                "forward-port" => {
                    self.leave(&scope.file, element, "write it as a forward of [nat]", Effect::Narrower);
                }
                "icmp-block" | "icmp-block-inversion" => {
                    self.leave(&scope.file, element, "ICMP is refused by `without` alone", Effect::Wider);
                }
                // Between interfaces of one zone; names and texts; what is read elsewhere.
                _ => {}
            }
        }
    }

    /// A rich rule, if it is of the kind that is asked for.
    fn rich(&mut self, rule: &Element, scope: &Scope, wanted: Option<&Rich>) {
        let denies = rule.child("reject").or_else(|| rule.child("drop"));
        let accepts = rule.child("accept");
        match (wanted, denies) {
            (Some(Rich::Deny), None) | (Some(Rich::Accept), Some(_)) => return,
            _ => {}
        }
        let Some(decision) = denies.or(accepts) else {
            // Only logging, marks and NAT have neither.
            let logs = rule.children.iter().all(|part| {
                matches!(
                    part.name.as_str(),
                    "log" | "nflog" | "audit" | "source" | "service" | "port" | "protocol"
                )
            });
            let effect = if logs { Effect::None } else { Effect::Unknown };
            return self.leave(&scope.file, rule, "a rich rule that neither accepts nor refuses", effect);
        };
        let allow = denies.is_none();
        let lost = if allow { Effect::Narrower } else { Effect::Wider };
        if decision.child("limit").is_some() {
            return self.leave(&scope.file, rule, "its limit is for all sources together", lost);
        }
        let said = rule.child("destination").is_none() && rule.child("source-port").is_none();
        let peers = match rule.child("source") {
            Some(source) => self.source(source),
            None => Some(AddressSet::everything()),
        };
        let (true, Some(peers)) = (said, peers) else {
            return self.leave(&scope.file, rule, "a condition that rules here do not have", lost);
        };
        let family = match rule.attribute("family") {
            Some("ipv4") => AddressSet::everything().only(Family::V4),
            Some("ipv6") => AddressSet::everything().only(Family::V6),
            _ => AddressSet::everything(),
        };
        let Some(traffic) = self.rich_traffic(rule, scope) else {
            return self.leave(&scope.file, rule, "what it is about cannot be said", lost);
        };
        self.push(scope, rule, allow, traffic, &peers.intersect(&family));
    }

    fn rich_traffic(&mut self, rule: &Element, scope: &Scope) -> Option<Vec<Traffic>> {
        let unknown = ["masquerade", "forward-port", "icmp-block", "icmp-type", "mark", "tcp-mss-clamp"];
        if unknown.iter().any(|name| rule.child(name).is_some()) {
            return None;
        }
        let traffic = if let Some(service) = rule.child("service") {
            self.service(&scope.file, service)
        } else if let Some(element) = rule.child("port") {
            vec![port(element)?]
        } else if let Some(element) = rule.child("protocol") {
            protocol(element)?
        } else {
            vec![Traffic::All]
        };
        (!traffic.is_empty()).then_some(traffic)
    }
}
