//! Values that are one word of a few.

use super::decode::Decoder;
use super::tree::Node;
use crate::problem::{Problem, closest};

/// Reads one word of a few; reports any other.
pub(crate) fn decode<T: Copy>(node: &Node, words: &[(&str, T)], decoder: &mut Decoder<'_>) -> Option<T> {
    let text = decoder.text(node, &expected(words))?;
    let found = words.iter().find(|(word, _)| *word == text.as_str());
    if found.is_none() {
        let near = closest(text.as_str(), words.iter().map(|(word, _)| *word));
        decoder.report(
            Problem::error(text.at, format!("`{}` is not one of the values", text.as_str()))
                .label(
                    near.map_or_else(
                        || "no such value".to_owned(),
                        |near| format!("did you mean \"{near}\"?"),
                    ),
                )
                .hint(format!("expected {}", expected(words))),
        );
    }
    found.map(|(_, value)| *value)
}

/// `the string "a" or "b"`.
pub(crate) fn expected<T>(words: &[(&str, T)]) -> String {
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    format!("the string {}", quoted.join(" or "))
}

/// Defines a value that is one word of a few.
macro_rules! choice {
    (
        #[doc = $doc:literal]
        pub(crate) enum $name:ident { $($variant:ident = $word:literal),* $(,)? }
    ) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $( #[doc = $word] $variant ),* }

        impl $name {
            const WORDS: &'static [(&'static str, Self)] = &[ $( ($word, Self::$variant) ),* ];
        }

        impl crate::raw::decode::Decode for $name {
            fn expected() -> String {
                crate::raw::choice::expected(Self::WORDS)
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [ $($word),* ] })
            }

            fn kind() -> String {
                [ $( concat!("`\"", $word, "\"`") ),* ].join(" or ")
            }

            fn decode(
                node: &crate::raw::tree::Node,
                decoder: &mut crate::raw::decode::Decoder<'_>,
            ) -> Option<Self> {
                crate::raw::choice::decode(node, Self::WORDS, decoder)
            }
        }
    };
}

pub(crate) use choice;
