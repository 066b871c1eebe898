//! A table as text that people read and `nft -f` takes.
//!
//! The text is for reading and for a machine without this program; the kernel is given the table itself. The few rules
//! that nft has no words for are written as comments that say so.

mod rule;
#[cfg(test)]
mod tests;
mod value;

use crate::nft::{Base, Chain, ChainKind, Element, Expression, Field, Hook, Rule, Set, Table};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use value::{Kind, interval};

/// The table as text; `labels` says what a rule is, by its id, and stands as a comment where it counts.
#[must_use]
pub fn text(table: &Table, labels: &BTreeMap<String, String>) -> String {
    let mut out = format!("table inet {} {{\n", table.name);
    for counter in &table.counters {
        let label = label_of(labels, counter).map(|label| format!(" # {label}")).unwrap_or_default();
        line(&mut out, 1, &format!("counter {counter} {{ }}{label}"));
    }
    for (name, set) in &table.sets {
        write_set(&mut out, name, set, labels);
    }
    for (name, chain) in &table.chains {
        write_chain(&mut out, table, name, chain, labels);
    }
    out.push_str("}\n");
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{text}", "", indent = depth * 4);
}

fn write_set(out: &mut String, name: &str, set: &Set, labels: &BTreeMap<String, String>) {
    let fields: Vec<&str> = set.key.iter().map(|&field| field_type(field)).collect();
    let (word, data) = match (set.verdicts, set.counters) {
        (true, _) => ("map", " : verdict"),
        (_, true) => ("map", " : counter"),
        _ => ("set", ""),
    };
    line(out, 1, &format!("{word} {name} {{"));
    line(out, 2, &format!("type {}{data}", fields.join(" . ")));
    let flags = [(set.dynamic, "dynamic"), (set.timeout, "timeout"), (set.interval, "interval")];
    let flags: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
    if !flags.is_empty() {
        line(out, 2, &format!("flags {}", flags.join(",")));
    }
    if let Some(size) = set.size {
        line(out, 2, &format!("size {size}"));
    }
    if !set.elements.is_empty() {
        line(out, 2, "elements = {");
        for element in &set.elements {
            let label = element.counter.as_deref().and_then(|counter| label_of(labels, counter));
            let label = label.map(|label| format!(" # {label}")).unwrap_or_default();
            line(out, 3, &format!("{},{label}", element_text(set, element)));
        }
        line(out, 2, "}");
    }
    line(out, 1, "}");
}

const fn field_type(field: Field) -> &'static str {
    match field {
        Field::NfProto => "nf_proto",
        Field::Ip4 => "ipv4_addr",
        Field::Ip6 => "ipv6_addr",
        Field::Protocol => "inet_proto",
        Field::Port => "inet_service",
        Field::Interface => "ifname",
        Field::User => "uid",
        Field::Mark => "mark",
        Field::Other { .. } => "integer",
    }
}

fn element_text(set: &Set, element: &Element) -> String {
    let mut at = 0;
    let mut parts = Vec::new();
    for &field in &set.key {
        let end = at + field.length();
        let of = |key: &[u8]| key.get(at..end).unwrap_or_default().to_vec();
        parts.push(interval(Kind::from(field), &of(&element.first), &of(&element.last)));
        at += field.length().next_multiple_of(4);
    }
    let mut text = parts.join(" . ");
    if let Some(timeout) = element.timeout {
        let _ = write!(text, " timeout {}", time(timeout));
    }
    if let Some(expires) = element.expires {
        let _ = write!(text, " expires {}", time(expires));
    }
    if let Some(verdict) = &element.verdict {
        let _ = write!(text, " : {}", rule::verdict(verdict));
    }
    if let Some(counter) = &element.counter {
        let _ = write!(text, " : \"{counter}\"");
    }
    text
}

/// Milliseconds as nft reads them.
fn time(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1000) {
        format!("{}s", milliseconds / 1000)
    } else {
        format!("{milliseconds}ms")
    }
}

fn write_chain(
    out: &mut String,
    table: &Table,
    name: &str,
    chain: &Chain,
    labels: &BTreeMap<String, String>,
) {
    line(out, 1, &format!("chain {name} {{"));
    if let Some(base) = chain.base {
        line(out, 2, &base_text(base));
    }
    for rule in &chain.rules {
        let label = counter(rule).and_then(|counter| label_of(labels, counter));
        line(out, 2, &rule_text(table, rule, label));
    }
    line(out, 1, "}");
}

fn rule_text(table: &Table, rule: &Rule, label: Option<String>) -> String {
    match rule::rule(table, rule) {
        Ok((text, remark)) => {
            let remarks: Vec<String> = remark.into_iter().chain(label).collect();
            if remarks.is_empty() { text } else { format!("{text} # {}", remarks.join("; ")) }
        }
        Err(rule::Unwritable) => format!("# without words in nft: {}", debug(rule)),
    }
}

fn debug(rule: &Rule) -> String {
    let expressions: Vec<String> = rule.0.iter().map(|expression| format!("{expression:?}")).collect();
    expressions.join(", ").replace('\n', " ")
}

fn counter(rule: &Rule) -> Option<&str> {
    rule.0.iter().find_map(|expression| match expression {
        Expression::CounterNamed(name) => Some(name.as_str()),
        _ => None,
    })
}

fn label_of(labels: &BTreeMap<String, String>, counter: &str) -> Option<String> {
    let label = labels.get(counter.strip_prefix("r_")?)?;
    Some(label.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect())
}

fn base_text(base: Base) -> String {
    let kind = match base.kind {
        ChainKind::Filter => "filter",
        ChainKind::Nat => "nat",
        ChainKind::Route => "route",
    };
    let hook = match base.hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
        Hook::Ingress => "ingress",
        Hook::Egress => "egress",
    };
    let policy = if base.accept { "accept" } else { "drop" };
    format!("type {kind} hook {hook} priority {}; policy {policy};", base.priority)
}
