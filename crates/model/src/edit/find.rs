//! Which of the written rules a rule of a plan is: the one that says the same in whatever spelling.

use super::EditError;
use super::spot::Spot;
use crate::lower::{ends_at, limit_of, traffic_of};
use crate::plan::{Rule, RuleLimit, Traffic};
use crate::raw::tree::{Node, Value};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

/// The rule that is meant.
pub(super) struct Found {
    /// Its place among the rules.
    pub(super) index: usize,
    /// Its place in the text.
    pub(super) at: Range<usize>,
}

/// What a written rule says, as far as it can be read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    traffic: Option<Vec<Traffic>>,
    peers: BTreeSet<String>,
    interface: Option<String>,
    limit: Option<RuleLimit>,
    expires: Option<u64>,
}

pub(super) fn find(text: &str, spot: &Spot, rule: &Rule) -> Result<Found, EditError> {
    let wanted = Said {
        traffic: Some(rule.traffic.clone()),
        peers: peers(&rule.peers),
        interface: rule.interface.as_ref().map(|name| name.0.clone()),
        limit: rule.limit,
        expires: rule.expires,
    };
    // Rules that say the same are one rule, so any of them is meant; the last goes first.
    let fitting = spot.rules().into_iter().enumerate().rfind(|(_, (node, _))| said(node, text) == wanted);
    fitting.map(|(index, (_, at))| Found { index, at }).ok_or(EditError::NotThere)
}

/// Peers, each in one spelling.
pub(super) fn peers<T: ToString>(peers: &[T]) -> BTreeSet<String> {
    peers.iter().map(|peer| canonical(&peer.to_string())).collect()
}

fn said(node: &Node, text: &str) -> Said {
    let own = |key: &str| value(node, key).and_then(|value| one(value, text));
    let peers = peers(&value(node, "from").map(texts).unwrap_or_default());
    let everybody = || BTreeSet::from(["anywhere".to_owned()]);
    Said {
        traffic: traffic_of(value(node, "allow").map(texts).unwrap_or_default().into_iter()),
        peers: if peers.is_empty() { everybody() } else { peers },
        interface: own("on").map(str::to_owned),
        limit: own("limit").and_then(limit_of),
        expires: own("expires").and_then(ends_at),
    }
}

/// The value of a key of a rule; a rule that is a string is its own `allow`.
fn value<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
        Value::Text(_) if key == "allow" => Some(node),
        _ => None,
    }
}

/// A string, or a date as it is written.
fn one<'a>(node: &'a Node, text: &'a str) -> Option<&'a str> {
    match &node.value {
        Value::Text(own) => Some(own),
        Value::Date => Some(&text[node.at.range()]),
        _ => None,
    }
}

/// One string or a list of them.
fn texts(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::Text(text) => vec![text.as_str()],
        Value::List(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// One spelling of a peer.
fn canonical(peer: &str) -> String {
    let prefix = peer.parse::<IpAddr>().map(IpNet::from).or_else(|_| peer.parse::<IpNet>());
    prefix.map_or_else(|_| peer.to_owned(), |prefix| prefix.trunc().to_string())
}
