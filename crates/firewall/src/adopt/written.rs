//! Imported rules as the text of a configuration.

use super::{Effect, Imported, ImportedRule, NotImported};
use crate::addresses::{AddressSet, Family};
use model::plan::{Traffic, Transport};
use std::fmt::Write as _;

/// `[firewall]` with everything that was taken over; what was not stands as a comment above it.
#[must_use]
pub fn to_toml(imported: &Imported) -> String {
    let mut text = String::new();
    for note in &imported.notes {
        comment(&mut text, note);
    }
    for left in &imported.not_imported {
        comment(&mut text, &not_imported(left));
    }
    text.push_str("[firewall]\n");
    if !imported.deny.is_empty() {
        list(&mut text, "deny", &prefixes(&imported.deny));
    }
    rules(&mut text, "inbound", "from", &imported.rules);
    if let Some(outbound) = &imported.outbound {
        rules(&mut text, "outbound", "to", outbound);
    }
    text
}

fn not_imported(left: &NotImported) -> String {
    let effect = match left.effect {
        Effect::None => "",
        Effect::Narrower => "; less is admitted than before",
        Effect::Wider => "; MORE is admitted than before",
        Effect::Unknown => "; read it yourself",
    };
    let line = if left.line == 0 { String::new() } else { format!(":{}", left.line) };
    format!("not taken over, {}{line}: {} ({}{effect})", left.file, left.text, left.why)
}

/// A comment of one line; what would end it is left out.
fn comment(text: &mut String, line: &str) {
    let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
    text.push_str("# ");
    text.push_str(&line);
    text.push('\n');
}

fn rules(text: &mut String, key: &str, peers: &str, rules: &[ImportedRule]) {
    if rules.is_empty() {
        text.push_str(key);
        text.push_str(" = []\n");
        return;
    }
    text.push_str(key);
    text.push_str(" = [\n");
    for rule in rules {
        let said = rule.peers.to_string();
        if said.contains(" but ") {
            text.push_str(&format!("  # {peers} {said}\n"));
        }
        text.push_str("  { allow = ");
        text.push_str(&one_or_many(&labels(&rule.traffic)));
        if !rule.peers.is_everything() {
            text.push_str(&format!(", {peers} = {}", one_or_many(&prefixes(&rule.peers))));
        }
        if let Some(interface) = &rule.interface {
            text.push_str(&format!(", on = {}", quoted(&interface.0)));
        }
        if let Some(limit) = rule.limit {
            text.push_str(&format!(", limit = \"{}/{}s\"", limit.count, limit.period.as_secs()));
        }
        if let Some(note) = &rule.note {
            text.push_str(&format!(", note = {}", quoted(&note.replace(char::is_control, " "))));
        }
        text.push_str(" },\n");
    }
    text.push_str("]\n");
}

fn list(text: &mut String, key: &str, values: &[String]) {
    text.push_str(&format!("{key} = {}\n", one_or_many(values)));
}

fn one_or_many(values: &[String]) -> String {
    match values {
        [one] => quoted(one),
        many => format!("[{}]", many.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")),
    }
}

/// A basic string of TOML 1.0.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    // The file takes `${NAME}` from the environment; a note that says so means itself.
    for c in value.replace("${", "$${").chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            c if c.is_control() => {
                // Writing into a string does not fail.
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Prefixes as people write them: a family that is whole is one prefix, an address has no length.
fn prefixes(set: &AddressSet) -> Vec<String> {
    let prefixes = Family::BOTH.into_iter().flat_map(|family| set.only(family).prefixes());
    let short = |prefix: ipnet::IpNet| {
        if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        }
    };
    prefixes.map(short).collect()
}

/// Traffic as `allow` has it: ports that TCP and UDP share are written once, without the protocol.
fn labels(traffic: &[Traffic]) -> Vec<String> {
    let ports = |wanted: Transport| -> Vec<(u16, u16)> {
        let own = traffic.iter().filter_map(|traffic| match *traffic {
            Traffic::Ports { transport, first, last } if transport == wanted => Some((first, last)),
            _ => None,
        });
        own.collect()
    };
    let (tcp, udp) = (ports(Transport::Tcp), ports(Transport::Udp));
    let shared = !tcp.is_empty() && tcp == udp;
    let mut labels = Vec::new();
    for traffic in traffic {
        match *traffic {
            Traffic::Ports { transport: Transport::Tcp, first, last } if shared => {
                labels.push(if first == last { first.to_string() } else { format!("{first}-{last}") });
            }
            Traffic::Ports { transport: Transport::Udp, .. } if shared => {}
            other => labels.push(other.to_string()),
        }
    }
    labels
}
