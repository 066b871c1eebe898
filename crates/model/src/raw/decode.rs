//! From values of the tree to typed values, without stopping at the first problem.
//!
//! A [`Decode`] judges one value by itself; whatever needs a second place of the file is the business of `lower`.

use super::expand;
use super::tree::{Node, Value};
use crate::problem::Problem;
use crate::source::{Located, Location, Source, Surroundings};
use serde_json::{Value as Json, json};

/// What a decoding needs to know, and where its problems go.
pub(crate) struct Decoder<'a> {
    pub(crate) problems: &'a mut Vec<Problem>,
    pub(crate) source: &'a Source,
    pub(crate) surroundings: &'a dyn Surroundings,
}

/// A type that can be read from one value of the file.
pub(crate) trait Decode: Sized {
    /// What is expected, with an example: `a string such as "60s"`.
    fn expected() -> String;

    /// The JSON Schema of the value.
    fn schema() -> Json;

    /// The short name of the type in the reference.
    fn kind() -> String;

    /// Reads the value; reports what is wrong with it and returns nothing then.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;
}

impl Decoder<'_> {
    /// Notes a problem.
    pub(crate) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Says that a value has the wrong type.
    pub(crate) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let found = node.value.kind();
        self.report(
            Problem::error(node.at, format!("expected {expected}, found {found}"))
                .label(format!("this is {found}"))
                .hint_maybe(quote_hint(self.source.slice(node.at.range()), &node.value, expected)),
        );
    }

    /// Reads a value and keeps its place.
    pub(crate) fn located<T: Decode>(&mut self, node: &Node) -> Option<Located<T>> {
        T::decode(node, self).map(|value| Located::new(value, node.at))
    }

    /// The text of a string value with its environment variables filled in.
    pub(crate) fn text(&mut self, node: &Node, expected: &str) -> Option<Text> {
        let Value::Text(text) = &node.value else {
            self.wrong_type(node, expected);
            return None;
        };
        let text = Text::new(text.clone(), node.at, self.source);
        if text.text.contains("${") { expand::expand(&text, self) } else { Some(text) }
    }
}

/// What was probably meant by a value of the wrong type.
fn quote_hint(written: &str, value: &Value, expected: &str) -> Option<String> {
    let quoted = format!("\"{written}\"");
    let as_boolean = |text: &str| match text.to_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    };
    match value {
        Value::Integer(_) if expected.contains("\"60s\"") => {
            Some(format!("write it with a unit: \"{written}s\""))
        }
        Value::Integer(_) if expected.contains("KiB") => {
            Some(format!("write it with a unit: \"{written}B\""))
        }
        Value::Text(_) if expected == "a table (a stream)" => Some(format!(
            "write {{ listen = \"PORT\", instances = [{written}] }}, PORT being where clients connect"
        )),
        Value::Text(_) if expected == "a table (a service)" => {
            Some(format!("write {{ instances = [{written}] }}"))
        }
        Value::Integer(_) if expected.contains(&format!("\"v{written}\"")) => {
            Some(format!("write \"v{written}\""))
        }
        Value::Integer(_) if expected.contains("\"v1\" or \"v2\"") => {
            Some(format!("there is no version {written}: write \"v1\" or \"v2\""))
        }
        Value::Boolean(true) if expected.contains("\"v1\" or \"v2\"") => {
            Some("write the version: \"v1\" or \"v2\"".to_owned())
        }
        Value::Integer(_) | Value::Float if expected == "a string" || expected.contains(&quoted) => {
            Some(format!("write it in quotes: {quoted}"))
        }
        Value::Boolean(off) if !off && expected.contains("\"off\"") => Some("write \"off\"".to_owned()),
        Value::Text(text) if expected.contains("true or false") => {
            as_boolean(text).map(|boolean| format!("write it without quotes: {boolean}"))
        }
        Value::Text(text) if expected.contains("number") && text.parse::<u64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        Value::Text(_) if expected.starts_with("a list") => Some(format!("write a list: [{written}]")),
        Value::List(_) if expected.starts_with("a table") && written.starts_with("[[") => {
            Some("write one pair of brackets".to_owned())
        }
        _ => None,
    }
}

/// A string of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: Location,
    /// The byte of the source where the text begins, where it stands there exactly as it is.
    verbatim: Option<usize>,
}

impl Text {
    /// A string as it came out of the parser.
    pub(crate) fn new(text: String, at: Location, source: &Source) -> Self {
        let written = source.slice(at.range());
        let verbatim = match written.get(1..written.len().saturating_sub(1)) {
            _ if written == text => Some(at.start),
            Some(inner) if inner == text => Some(at.start + 1),
            _ => None,
        };
        Self { text, at, verbatim }
    }

    /// The same place with another text, made from this one.
    pub(crate) fn replaced(&self, text: String) -> Self {
        Self { text, at: self.at, verbatim: None }
    }

    /// The place of a part of the text, or of all of it where they cannot be told apart.
    pub(crate) fn part(&self, start: usize, end: usize) -> Location {
        match self.verbatim {
            Some(begin) => Location { start: begin + start, end: begin + end, ..self.at },
            None => self.at,
        }
    }

    /// The text from a byte on, with its place.
    pub(crate) fn tail(&self, start: usize) -> Self {
        let text = self.text[start..].to_owned();
        Self {
            text,
            at: self.part(start, self.text.len()),
            verbatim: self.verbatim.map(|begin| begin + start),
        }
    }

    /// The place of the text without its quotes.
    pub(crate) fn inner(&self) -> Location {
        self.part(0, self.text.len())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Decode for Text {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "string" })
    }

    fn kind() -> String {
        "string".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.text(node, &Self::expected())
    }
}

impl Decode for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn schema() -> Json {
        json!({ "type": "boolean" })
    }

    fn kind() -> String {
        "boolean".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Boolean(boolean) = node.value {
            return Some(boolean);
        }
        decoder.wrong_type(node, &Self::expected());
        None
    }
}

/// A list; items that are wrong are reported and left out.
pub(crate) type List<T> = Vec<Located<T>>;

impl<T: Decode> Decode for List<T> {
    fn expected() -> String {
        format!("a list, each item {}", T::expected())
    }

    fn schema() -> Json {
        json!({ "type": "array", "items": T::schema() })
    }

    fn kind() -> String {
        format!("list of {}", T::kind())
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            decoder.wrong_type(node, &Self::expected());
            return None;
        };
        Some(items.iter().filter_map(|item| decoder.located(item)).collect())
    }
}

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneOrMany<T>(pub(crate) List<T>);

impl<T: Decode> Decode for OneOrMany<T> {
    fn expected() -> String {
        format!("{}, or a list of them", T::expected())
    }

    fn schema() -> Json {
        json!({ "anyOf": [T::schema(), List::<T>::schema()] })
    }

    fn kind() -> String {
        format!("{} or list of {}", T::kind(), T::kind())
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.value, Value::List(_)) {
            return List::<T>::decode(node, decoder).map(Self);
        }
        decoder.located(node).map(|one| Self(vec![one]))
    }
}

/// A table whose keys are the user's own names, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names<T> {
    pub(crate) list: Vec<(Text, Located<T>)>,
    /// Names whose values could not be read at all.
    pub(crate) lost: Vec<String>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { list: Vec::new(), lost: Vec::new() }
    }
}

impl<T: Decode> Decode for Names<T> {
    fn expected() -> String {
        format!("a table, each value {}", T::expected())
    }

    fn schema() -> Json {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }

    fn kind() -> String {
        format!("table of {}", T::kind())
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            decoder.wrong_type(node, &Self::expected());
            return None;
        };
        let mut names = Self::default();
        for entry in entries {
            match decoder.located(&entry.node) {
                Some(value) => {
                    names.list.push((Text::new(entry.key.clone(), entry.key_at, decoder.source), value));
                }
                None => names.lost.push(entry.key.clone()),
            }
        }
        Some(names)
    }
}
