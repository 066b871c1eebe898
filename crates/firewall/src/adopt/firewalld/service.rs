//! What a zone or a rule is about: ports, protocols, and services that stand for them.

use super::xml::Element;
use super::{Effect, Import};
use model::plan::{Traffic, Transport};

/// How often services include services; firewalld's do once.
const DEPTH: usize = 4;

/// `port="80"` or `port="8000-8100"` with `protocol="tcp"`.
pub(super) fn port(element: &Element) -> Option<Traffic> {
    let protocol = element.attribute("protocol")?;
    let transport = Transport::ALL.into_iter().find(|transport| transport.name() == protocol)?;
    // A service may name a protocol without a port.
    let ports = element.attribute("port").filter(|port| !port.is_empty()).unwrap_or("1-65535");
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first > 0 && first <= last).then_some(Traffic::Ports { transport, first, last })
}

/// `value="gre"` or `value="47"`.
pub(super) fn protocol(element: &Element) -> Option<Vec<Traffic>> {
    let value = element.attribute("value")?;
    let number = match value {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "ipv6-icmp" | "icmpv6" => 58,
        "igmp" => 2,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "vrrp" => 112,
        "ospf" => 89,
        "sctp" => 132,
        "dccp" => 33,
        other => other.parse().ok()?,
    };
    let transport = Transport::ALL.into_iter().find(|transport| transport.number() == number);
    Some(vec![match (number, transport) {
        (_, Some(transport)) => Traffic::Ports { transport, first: 1, last: u16::MAX },
        (1 | 58, _) => Traffic::Icmp { v6: number == 58, first: 0, last: u16::MAX },
        _ => Traffic::Protocol(number),
    }])
}

impl Import<'_> {
    /// The traffic of a service; empty where nothing of it can be said, which is listed.
    pub(super) fn service(&mut self, file: &str, element: &Element) -> Vec<Traffic> {
        let mut traffic = Vec::new();
        if let Some(name) = element.attribute("name") {
            self.add_service(file, element, name, 0, &mut traffic);
        }
        traffic.sort_unstable();
        traffic.dedup();
        traffic
    }

    fn add_service(
        &mut self,
        file: &str,
        element: &Element,
        name: &str,
        depth: usize,
        traffic: &mut Vec<Traffic>,
    ) {
        let text = self.files.services.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let Some(service) = text.and_then(|text| self.read(&format!("services/{name}.xml"), text)) else {
            return self.leave(file, element, format!("the service {name} is not known"), Effect::Narrower);
        };
        if service.child("destination").is_some() {
            let (why, effect) = match name {
                "dhcpv6-client" => ("admitted here as the essential dhcp-client".to_owned(), Effect::None),
                _ => (format!("the service {name} is for certain addresses of this host"), Effect::Narrower),
            };
            return self.leave(file, element, why, effect);
        }
        for part in &service.children {
            match part.name.as_str() {
                "port" => traffic.extend(port(part)),
                "protocol" => traffic.extend(protocol(part).unwrap_or_default()),
                "include" if depth < DEPTH => {
                    if let Some(name) = part.attribute("service") {
                        self.add_service(file, element, name, depth + 1, traffic);
                    }
                }
                "source-port" => {
                    self.leave(file, element, format!("{name}: rules have no source port"), Effect::Narrower);
                }
                "helper" | "module" => {
                    let why = format!("{name}: its helper of connection tracking is not used");
                    self.leave(file, element, why, Effect::Narrower);
                }
                _ => {}
            }
        }
    }
}
