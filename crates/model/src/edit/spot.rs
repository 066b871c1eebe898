//! Where the rules of a list stand in a text, or where they would stand.

use super::text::line_start;
use super::{EditError, List};
use crate::raw::tree::{self, Entry, Node, Value};
use crate::source::{Location, SourceId};
use std::ops::Range;
use toml::de::DeTable;

/// Where rules stand, or would stand.
pub(super) enum Spot {
    /// `inbound = [...]`.
    Array { at: Range<usize>, items: Vec<Node> },
    /// `[[firewall.inbound]]` or `[[group.NAME.inbound]]`, once for each rule; never empty.
    Blocks(Vec<Block>),
    /// A section with a header and without `inbound`; its last own line ends after this byte.
    InSection { end: usize },
    /// `firewall.confirm = ...` without `inbound`; the beginning of the last such line up to its last dot, and a byte
    /// on the line where it ends.
    Dotted { key: Range<usize>, end: usize },
    /// `firewall = { ... }` without `inbound`: its closing brace, and where its last value ends.
    InTable { close: usize, last: Option<usize> },
    /// There is no such section.
    Nowhere,
}

/// One `[[firewall.inbound]]` with its keys.
pub(super) struct Block {
    /// Its header.
    pub(super) header: Range<usize>,
    /// The end of its last value.
    pub(super) end: usize,
    pub(super) node: Node,
}

impl Spot {
    /// How many rules there are.
    pub(super) fn count(&self) -> usize {
        self.rules().len()
    }

    /// Every rule with its place.
    pub(super) fn rules(&self) -> Vec<(&Node, Range<usize>)> {
        match self {
            Self::Array { items, .. } => items.iter().map(|item| (item, item.at.range())).collect(),
            Self::Blocks(blocks) => {
                blocks.iter().map(|block| (&block.node, block.header.start..block.end)).collect()
            }
            Self::InSection { .. } | Self::Dotted { .. } | Self::InTable { .. } | Self::Nowhere => Vec::new(),
        }
    }
}

/// Finds the spot.
pub(super) fn spot(text: &str, list: List<'_>) -> Result<Spot, EditError> {
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(0, |before| before.matches('\n').count()) + 1;
        EditError::Syntax { line, reason: error.message().to_owned() }
    })?;
    let root = tree::build(table.get_ref(), (SourceId::default(), 0));
    let Some(section) = section(root, list)? else { return Ok(Spot::Nowhere) };
    let Value::Table(entries) = section.node.value else { return Err(EditError::Shape) };
    match entries.iter().position(|entry| entry.key == "inbound") {
        Some(found) => rules(entries.into_iter().nth(found), text),
        None => Ok(missing(&entries, section.key_at, section.node.at, text)),
    }
}

/// The section whose key is `inbound`.
fn section(root: Vec<Entry>, list: List<'_>) -> Result<Option<Entry>, EditError> {
    let named = |entries: Vec<Entry>, name: &str| entries.into_iter().find(|entry| entry.key == name);
    let name = match list {
        List::Firewall => return Ok(named(root, "firewall")),
        List::Group(name) => name,
    };
    let Some(groups) = named(root, "group") else { return Ok(None) };
    let Value::Table(groups) = groups.node.value else { return Err(EditError::Shape) };
    Ok(named(groups, name))
}

fn rules(entry: Option<Entry>, text: &str) -> Result<Spot, EditError> {
    let Some(Entry { node, key_at, .. }) = entry else { return Err(EditError::Shape) };
    let Value::List(items) = node.value else { return Err(EditError::Shape) };
    if !text[node.at.range()].starts_with('[') {
        return Err(EditError::Shape);
    }
    if !encloses(node.at, key_at) {
        return Ok(Spot::Array { at: node.at.range(), items });
    }
    let block = |node: Node| Block { header: node.at.range(), end: end_of(&node), node };
    Ok(Spot::Blocks(items.into_iter().map(block).collect()))
}

/// Where `inbound` would stand beside the other keys.
fn missing(entries: &[Entry], key_at: Location, at: Location, text: &str) -> Spot {
    // A key whose value encloses it has a header of its own further down.
    let own = entries.iter().filter(|entry| !has_header(entry));
    let last = own.max_by_key(|entry| end_of(&entry.node));
    let end = last.map(|entry| end_of(&entry.node));
    let written = &text[at.range()];
    match (written.starts_with('{'), written.starts_with('[') && encloses(at, key_at), last) {
        (true, _, _) => Spot::InTable { close: at.end.saturating_sub(1), last: end },
        (_, true, _) => Spot::InSection { end: end.unwrap_or(at.end) },
        (_, _, Some(last)) => {
            let start = line_start(text, last.key_at.start);
            Spot::Dotted { key: start..last.key_at.start, end: end_of(&last.node) }
        }
        (_, _, None) => Spot::Nowhere,
    }
}

/// Whether a key stands in a header such as `[firewall.x]`, and not before an equals sign or a dot.
fn has_header(entry: &Entry) -> bool {
    encloses(entry.node.at, entry.key_at) && entry.node.at != entry.key_at
}

fn encloses(outer: Location, inner: Location) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// The end of the last byte that a value has in the text.
fn end_of(node: &Node) -> usize {
    match &node.value {
        Value::Table(entries) => {
            let ends = entries.iter().map(|entry| end_of(&entry.node));
            ends.max().unwrap_or(0).max(node.at.end)
        }
        _ => node.at.end,
    }
}
