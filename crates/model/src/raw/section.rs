//! One definition for every section of the file: struct, decoder, JSON Schema and reference.
//!
//! A section is a table with fixed keys. What its values mean together is decided by `lower`.

use super::decode::Decoder;
use super::foreign;
use super::tree::{Entry, Node, Value};
use crate::problem::{Problem, closest};
use serde_json::{Map, Value as Json, json};

/// As many keys fit into a line that is read.
const LISTED: usize = 16;

/// A key of a section, for the schema and the reference.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The default as it would be written; `None` where leaving it out means something of its own.
    pub(crate) default: Option<&'static str>,
    pub(crate) kind: fn() -> String,
    pub(crate) schema: fn() -> Json,
}

/// A table with fixed keys.
pub(crate) trait Section: Default {
    /// How it is called in messages: "`[listen]`", "a route".
    const TITLE: &'static str;
    /// What it is for.
    const DOC: &'static str;
    /// Keys that a later capability serves.
    const LATER: &'static [&'static str];

    /// Its keys.
    fn fields() -> Vec<Field>;

    /// Notes that not all that was written is in the fields, so that nothing is said of what is missing.
    fn spoil(&mut self);

    /// Reads the value of a key; false where there is no such key.
    fn take(&mut self, entry: &Entry, decoder: &mut Decoder<'_>) -> bool;
}

/// Reads a whole section.
pub(crate) fn decode<S: Section>(node: &Node, decoder: &mut Decoder<'_>) -> Option<S> {
    let Value::Table(entries) = &node.value else {
        decoder.wrong_type(node, &format!("a table ({})", S::TITLE));
        return None;
    };
    let mut section = S::default();
    for entry in entries {
        if !section.take(entry, decoder) {
            section.spoil();
            unknown_key::<S>(entry, decoder);
        }
    }
    Some(section)
}

pub(crate) fn unknown_key<S: Section>(entry: &Entry, decoder: &mut Decoder<'_>) {
    if S::LATER.contains(&entry.key.as_str()) {
        decoder.report(not_served(entry));
        return;
    }
    let fields = S::fields();
    let names = || fields.iter().map(|field| field.name);
    let problem = Problem::error(entry.key_at, format!("unknown key `{}` in {}", entry.key, S::TITLE));
    if let Some(hint) = foreign::hint(S::TITLE, &entry.key) {
        decoder.report(problem.label("no such key").hint(hint));
        return;
    }
    decoder.report(match closest(&entry.key, names()) {
        Some(near) => problem.label(format!("did you mean `{near}`?")),
        None => {
            let listed = fields.len() <= LISTED;
            let all = listed.then(|| names().collect::<Vec<_>>().join(", "));
            problem
                .label("no such key")
                .hint_maybe(elsewhere(&entry.key))
                .hint_maybe(all.map(|all| format!("the keys of {} are {all}", S::TITLE)))
        }
    });
}

/// The section that does have a key.
fn elsewhere(key: &str) -> Option<String> {
    let sections = super::sections();
    let home = sections.iter().find(|section| section.fields.iter().any(|field| field.name == key))?;
    Some(format!("`{key}` is a key of {}", home.title))
}

/// The refusal of what a later capability serves.
pub(crate) fn not_served(entry: &Entry) -> Problem {
    Problem::error(
        entry.key_at,
        format!(
            "`{}` is not served by this version of portcullis; it would not be enforced, so it is refused",
            entry.key
        ),
    )
    .label("not served")
}

/// The JSON Schema of a section.
pub(crate) fn schema<S: Section>() -> Json {
    let mut properties = Map::new();
    for field in S::fields() {
        let mut schema = (field.schema)();
        if let Some(object) = schema.as_object_mut() {
            object.insert("description".to_owned(), json!(field.doc));
            if let Some(default) = field.default.and_then(default_as_json) {
                object.insert("default".to_owned(), default);
            }
        }
        properties.insert(field.name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "description": S::DOC,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A default as JSON: strings, numbers, booleans and lists of them are written alike in TOML.
fn default_as_json(default: &str) -> Option<Json> {
    serde_json::from_str(default).ok()
}

/// Defines a section: its keys with documentation, type and default.
macro_rules! section {
    (
        #[doc = $doc:literal]
        pub(crate) struct $name:ident = $title:literal, later $later:expr;
        $( #[doc = $field_doc:literal] $field:ident: $kind:ty $(= $default:literal)?, )*
    ) => {
        #[doc = $doc]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct $name {
            $( #[doc = $field_doc] pub(crate) $field: Option<crate::source::Located<$kind>>, )*
            /// Whether something of it could not be read.
            pub(crate) broken: bool,
        }

        impl crate::raw::section::Section for $name {
            const TITLE: &'static str = $title;
            const DOC: &'static str = $doc.trim_ascii();
            const LATER: &'static [&'static str] = &$later;

            fn fields() -> Vec<crate::raw::section::Field> {
                vec![ $( crate::raw::section::Field {
                    name: stringify!($field),
                    doc: $field_doc.trim_ascii(),
                    default: crate::raw::section::default_of!($($default)?),
                    kind: <$kind as crate::raw::decode::Decode>::kind,
                    schema: <$kind as crate::raw::decode::Decode>::schema,
                } ),* ]
            }

            fn take(
                &mut self,
                entry: &crate::raw::tree::Entry,
                decoder: &mut crate::raw::decode::Decoder<'_>,
            ) -> bool {
                let before = decoder.problems.len();
                match entry.key.as_str() {
                    $( stringify!($field) => self.$field = decoder.located(&entry.node), )*
                    _ => return false,
                }
                self.broken |= decoder.problems.len() > before;
                true
            }

            fn spoil(&mut self) {
                self.broken = true;
            }
        }

        crate::raw::section::decode_as_section!($name);
    };
}

/// The default of a key, where one is written.
macro_rules! default_of {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

/// Lets a section stand wherever a value may.
macro_rules! decode_as_section {
    ($name:ident) => {
        impl crate::raw::decode::Decode for $name {
            fn expected() -> String {
                format!("a table ({})", <Self as crate::raw::section::Section>::TITLE)
            }

            fn schema() -> serde_json::Value {
                crate::raw::section::schema::<Self>()
            }

            fn kind() -> String {
                "table".to_owned()
            }

            fn decode(
                node: &crate::raw::tree::Node,
                decoder: &mut crate::raw::decode::Decoder<'_>,
            ) -> Option<Self> {
                crate::raw::section::decode(node, decoder)
            }
        }
    };
}

pub(crate) use {decode_as_section, default_of, section};
