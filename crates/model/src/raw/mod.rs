//! The file as written: every section with its values and their places, before any of it is judged as a whole.

pub(crate) mod address;
pub(crate) mod choice;
pub(crate) mod decode;
mod expand;
mod foreign;
pub(crate) mod limits;
pub(crate) mod measure;
mod nested;
mod parts;
pub(crate) mod policy;
mod recover;
mod reference;
pub(crate) mod route;
mod schema;
pub(crate) mod section;
pub(crate) mod service;
pub(crate) mod settings;
pub(crate) mod site;
pub(crate) mod stream;
mod syntax;
pub(crate) mod tree;
pub(crate) mod units;

pub use reference::{KeyReference, SectionReference, reference};
pub use schema::schema;

use crate::problem::Problem;
use crate::source::{Located, Source, SourceId, Surroundings};
use decode::{Decoder, List, Names, Text};
use section::{Field, Section, section};
use tree::{Entry, Value};

section! {
    /// A configuration file.
    pub(crate) struct RawConfig = "the file", later ["expect"];
    /// More files, as paths or patterns such as `"sites/*.toml"`, relative to this file. Only the main file includes.
    include: List<Text> = "[]",
    /// Where the gate listens.
    listen: settings::Listen,
    /// TLS towards clients.
    tls: settings::Tls,
    /// Bounds on what clients and instances may do.
    limits: limits::Limits,
    /// Logs.
    log: settings::Log,
    /// The operator's socket.
    admin: settings::Admin,
    /// Where state is kept.
    state: settings::State,
    /// Services by name.
    service: Names<service::Service>,
    /// Sites by name.
    site: site::Sites,
    /// TCP and UDP services by name.
    stream: Names<stream::Stream>,
    /// Security groups by name.
    group: Names<policy::Group>,
    /// Prefixes by name: a string or a list.
    network: Names<policy::Prefixes>,
    /// Machines by name.
    host: Names<policy::Host>,
    /// The packet filter; without it no packet is touched.
    firewall: policy::Firewall,
    /// This machine as a gateway for others.
    nat: policy::Nat,
}

/// A file that was read, as far as it could be.
pub(crate) struct Parsed {
    pub(crate) config: RawConfig,
    /// Whether all that the text says is in `config`; otherwise nothing may be concluded from what is missing.
    pub(crate) complete: bool,
}

/// Reads one text.
pub(crate) fn parse(
    id: SourceId,
    source: &Source,
    surroundings: &dyn Surroundings,
    problems: &mut Vec<Problem>,
) -> Parsed {
    if let Some(config) = parts::parse(id, source, surroundings) {
        return Parsed { config, complete: true };
    }
    let (tree, errors) = recover::parse(id, source);
    let verdict = syntax::report(source, &tree, errors, problems);
    let mut found = Vec::new();
    let mut decoder = Decoder { problems: &mut found, source, surroundings };
    let mut config = RawConfig::default();
    for entry in &tree {
        if !config.take(entry, &mut decoder) {
            unknown_section(entry, &mut decoder);
        }
    }
    problems.extend(found.into_iter().filter(|problem| problem.at.is_some_and(|at| verdict.believes(at))));
    Parsed { config, complete: verdict.complete }
}

/// The only site of a text that has nothing else in it; `None` where it has, or where anything is wrong with it.
pub(crate) fn only_site(
    source: &Source,
    surroundings: &dyn Surroundings,
) -> Option<(Text, Located<site::SiteEntry>)> {
    let mut problems = Vec::new();
    let mut parsed = parse(SourceId::default(), source, surroundings, &mut problems);
    let mut sites = parsed.config.site.take()?.value.0.list;
    let is_alone =
        problems.is_empty() && parsed.complete && sites.len() == 1 && parsed.config == RawConfig::default();
    sites.pop().filter(|_| is_alone)
}

/// A top-level key that does not exist.
fn unknown_section(entry: &Entry, decoder: &mut Decoder<'_>) {
    let looks_like_site = matches!(entry.node.value, Value::Text(_)) && entry.key.contains(['.', ':']);
    if looks_like_site {
        decoder.report(
            Problem::error(entry.key_at, format!("`{}` stands outside of `[site]`", entry.key))
                .label("a site?")
                .hint("write `[site]` on a line above it"),
        );
        return;
    }
    section::unknown_key::<RawConfig>(entry, decoder);
}

/// A section as the reference and the hints know it.
pub(crate) struct Described {
    pub(crate) title: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) fields: Vec<Field>,
}

/// Every section, in the order of the reference.
pub(crate) fn sections() -> Vec<Described> {
    fn described<S: Section>() -> Described {
        Described { title: S::TITLE, doc: S::DOC, fields: S::fields() }
    }
    vec![
        described::<RawConfig>(),
        described::<settings::Listen>(),
        described::<settings::Tls>(),
        described::<limits::Limits>(),
        described::<settings::Log>(),
        described::<settings::Admin>(),
        described::<settings::State>(),
        described::<service::Service>(),
        described::<service::InstanceTls>(),
        described::<service::FastCgi>(),
        described::<site::SiteKeys>(),
        described::<site::HstsKeys>(),
        described::<settings::Certificate>(),
        described::<route::Route>(),
        described::<route::HeaderEdits>(),
        described::<stream::Stream>(),
        described::<policy::Group>(),
        described::<policy::RuleKeys>(),
        described::<policy::Host>(),
        described::<policy::Firewall>(),
        described::<policy::Nat>(),
        described::<policy::Forward>(),
    ]
}
