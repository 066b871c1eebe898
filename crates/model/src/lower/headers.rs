//! Conditions on fields and changes to fields, and the names that are not the user's to change.

use super::Lowering;
use super::template::template;
use crate::plan::{HeaderCondition, HeaderEdit, Piece};
use crate::problem::{Problem, shown};
use crate::raw::decode::{Names, Text};
use crate::raw::route::HeaderEdits;
use crate::source::Location;

/// Which message is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Fields that frame a message or belong to one connection (RFC 9110, 7.6.1; RFC 9112, 6).
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Fields that say where a request came from, which the gate alone may say.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Whether a text is a token (RFC 9110, 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether a text may be the value of a field: visible ASCII, with spaces and tabs inside only (RFC 9110, 5.5).
pub(super) fn is_field_value(text: &str) -> bool {
    text.trim_matches([' ', '\t']) == text && is_field_text(text)
}

fn is_field_text(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Conditions on request fields.
pub(super) fn conditions(raw: &Names<Text>, lowering: &mut Lowering<'_>) -> Vec<HeaderCondition> {
    let mut conditions: Vec<(HeaderCondition, Location)> = Vec::new();
    for (name, value) in &raw.list {
        let canonical = name.as_str().to_ascii_lowercase();
        if !check_name(name, lowering) {
            continue;
        }
        if canonical == "host" {
            let problem = Problem::error(name.at, "a condition on `Host`").label("the site decides the host");
            lowering.report(problem.hint("write one site for each host"));
        }
        if let Some((_, first)) = conditions.iter().find(|(other, _)| other.name == canonical) {
            lowering.report(twice(name, *first));
        }
        if !is_field_value(value.value.as_str()) {
            lowering.report(illegal_value(&value.value));
        }
        let value = Some(value.value.as_str()).filter(|value| *value != "*").map(str::to_owned);
        conditions.push((HeaderCondition { name: canonical, value }, name.at));
    }
    conditions.into_iter().map(|(condition, _)| condition).collect()
}

/// Changes to the fields of a message: removals first.
pub(super) fn edits(
    raw: &HeaderEdits,
    side: Side,
    parameters: &[String],
    lowering: &mut Lowering<'_>,
) -> Vec<HeaderEdit> {
    let mut edits = Vec::new();
    let mut seen: Vec<(String, Location)> = Vec::new();
    for name in raw.remove.iter().flat_map(|remove| &remove.value) {
        if name_is_free(&name.value, side, &mut seen, lowering) {
            edits.push(HeaderEdit::Remove { name: name.value.as_str().to_owned() });
        }
    }
    for (name, value) in raw.set.iter().flat_map(|set| &set.value.list) {
        let free = name_is_free(name, side, &mut seen, lowering);
        let Some(value) = field_template(&value.value, parameters, lowering) else { continue };
        if free {
            edits.push(HeaderEdit::Set { name: name.as_str().to_owned(), value });
        }
    }
    edits
}

fn field_template(
    text: &Text,
    parameters: &[String],
    lowering: &mut Lowering<'_>,
) -> Option<crate::plan::Template> {
    let value = template(text, parameters, lowering)?;
    let legal = |piece: &Piece| match piece {
        Piece::Literal(literal) => is_field_text(literal),
        Piece::Variable(_) => true,
    };
    let spaced = text.as_str().trim_matches([' ', '\t']) != text.as_str();
    if spaced || !value.pieces.iter().all(legal) {
        lowering.report(illegal_value(text));
        return None;
    }
    Some(value)
}

/// Whether a field may be changed, and is changed once.
fn name_is_free(
    name: &Text,
    side: Side,
    seen: &mut Vec<(String, Location)>,
    lowering: &mut Lowering<'_>,
) -> bool {
    if !check_name(name, lowering) {
        return false;
    }
    let canonical = name.as_str().to_ascii_lowercase();
    if let Some((label, hint)) = owned(&canonical, side) {
        let problem =
            Problem::error(name.at, format!("`{}` is not yours to change", name.as_str())).label(label);
        lowering.report(problem.hint_maybe(hint.map(str::to_owned)));
        return false;
    }
    if let Some((_, first)) = seen.iter().find(|(other, _)| *other == canonical) {
        lowering.report(twice(name, *first));
        return false;
    }
    seen.push((canonical, name.at));
    true
}

fn owned(name: &str, side: Side) -> Option<(&'static str, Option<&'static str>)> {
    if FRAMING.contains(&name) {
        return Some(("the gate frames messages itself", None));
    }
    match side {
        Side::Request if name == "host" => {
            Some(("the service decides the host", Some("write `host` in [service.NAME]")))
        }
        Side::Request if FORWARDING.contains(&name) => {
            Some(("the gate says where a request came from", Some("see `trusted_proxies` of [listen]")))
        }
        _ => None,
    }
}

fn check_name(name: &Text, lowering: &mut Lowering<'_>) -> bool {
    let legal = is_token(name.as_str());
    if !legal {
        lowering.report(
            Problem::error(name.at, format!("{} is not a field name", shown(name.as_str())))
                .label("letters, digits and `-`")
                .note("RFC 9110, 5.1"),
        );
    }
    legal
}

fn twice(name: &Text, first: Location) -> Problem {
    Problem::error(name.at, format!("the field `{}` is written twice", name.as_str()))
        .label("again here")
        .related(first, "first here")
        .note("the case of a name does not matter, and `set` removes what was there before")
}

pub(super) fn illegal_value(text: &Text) -> Problem {
    Problem::error(text.inner(), "not the value of a field")
        .label("visible ASCII, without spaces at the ends")
        .note("RFC 9110, 5.5")
}
