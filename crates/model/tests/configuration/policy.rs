//! The policy of a plan as short text for comparison: what is as it is by default is left out.

use model::plan::{Firewall, Forward, Policy, Rule};
use std::fmt::Display;

/// The whole policy, one line for each thing in it.
pub(crate) fn show(policy: &Policy, lines: &mut Vec<String>) {
    for network in &policy.networks {
        lines.push(format!("network {}: {}", network.name, joined(&network.prefixes)));
    }
    for host in &policy.hosts {
        lines.push(format!("host {}: {}", host.name, joined(&host.addresses)));
        if !host.public.is_empty() {
            lines.push(format!("  public: {}", joined(&host.public)));
        }
        if !host.groups.is_empty() {
            lines.push(format!("  groups: {}", joined(&host.groups)));
        }
    }
    for group in &policy.groups {
        lines.push(format!("group {}", group.name));
        lines.extend(group.description.iter().map(|text| format!("  description: {text:?}")));
        rules(lines, "inbound", Some(&group.inbound));
        rules(lines, "outbound", group.outbound.as_ref());
    }
    if let Some(firewall) = &policy.firewall {
        self::firewall(firewall, lines);
    }
    if let Some(nat) = &policy.nat {
        lines.push(format!("nat: inside {}, masquerade {}", joined(&nat.inside), joined(&nat.masquerade)));
        lines.extend(nat.forwards.iter().map(forward));
    }
}

fn firewall(firewall: &Firewall, lines: &mut Vec<String>) {
    lines.push(format!("firewall: confirm {:?}, drain {:?}", firewall.confirm, firewall.drain));
    for (name, list) in [("deny", joined(&firewall.deny)), ("containers", joined(&firewall.containers))] {
        if !list.is_empty() {
            lines.push(format!("  {name}: {list}"));
        }
    }
    if !firewall.without.is_empty() {
        lines.push(format!("  without: {:?}", firewall.without));
    }
    rules(lines, "inbound", Some(&firewall.inbound));
    rules(lines, "outbound", firewall.outbound.as_ref());
    rules(lines, "container_outbound", firewall.container_outbound.as_ref());
}

fn rules(lines: &mut Vec<String>, name: &str, rules: Option<&Vec<Rule>>) {
    let Some(rules) = rules else { return };
    if rules.is_empty() && name == "inbound" {
        return;
    }
    lines.push(format!("  {name}:"));
    lines.extend(rules.iter().map(|rule| format!("    {}", self::rule(rule))));
}

fn forward(forward: &Forward) -> String {
    let port = forward.port.map(|port| format!(" port {port}")).unwrap_or_default();
    format!("  forward {} to {}{port}", rule(&forward.rule), forward.to)
}

fn rule(rule: &Rule) -> String {
    let mut text = format!("{} [{}] {:?}: {}", rule.id, rule.place.line, rule.label, joined(&rule.traffic));
    text += &format!(" peers {}", joined(&rule.peers));
    text += &rule.interface.iter().map(|name| format!(" on {name}")).collect::<String>();
    text += &rule.limit.iter().map(|limit| format!(" limit {limit}")).collect::<String>();
    text += &rule.expires.iter().map(|end| format!(" expires {end}")).collect::<String>();
    text += &rule.note.iter().map(|note| format!(" note {note:?}")).collect::<String>();
    text
}

fn joined<T: Display>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
