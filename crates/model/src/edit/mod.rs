//! Changes to the text of the configuration: one inbound rule more or less, of `[firewall]` or of a group. Every other
//! byte of the text stays what it was: comments, order, spaces.
//!
//! Only the text is read here: whether the rule makes sense in the whole configuration is decided by compiling what
//! comes out. Nothing is read from or written to files.

mod array;
mod find;
mod spot;
mod text;

use crate::lower::{ends_at, limit_of, traffic_of};
use crate::plan::Rule;
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

/// The list that a rule stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List<'a> {
    /// `[firewall] inbound`.
    Firewall,
    /// `inbound` of `[group.NAME]`, which the text declares.
    Group(&'a str),
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firewall => f.write_str("[firewall]"),
            Self::Group(name) => write!(f, "[group.{name}]"),
        }
    }
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
    /// The rules are not what they should be, or the change cannot be made where they stand.
    Shape,
    /// The rule is not there.
    NotThere,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, reason } => write!(f, "line {line} is not TOML: {reason}"),
            Self::Shape => f.write_str("the rules are written in a way that cannot be changed here"),
            Self::NotThere => f.write_str("the rule does not stand where it was expected"),
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
            Self::Shape | Self::NotThere => Some("change the file by hand"),
        }
    }
}

/// Whether a rule of a plan says what these words say. Words that are left out fit everything.
#[must_use]
pub fn says(rule: &Rule, words: &RuleEdit) -> bool {
    let fits = |wanted: &Option<String>, own: Option<&str>| {
        wanted.as_ref().is_none_or(|wanted| own == Some(wanted.as_str()))
    };
    traffic_of(words.allow.iter().map(String::as_str)).is_some_and(|traffic| traffic == rule.traffic)
        && (words.from.is_empty() || find::peers(&words.from) == find::peers(&rule.peers))
        && fits(&words.on, rule.interface.as_ref().map(|name| name.0.as_str()))
        && words.limit.as_ref().is_none_or(|limit| limit_of(limit).is_some_and(|own| rule.limit == Some(own)))
        && fits(&words.note, rule.note.as_deref())
        && words.expires.as_ref().is_none_or(|end| ends_at(end).is_some_and(|own| rule.expires == Some(own)))
        && fits(&words.id, Some(&rule.id.0))
}

/// Adds a rule to a list, which is made where it is missing; so is `[firewall]`, but not a group.
///
/// # Errors
/// A text that is not TOML, one without the group, or one whose section is not a table with a list of rules.
pub fn add_rule(text: &str, list: List<'_>, rule: &RuleEdit) -> Result<String, EditError> {
    let spot = spot::spot(text, list)?;
    let before = spot.count();
    let changed = match &spot {
        Spot::Array { at, items } => array::push(text, at.clone(), items, &text::rule(rule)),
        Spot::Blocks(blocks) => {
            let Block { header, end, .. } = blocks.last().ok_or(EditError::Shape)?;
            let lines = format!("{}\n{}", &text[header.clone()], text::block(rule));
            text::insert_lines(text, *end, &lines, true)
        }
        Spot::InSection { end } => text::insert_lines(text, *end, &text::list("inbound", rule), false),
        Spot::Dotted { key, end } => {
            let key = format!("{}inbound", &text[key.clone()]);
            text::insert_lines(text, *end, &text::list(&key, rule), false)
        }
        Spot::InTable { close, last } => {
            let item = format!("inbound = [{}]", text::rule(rule));
            match last {
                Some(last) => text::spliced(text, *last..*last, &format!(", {item}")),
                None => text::spliced(text, *close..*close, &format!(" {item} ")),
            }
        }
        Spot::Nowhere if list == List::Firewall => {
            let section = format!("[firewall]\n{}", text::list("inbound", rule));
            text::insert_lines(text, text.len(), &section, true)
        }
        Spot::Nowhere => return Err(EditError::Shape),
    };
    proved(changed, list, before + 1)
}

/// Takes the rule that says what this rule of a plan says, whatever its note, out of a list.
///
/// # Errors
/// A text that is not TOML, or no such rule.
pub fn remove_rule(text: &str, list: List<'_>, rule: &Rule) -> Result<(String, Removed), EditError> {
    let spot = spot::spot(text, list)?;
    let Found { index, at } = find::find(text, &spot, rule)?;
    let changed = match &spot {
        Spot::Array { at, items } => array::take(text, at.clone(), items, index),
        Spot::Blocks(blocks) => {
            let Block { header, end, .. } = &blocks[index];
            text::spliced(text, text::line_start(text, header.start)..text::line_end(text, *end), "")
        }
        Spot::InSection { .. } | Spot::Dotted { .. } | Spot::InTable { .. } | Spot::Nowhere => {
            return Err(EditError::Shape);
        }
    };
    let line = text[..at.start].matches('\n').count() + 1;
    let removed = Removed { written: text::one_line(&text[at]), line };
    proved(changed, list, spot.count() - 1).map(|text| (text, removed))
}

/// The changed text, when it has as many rules as it should have.
fn proved(text: String, list: List<'_>, rules: usize) -> Result<String, EditError> {
    match spot::spot(&text, list) {
        Ok(spot) if spot.count() == rules => Ok(text),
        Ok(_) | Err(_) => Err(EditError::Shape),
    }
}
