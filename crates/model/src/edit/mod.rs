//! Changes to the text of the configuration: one rule of `[firewall] inbound` more or less. Every other byte of the
//! text stays what it was: comments, order, spaces.
//!
//! Only the text is read here: whether the rule makes sense in the whole configuration is decided by compiling what
//! comes out. Nothing is read from or written to files.

mod array;
mod find;
mod spot;
mod text;

use crate::lower::traffic_of;
use crate::plan::{Rule, Traffic};
use find::Found;
use spot::{Block, Spot};
use std::fmt;

/// A rule to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleEdit {
    /// `allow`; one item is written without a list.
    pub allow: Vec<String>,
    /// `from`; empty leaves it out, which is everybody.
    pub from: Vec<String>,
    /// The interface.
    pub on: Option<String>,
    /// The limit, such as `6/30s`.
    pub limit: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// When it ends, as RFC 3339 writes it.
    pub expires: Option<String>,
    /// Its identity.
    pub id: Option<String>,
}

/// Which rule is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// The one with this `id` in the file.
    Id(&'a str),
    /// The one that says what this rule of a plan says, whatever its note.
    Rule(&'a Rule),
    /// The only one that allows this traffic, in whatever spelling, where peers are given from exactly these.
    Allow {
        /// `allow` as it may be written.
        allow: &'a str,
        /// The peers.
        from: Option<&'a [String]>,
    },
}

/// A rule that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The rule as it was written.
    pub written: String,
    /// Its line, from 1.
    pub line: usize,
}

/// Why a text cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// It is not TOML.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// `[firewall]` or its rules are not what they should be, or the change cannot be made where they stand.
    Shape,
    /// No rule fits.
    NotThere {
        /// The rules that are there, as they are written.
        present: Vec<String>,
    },
    /// More than one rule fits.
    Ambiguous {
        /// Those that fit, as they are written.
        fitting: Vec<String>,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, reason } => write!(f, "line {line} is not TOML: {reason}"),
            Self::Shape => {
                f.write_str("the rules of `[firewall]` are written in a way that cannot be changed here")
            }
            Self::NotThere { present } if present.is_empty() => {
                f.write_str("there is no rule in `[firewall] inbound`")
            }
            Self::NotThere { present } => {
                write!(f, "no such rule in `[firewall] inbound`; there are {}", present.join(", "))
            }
            Self::Ambiguous { fitting } => write!(f, "more than one rule fits: {}", fitting.join(", ")),
        }
    }
}

impl std::error::Error for EditError {}

impl EditError {
    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Syntax { .. } => Some("`portcullis check` says everything that is wrong with the file"),
            Self::Shape => Some("write the rule into the file by hand"),
            Self::NotThere { .. } => Some("rules of groups are changed in the file itself"),
            Self::Ambiguous { .. } => Some("name the rule by its id, or say from whom"),
        }
    }
}

/// Adds a rule to `[firewall] inbound`, which is made where it is missing.
///
/// # Errors
/// A text that is not TOML, or one whose `[firewall]` is not a table with a list of rules.
pub fn add_rule(text: &str, rule: &RuleEdit) -> Result<String, EditError> {
    let spot = spot::spot(text)?;
    let before = spot.count();
    let changed = match &spot {
        Spot::Array { at, items } => array::push(text, at.clone(), items, &text::rule(rule)),
        Spot::Blocks(blocks) => {
            let end = blocks.last().map_or(text.len(), |block| block.end);
            let lines = format!("[[firewall.inbound]]\n{}", text::block(rule));
            text::insert_lines(text, end, &lines, true)
        }
        Spot::InSection { end } => text::insert_lines(text, *end, &text::list("inbound", rule), false),
        Spot::Dotted { end } => text::insert_lines(text, *end, &text::list("firewall.inbound", rule), false),
        Spot::InTable { close, last } => {
            let item = format!("inbound = [{}]", text::rule(rule));
            match last {
                Some(last) => text::spliced(text, *last..*last, &format!(", {item}")),
                None => text::spliced(text, *close..*close, &format!(" {item} ")),
            }
        }
        Spot::Nowhere => {
            let section = format!("[firewall]\n{}", text::list("inbound", rule));
            text::insert_lines(text, text.len(), &section, true)
        }
    };
    proved(changed, before + 1)
}

/// Takes a rule out of `[firewall] inbound`.
///
/// # Errors
/// A text that is not TOML, no rule that fits, or more than one.
pub fn remove_rule(text: &str, which: &Which<'_>) -> Result<(String, Removed), EditError> {
    let spot = spot::spot(text)?;
    let Found { index, at } = find::find(text, &spot, which)?;
    let changed = match &spot {
        Spot::Array { at, items } => array::take(text, at.clone(), items, index),
        Spot::Blocks(blocks) => {
            let Block { start, end, .. } = blocks[index];
            text::spliced(text, text::line_start(text, start)..text::line_end(text, end), "")
        }
        Spot::InSection { .. } | Spot::Dotted { .. } | Spot::InTable { .. } | Spot::Nowhere => {
            return Err(EditError::Shape);
        }
    };
    let line = text[..at.start].matches('\n').count() + 1;
    let removed = Removed { written: text::one_line(&text[at]), line };
    proved(changed, spot.count() - 1).map(|text| (text, removed))
}

/// The changed text, when it has as many rules as it should have.
fn proved(text: String, rules: usize) -> Result<String, EditError> {
    match spot::spot(&text) {
        Ok(spot) if spot.count() == rules => Ok(text),
        Ok(_) | Err(_) => Err(EditError::Shape),
    }
}

/// What `allow` says in its one form; nothing where it is wrong.
fn traffic<'a>(allow: impl Iterator<Item = &'a str>) -> Option<Vec<Traffic>> {
    traffic_of(allow)
}
