//! The JSON Schema of the file, from the same definitions that read it.

use super::RawConfig;
use super::policy::RuleKeys;
use super::route::Route;
use super::section::{self, Section};
use super::site::Site;
use serde_json::{Value, json};

/// The JSON Schema (draft 2020-12) of `portcullis.toml`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = section::schema::<RawConfig>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("portcullis.toml"));
        object.insert("description".to_owned(), json!(RawConfig::DOC));
        let definitions = json!({
            "route": section::schema::<Route>(),
            "rule": section::schema::<RuleKeys>(),
            "site": section::schema::<Site>(),
        });
        object.insert("$defs".to_owned(), definitions);
    }
    schema
}
