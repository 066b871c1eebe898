//! `[site]`: the short form, the long form, and the slip of a name without quotes.

use super::decode::{Decode, Decoder, Names, OneOrMany, Text};
use super::nested;
use super::route::{Route, RouteEntry};
use super::section::{self, Field, Section, section};
use super::settings::Certificate;
use super::tree::{Entry, Node, Value};
use super::units::{DAY, Time};
use crate::source::Located;
use serde_json::{Value as Json, json};

/// How long browsers remember that a host is HTTPS only.
pub(crate) type MaxAge = Time<0, { 3650 * DAY }>;

section! {
    /// A public host name and what answers under it.
    pub(crate) struct SiteKeys = "a site", later ["limit"];
    /// Other host names, redirected to this one.
    aliases: Vec<Located<Text>> = "[]",
    /// A certificate from files, in place of one found by name.
    certificate: Certificate,
    /// HTTP Strict Transport Security (RFC 6797): a `max-age` such as `"1y"`, or a table.
    hsts: Hsts,
    /// HTML files for errors that the gate answers itself, by status (`"404"`) or class (`"5xx"`).
    error_pages: Names<Text>,
    /// While written, every request is answered with 503 and this HTML file.
    maintenance: Text,
    /// The host that serves it; required once the file names two or more.
    on: Text,
    /// Who may reach its ports, where the firewall is on.
    from: OneOrMany<Text> = "\"anywhere\"",
    /// Routes by pattern.
    routes: Names<RouteEntry>,
}

section! {
    /// HTTP Strict Transport Security (RFC 6797).
    pub(crate) struct HstsKeys = "`hsts`", later [];
    /// `max-age`; required.
    max_age: MaxAge,
    /// `includeSubDomains`.
    include_subdomains: bool = "false",
    /// `preload`; needs `include_subdomains` and at least a year.
    preload: bool = "false",
}

/// `hsts` in its short or long form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hsts {
    Short(MaxAge),
    Long(HstsKeys),
}

impl Decode for Hsts {
    fn expected() -> String {
        "a string such as \"1y\", or a table with `max_age`".to_owned()
    }

    fn schema() -> Json {
        json!({ "anyOf": [MaxAge::schema(), HstsKeys::schema()] })
    }

    fn kind() -> String {
        "duration or table".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Text(_) => MaxAge::decode(node, decoder).map(Self::Short),
            Value::Table(_) => HstsKeys::decode(node, decoder).map(Self::Long),
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}

/// The long form of a site: its own keys, and those of the route `"/"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) keys: SiteKeys,
    pub(crate) root: Route,
}

impl Section for Site {
    const TITLE: &'static str = SiteKeys::TITLE;
    const DOC: &'static str = SiteKeys::DOC;
    const LATER: &'static [&'static str] = SiteKeys::LATER;

    fn fields() -> Vec<Field> {
        let mut fields = SiteKeys::fields();
        fields.extend(Route::fields());
        fields
    }

    fn take(&mut self, entry: &Entry, decoder: &mut Decoder<'_>) -> bool {
        self.keys.take(entry, decoder) || self.root.take(entry, decoder)
    }

    fn spoil(&mut self) {
        self.keys.spoil();
        self.root.spoil();
    }
}

section::decode_as_section!(Site);

/// A site in its short or long form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SiteEntry {
    Short(Text),
    Long(Box<Site>),
}

impl SiteEntry {
    /// The routes that are written as tables, that of the site itself among them.
    pub(crate) fn routes(&self) -> Vec<&Route> {
        let Self::Long(site) = self else { return Vec::new() };
        let mut routes = vec![&site.root];
        for (_, entry) in site.keys.routes.iter().flat_map(|routes| &routes.value.list) {
            match &entry.value {
                RouteEntry::Short(_) => {}
                RouteEntry::One(route) => routes.push(route),
                RouteEntry::Several(several) => routes.extend(several.iter().map(|route| &route.value)),
            }
        }
        routes
    }
}

impl Decode for SiteEntry {
    fn expected() -> String {
        "a string (a target) or a table (a site)".to_owned()
    }

    fn schema() -> Json {
        json!({ "anyOf": [Text::schema(), { "$ref": "#/$defs/site" }] })
    }

    fn kind() -> String {
        "target or site".to_owned()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            Value::Text(_) => Text::decode(node, decoder).map(Self::Short),
            Value::Table(_) => Site::decode(node, decoder).map(|site| Self::Long(Box::new(site))),
            _ => {
                decoder.wrong_type(node, &Self::expected());
                None
            }
        }
    }
}

/// All sites of a file by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sites(pub(crate) Names<SiteEntry>);

impl Decode for Sites {
    fn expected() -> String {
        "a table of sites by name".to_owned()
    }

    fn schema() -> Json {
        Names::<SiteEntry>::schema()
    }

    fn kind() -> String {
        Names::<SiteEntry>::kind()
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            decoder.wrong_type(node, &Self::expected());
            return None;
        };
        let mut sites = Vec::new();
        for entry in entries {
            if nested::report(entry, decoder) {
                continue;
            }
            let name = Text::new(entry.key.clone(), entry.key_at, decoder.source);
            sites.extend(decoder.located(&entry.node).map(|site| (name, site)));
        }
        Some(Self(Names { list: sites, lost: Vec::new() }))
    }
}
