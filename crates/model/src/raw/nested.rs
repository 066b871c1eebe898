//! The slip of a host name without quotes: `example.com = "…"` nests `com` in `example`.

use super::decode::Decoder;
use super::section::Section;
use super::site::Site;
use super::tree::{Entry, Value};
use crate::problem::Problem;
use crate::source::Location;

/// Reports the names that nest beneath a site's key; true where the key itself is no site then.
pub(crate) fn report(entry: &Entry, decoder: &mut Decoder<'_>) -> bool {
    let mut names = Vec::new();
    collect(entry, decoder, &mut names);
    for at in &names {
        decoder.report(problem(*at, decoder));
    }
    !names.is_empty()
}

/// Finds the keys that a dot joined to the one before and that are no keys of a site.
fn collect(entry: &Entry, decoder: &Decoder<'_>, names: &mut Vec<Location>) {
    let Value::Table(children) = &entry.node.value else { return };
    for child in children {
        if !joined(child, decoder) || is_key(&child.key) {
            continue;
        }
        let before = names.len();
        collect(child, decoder, names);
        if names.len() == before {
            names.push(whole(child, decoder));
        }
    }
}

fn joined(child: &Entry, decoder: &Decoder<'_>) -> bool {
    let before = decoder.source.slice(0..child.key_at.start);
    before.trim_end_matches([' ', '\t']).ends_with('.')
}

fn is_key(key: &str) -> bool {
    Site::LATER.contains(&key) || Site::fields().iter().any(|field| field.name == key)
}

/// The whole name, from its first part to this one, without the header's `site.` and without the site's own key.
fn whole(last: &Entry, decoder: &Decoder<'_>) -> Location {
    let text = decoder.source.slice(0..last.key_at.end);
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '"');
    let start = text.trim_end_matches(bare).len();
    let prefix = if text[start..].starts_with("site.") { "site.".len() } else { 0 };
    Location { start: (start + prefix).min(last.key_at.start), ..last.key_at }
}

fn problem(at: Location, decoder: &Decoder<'_>) -> Problem {
    let name = decoder.source.slice(at.range()).replace('"', "");
    Problem::error(at, format!("the name `{name}` is not in quotes"))
        .label("TOML reads each dot as one more level of tables")
        .hint(format!("quote it: \"{name}\""))
}
