//! The reference of every key, from the same definitions that read the file.

use super::section::Field;
use super::sections;
use std::fmt;

/// A section of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionReference {
    /// How it is called: "`[listen]`", "a route".
    pub title: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: Vec<KeyReference>,
}

/// A key of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReference {
    /// The key.
    pub name: &'static str,
    /// The type of its value, and the range.
    pub kind: String,
    /// The default as it would be written; `None` where leaving the key out means something of its own.
    pub default: Option<&'static str>,
    /// What it says.
    pub doc: &'static str,
}

/// Every section with its keys. `Display` makes a Markdown table of one.
#[must_use]
pub fn reference() -> Vec<SectionReference> {
    let described = sections().into_iter().map(|section| SectionReference {
        title: section.title,
        doc: section.doc,
        keys: section.fields.iter().map(key).collect(),
    });
    described.collect()
}

fn key(field: &Field) -> KeyReference {
    KeyReference { name: field.name, kind: (field.kind)(), default: field.default, doc: field.doc }
}

impl fmt::Display for SectionReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", capitalised(self.title), self.doc)?;
        writeln!(f, "| key | type | default | meaning |\n|---|---|---|---|")?;
        for key in &self.keys {
            let default = key.default.map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
            let cells = [format!("`{}`", key.name), key.kind.clone(), default, key.doc.to_owned()];
            writeln!(f, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))?;
        }
        Ok(())
    }
}

fn capitalised(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
