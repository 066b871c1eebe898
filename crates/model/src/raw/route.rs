//! A route: one handler, its conditions and its settings.

use super::decode::{Decode, Decoder, List, Names, OneOrMany, Text};
use super::limits::BodySize;
use super::section::section;
use super::tree::{Node, Value};
use super::units::Count;
use serde_json::{Value as Json, json};

section! {
    /// A path pattern of a site and its handler.
    pub(crate) struct Route = "a route", later ["limit", "from", "on"];
    /// Handler: forwards to a service, by name or by the address of its only instance.
    service: Text,
    /// Handler: serves the files of a folder.
    files: Text,
    /// Handler: redirects to this template.
    redirect: Text,
    /// Handler: answers with this template.
    respond: Text,
    /// Condition: the method or methods; `GET` includes `HEAD`.
    method: OneOrMany<Text>,
    /// Condition: request fields with their exact value, or `"*"` where the field must be present.
    header: Names<Text>,
    /// With `service`: takes the literal beginning of the pattern off the path, or a prefix such as `"/api"`.
    strip_prefix: StripPrefix = "false",
    /// With `service` or `otherwise`: compresses responses; `"with-cookies"` also those that set or follow cookies (see BREACH).
    compress: Compress = "false",
    /// With `service`: translates the calls of browsers, which speak gRPC-Web, into gRPC.
    grpc_web: bool = "false",
    /// With `files`: the file for a path that ends in `/`.
    index: Text = "\"index.html\"",
    /// With `files`: the file of the folder that answers with 200 where none is found.
    fallback: Text,
    /// With `files`: the service for every path that is no file, and for scripts, whose text is never sent.
    otherwise: Text,
    /// With `files`: lists folders without an index.
    listing: bool = "false",
    /// With `files`: serves `.br`, `.zst` and `.gz` siblings to those who accept them.
    precompressed: bool = "true",
    /// With `files`: serves names that start with a dot; `.well-known` always is served.
    hidden: bool = "false",
    /// With `files`: the `Cache-Control` of files.
    cache_control: Text,
    /// With `redirect` 301, 302, 303, 307 or 308 (the default); with `respond` 200 (the default) to 599.
    status: Count<200, 599>,
    /// With `respond`: the media type.
    content_type: Text = "\"text/plain; charset=utf-8\"",
    /// Accepts `%2F` in the path and passes it on as a part of one segment.
    encoded_slashes: bool = "false",
    /// The bound of a request body, in place of the one of `[limits]`.
    body: BodySize,
    /// With `service` or `otherwise`: changes to the request before it is forwarded.
    request_headers: HeaderEdits,
    /// Changes to the response.
    response_headers: HeaderEdits,
}

section! {
    /// Changes to the fields of a request or response.
    pub(crate) struct HeaderEdits = "header changes", later [];
    /// Fields by name and the template that becomes their only value.
    set: Names<Text>,
    /// Names of fields to remove.
    remove: List<Text>,
}

/// What is taken off a path before it is forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StripPrefix {
    /// Nothing, or all that the pattern says literally.
    Literal(bool),
    /// A prefix as written.
    Prefix(Text),
}

impl Decode for StripPrefix {
    fn expected() -> String {
        "true or false, or a string such as \"/api\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "anyOf": [bool::schema(), Text::schema()] })
    }

    fn kind() -> String {
        "boolean or prefix".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Boolean(literal) => Some(Self::Literal(literal)),
            _ => decoder.text(node, &Self::expected()).map(Self::Prefix),
        }
    }
}

/// When responses are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compress {
    Plain(bool),
    WithCookies,
}

impl Decode for Compress {
    fn expected() -> String {
        "true or false, or the string \"with-cookies\"".to_owned()
    }

    fn schema() -> Json {
        json!({ "enum": [true, false, "with-cookies"] })
    }

    fn kind() -> String {
        "boolean or `\"with-cookies\"`".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Boolean(plain) => Some(Self::Plain(*plain)),
            Value::Text(text) if text == "with-cookies" => Some(Self::WithCookies),
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}

/// What a pattern leads to: a target, a route, or several routes with different conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteEntry {
    Short(Text),
    One(Box<Route>),
    Several(List<Route>),
}

impl Decode for RouteEntry {
    fn expected() -> String {
        "a string (a target), a table (a route), or a list of tables".to_owned()
    }

    fn schema() -> Json {
        let route = json!({ "$ref": "#/$defs/route" });
        json!({ "anyOf": [Text::schema(), route, { "type": "array", "items": route, "minItems": 1 }] })
    }

    fn kind() -> String {
        "target, route, or list of routes".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(_) => Text::decode(node, decoder).map(Self::Short),
            Value::Table(_) => Route::decode(node, decoder).map(|route| Self::One(Box::new(route))),
            Value::List(_) => List::<Route>::decode(node, decoder).map(Self::Several),
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}
