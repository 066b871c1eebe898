//! Durations, sizes, counts and ports, with the ranges that make sense for each key.

use super::decode::{Decode, Decoder, Text};
use super::measure::{UnitError, parse_size, parse_time, size_text, time_text};
use super::tree::{Node, Value};
use crate::problem::{Problem, shown};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// A second in milliseconds, for ranges.
pub(crate) const SECOND: u64 = 1000;
/// A day in milliseconds.
pub(crate) const DAY: u64 = 86_400_000;

/// A duration between two bounds in milliseconds, both allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time<const LEAST: u64, const MOST: u64>(pub(crate) Duration);

impl<const LEAST: u64, const MOST: u64> Decode for Time<LEAST, MOST> {
    fn expected() -> String {
        "a string such as \"60s\"".to_owned()
    }

    fn schema() -> Json {
        let description = format!("{} to {}", time_text(LEAST), time_text(MOST));
        json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w|y))+$", "$comment": description })
    }

    fn kind() -> String {
        format!("duration, {} to {}", time_text(LEAST), time_text(MOST))
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.text(node, &Self::expected())?;
        let milliseconds = measured(&text, parse_time, DURATION, decoder)?;
        in_range(milliseconds, LEAST, MOST, time_text, node, decoder)
            .map(|ms| Self(Duration::from_millis(ms)))
    }
}

/// A number of bytes between two bounds, both allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes<const LEAST: u64, const MOST: u64>(pub(crate) u64);

impl<const LEAST: u64, const MOST: u64> Decode for Bytes<LEAST, MOST> {
    fn expected() -> String {
        "a string such as \"16KiB\"".to_owned()
    }

    fn schema() -> Json {
        let description = format!("{} to {}", size_text(LEAST), size_text(MOST));
        json!({ "type": "string", "pattern": "^[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)$", "$comment": description })
    }

    fn kind() -> String {
        format!("size, {} to {}", size_text(LEAST), size_text(MOST))
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.text(node, &Self::expected())?;
        let bytes = measured(&text, parse_size, SIZE, decoder)?;
        in_range(bytes, LEAST, MOST, size_text, node, decoder).map(Self)
    }
}

/// A whole number between two bounds, both allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const LEAST: u64, const MOST: u64>(pub(crate) u64);

impl<const LEAST: u64, const MOST: u64> Decode for Count<LEAST, MOST> {
    fn expected() -> String {
        "a whole number".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "integer", "minimum": LEAST, "maximum": MOST })
    }

    fn kind() -> String {
        format!("number, {LEAST} to {MOST}")
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Integer(number) = node.value else {
            decoder.wrong_type(node, &Self::expected());
            return None;
        };
        let Some(number) = number.and_then(|number| u64::try_from(number).ok()) else {
            let written = decoder.source.slice(node.at.range()).to_owned();
            decoder.report(
                Problem::error(node.at, format!("{written} is out of range"))
                    .label(format!("must be {LEAST} to {MOST}")),
            );
            return None;
        };
        in_range(number, LEAST, MOST, |number| number.to_string(), node, decoder).map(Self)
    }
}

/// A value or one word that stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Or<T, W> {
    Value(T),
    Word(W),
}

/// A word that stands for no value.
pub(crate) trait Word: Default {
    const WORD: &'static str;
}

/// `"off"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Off;

impl Word for Off {
    const WORD: &'static str = "off";
}

/// `"unlimited"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unlimited;

impl Word for Unlimited {
    const WORD: &'static str = "unlimited";
}

impl<T, W> Or<T, W> {
    /// The value, where there is one.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Word(_) => None,
        }
    }
}

impl<T: Decode, W: Word> Decode for Or<T, W> {
    fn expected() -> String {
        format!("{}, or \"{}\"", T::expected(), W::WORD)
    }

    fn schema() -> Json {
        json!({ "anyOf": [T::schema(), { "const": W::WORD }] })
    }

    fn kind() -> String {
        format!("{}, or `\"{}\"`", T::kind(), W::WORD)
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == W::WORD => Some(Self::Word(W::default())),
            Value::Text(text) if T::expected().contains("string") && !is_other_word(text) => {
                T::decode(node, decoder).map(Self::Value)
            }
            Value::Text(text) if T::expected().contains("string") => {
                decoder.report(
                    Problem::error(node.at, format!("`{text}` is neither a value nor \"{}\"", W::WORD))
                        .label(format!("expected {}", Self::expected())),
                );
                None
            }
            Value::Integer(_) if T::expected().contains("number") => {
                T::decode(node, decoder).map(Self::Value)
            }
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}

/// What a text is called, and how it is written.
type Named = (&'static str, &'static str);

const DURATION: Named = ("duration", "write for example \"500ms\", \"60s\", \"5m\", \"1h30m\" or \"1d\"");
const SIZE: Named = ("size", "write for example \"512B\", \"16KiB\", \"1MB\" or \"10GiB\"");

/// The number that a text stands for; reports a text that stands for none.
fn measured(
    text: &Text,
    parse: fn(&str) -> Result<u64, UnitError>,
    (name, hint): Named,
    decoder: &mut Decoder<'_>,
) -> Option<u64> {
    let parsed = parse(text.as_str());
    if let Err(error) = &parsed {
        let title = format!("{} is not a {name}", shown(text.as_str()));
        decoder.report(Problem::error(text.at, title).label(error.to_string()).hint(hint));
    }
    parsed.ok()
}

/// Whether a text is a word, and so cannot be a number with a unit.
fn is_other_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn in_range(
    value: u64,
    least: u64,
    most: u64,
    show: fn(u64) -> String,
    node: &Node,
    decoder: &mut Decoder<'_>,
) -> Option<u64> {
    if (least..=most).contains(&value) {
        return Some(value);
    }
    decoder.report(Problem::error(node.at, format!("{} is out of range", show(value))).label(format!(
        "must be {} to {}",
        show(least),
        show(most)
    )));
    None
}
