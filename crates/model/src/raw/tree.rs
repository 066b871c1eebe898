//! The values of a TOML text with their places, in the order of the text.
//!
//! Only shape: which keys exist and what they mean is decided by the sections.

use crate::source::{Location, SourceId};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: Location,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Integer(Option<i64>),
    Float,
    Boolean(bool),
    Date,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Location,
    pub(crate) node: Node,
}

impl Value {
    /// What it is, with its article, for "found a string".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Where a parsed text begins: the text it is a part of, and the byte in it.
pub(crate) type Beginning = (SourceId, usize);

/// The tree of a parsed text.
pub(crate) fn build(table: &DeTable<'_>, source: Beginning) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table.iter().map(|(key, value)| entry(key, value, source)).collect();
    entries.sort_by_key(|entry| entry.key_at.start);
    entries
}

fn entry(key: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>, source: Beginning) -> Entry {
    Entry { key: key.get_ref().to_string(), key_at: location(key.span(), source), node: node(value, source) }
}

fn node(value: &Spanned<DeValue<'_>>, source: Beginning) -> Node {
    let at = location(value.span(), source);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(item, source)).collect()),
        DeValue::Table(table) => Value::Table(build(table, source)),
    };
    Node { value, at }
}

fn location(span: Range<usize>, (source, begin): Beginning) -> Location {
    Location { source, start: begin + span.start, end: begin + span.end }
}
