//! Identities of rules that have none in the file: made from what a rule says, never from where it stands or what its
//! note is, so that its counter goes on when the file is tidied up.

use super::allow;
use crate::plan::{Policy, Rule, RuleId, Traffic};
use crate::registry::{ICMP, SERVICES};
use std::collections::{BTreeSet, HashMap};

/// The longest beginning for people; a hyphen and eight digits follow, which makes 32.
const LONGEST_PREFIX: usize = 23;

/// Gives every rule without an id its own.
pub(super) fn assign(policy: &mut Policy) {
    let mut taken = BTreeSet::new();
    let mut nameless: Vec<(String, &mut Rule)> = Vec::new();
    for (owner, rule) in all_rules(policy) {
        if rule.id.0.is_empty() {
            nameless.push((said(&owner, rule), rule));
        } else {
            taken.insert(rule.id.0.clone());
        }
    }
    // In an order that does not depend on the file; rules of one hash are told apart by their limit and end.
    nameless.sort_by(|(a, x), (b, y)| a.cmp(b).then((x.limit, x.expires).cmp(&(y.limit, y.expires))));
    let services = services();
    for (said, rule) in nameless {
        let prefix = prefix(&rule.traffic, &services);
        let mut attempt = 0_u32;
        rule.id = loop {
            let salt = if attempt == 0 { String::new() } else { format!("|{attempt}") };
            let id = format!("{prefix}-{:08x}", hash(&format!("{said}{salt}")) >> 32);
            if taken.insert(id.clone()) {
                break RuleId(id);
            }
            attempt += 1;
        };
    }
}

/// Every rule of a policy with what it belongs to.
fn all_rules(policy: &mut Policy) -> Vec<(String, &mut Rule)> {
    let mut all = Vec::new();
    if let Some(firewall) = &mut policy.firewall {
        all.extend(firewall.inbound.iter_mut().map(|rule| ("firewall inbound".to_owned(), rule)));
        let outbound = firewall.outbound.iter_mut().flatten();
        all.extend(outbound.map(|rule| ("firewall outbound".to_owned(), rule)));
        let containers = firewall.container_outbound.iter_mut().flatten();
        all.extend(containers.map(|rule| ("firewall container_outbound".to_owned(), rule)));
    }
    for group in &mut policy.groups {
        let name = &group.name;
        all.extend(group.inbound.iter_mut().map(|rule| (format!("group {name} inbound"), rule)));
        let outbound = group.outbound.iter_mut().flatten();
        all.extend(outbound.map(|rule| (format!("group {name} outbound"), rule)));
    }
    for forward in policy.nat.iter_mut().flat_map(|nat| &mut nat.forwards) {
        let port = forward.port.map(|port| format!(":{port}")).unwrap_or_default();
        all.push((format!("nat forward {}{port}", forward.to), &mut forward.rule));
    }
    all
}

/// All that a rule says about packets; rules of one list with the same are one.
pub(super) fn all_said(rule: &Rule) -> String {
    let limit = rule.limit.map(|limit| limit.to_string()).unwrap_or_default();
    format!("{}|{limit}|{:?}", said("", rule), rule.expires)
}

/// What a rule says, as a text that every version makes alike.
fn said(owner: &str, rule: &Rule) -> String {
    let texts = |parts: &mut Vec<String>| {
        parts.sort_unstable();
        parts.join(",")
    };
    let traffic = texts(&mut rule.traffic.iter().map(ToString::to_string).collect());
    let peers = texts(&mut rule.peers.iter().map(ToString::to_string).collect());
    let interface = rule.interface.as_ref().map_or("", |name| name.0.as_str());
    format!("{owner}|{traffic}|{peers}|{interface}")
}

/// FNV-1a of 64 bits (draft-eastlake-fnv).
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The beginning for people: the service that is meant, or the first item.
fn prefix(traffic: &[Traffic], services: &HashMap<Vec<Traffic>, &str>) -> String {
    if let Some(service) = services.get(traffic) {
        return (*service).to_owned();
    }
    let icmp = matches!(traffic, [Traffic::Icmp { .. }, ..]);
    let means = |text: &str| allow::parse(text).is_ok_and(|messages| allow::canonical(messages) == traffic);
    let messages = ICMP.iter().filter(|_| icmp).find(|icmp| means(&format!("icmp/{}", icmp.name)));
    let text = match (messages, traffic) {
        (Some(icmp), _) => icmp.name.to_owned(),
        (None, _) if means("icmp") => "icmp".to_owned(),
        (None, [first, ..]) => first.to_string(),
        (None, []) => "rule".to_owned(),
    };
    let plain = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    plain.take(LONGEST_PREFIX).collect()
}

/// The first name of every set of ports.
fn services() -> HashMap<Vec<Traffic>, &'static str> {
    let mut services = HashMap::new();
    for service in SERVICES {
        let ports = service.ports.iter();
        let ports = ports.map(|p| Traffic::Ports { transport: p.transport, first: p.first, last: p.last });
        services.entry(allow::canonical(ports.collect())).or_insert(service.name);
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_beginning_says_what_the_rule_is_about() {
        let cases = [
            ("ssh", "ssh"),
            ("22/tcp", "ssh"),
            ("53", "dns"),
            ("8443/tcp", "8443-tcp"),
            ("8000-8100/udp", "8000-8100-udp"),
            ("icmp", "icmp"),
            ("icmpv4", "icmpv4"),
            ("icmp/ping", "echo-request"),
            ("icmp/multicast-listener-report-v2", "multicast-listener-repo"),
            ("icmpv4/3/4", "fragmentation-needed"),
            ("icmpv4/3/9", "icmpv4-3-9"),
            ("all", "all"),
            ("gre", "gre"),
            ("proto/200", "proto-200"),
            ("samba", "samba"),
        ];
        for (text, expected) in cases {
            let said = allow::parse(text).map(|traffic| prefix(&allow::canonical(traffic), &services()));
            assert_eq!(said.as_deref(), Ok(expected), "{text}");
        }
    }
}
