//! Sites and their routes.

use super::handler::Handler;
use super::policy::{Name, Peer};
use super::settings::CertificateFiles;
use super::template::Template;
use crate::host::HostPattern;
use crate::pattern::RoutePattern;
use serde::{Deserialize, Serialize};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A public host name and what answers under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The name as written in the file, for logs and metrics.
    pub label: String,
    /// Where it is reached.
    pub address: SiteAddress,
    /// Other names that are redirected to this one.
    pub aliases: Vec<HostPattern>,
    /// The routes; no two of them can both win.
    pub routes: Vec<Route>,
    /// A certificate from files, in place of one by name.
    pub certificate: Option<CertificateFiles>,
    /// HTTP Strict Transport Security (RFC 6797); off unless written.
    pub hsts: Option<Hsts>,
    /// Pages for errors that we answer ourselves; those of an instance pass as they are.
    pub error_pages: Vec<ErrorPage>,
    /// When set, every request is answered with 503 and this page.
    pub maintenance: Option<PathBuf>,
    /// The host that serves it; `None` where the file names at most one host.
    pub on: Option<Name>,
    /// Who may reach its ports, where the firewall is on; everybody unless written.
    pub from: Vec<Peer>,
}

/// A site of a plan and where it stands in the file. Plans that have one site in common can share it, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedSite {
    /// The site.
    pub site: Arc<Site>,
    /// Where its name stands.
    pub place: Place,
}

impl PlacedSite {
    /// Where a route of it stands.
    #[must_use]
    pub fn place_of(&self, route: &Route) -> Place {
        match self.place.line {
            0 => Place::default(),
            line => Place { file: self.place.file.clone(), line: line.saturating_add_signed(route.line) },
        }
    }
}

impl From<Site> for PlacedSite {
    fn from(site: Site) -> Self {
        Self { site: Arc::new(site), place: Place::default() }
    }
}

impl Deref for PlacedSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// Changing a site that is shared changes a copy of it.
impl DerefMut for PlacedSite {
    fn deref_mut(&mut self) -> &mut Site {
        Arc::make_mut(&mut self.site)
    }
}

/// Where a site is reached: scheme, host, port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SiteAddress {
    /// HTTPS or plain HTTP.
    pub scheme: Scheme,
    /// The host; `None` is any host (`":8080"`).
    pub host: Option<HostPattern>,
    /// The port where one was written; otherwise the scheme's from [`super::Listen`].
    pub port: Option<u16>,
}

/// The scheme of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// HTTPS, with a redirect from HTTP.
    Https,
    /// Plain HTTP only.
    Http,
}

/// HTTP Strict Transport Security.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hsts {
    /// `max-age`.
    pub max_age: Duration,
    /// `includeSubDomains`.
    pub include_subdomains: bool,
    /// `preload`.
    pub preload: bool,
}

/// A page for a status or a class of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorPage {
    /// Which responses it replaces.
    pub status: StatusClass,
    /// The HTML file.
    pub page: PathBuf,
}

/// A status (`404`) or a class of them (`5xx`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatusClass {
    /// One status, 400 to 599.
    Exact(u16),
    /// A class by its first digit, 4 or 5.
    Class(u8),
}

/// A path pattern of a site and its handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The pattern.
    pub pattern: RoutePattern,
    /// The methods it is for, as tokens; empty is any. `GET` includes `HEAD`.
    pub methods: Vec<String>,
    /// Conditions on request fields; all must hold.
    pub headers: Vec<HeaderCondition>,
    /// What answers.
    pub handler: Handler,
    /// Whether `%2F` in a path is accepted and passed on, as a part of one segment.
    pub encoded_slashes: bool,
    /// Bytes of a request body: `None` means the limit of the whole gate, `Some(None)` unlimited.
    pub body: Option<Option<u64>>,
    /// Changes to the request before it is forwarded, in order.
    pub request_headers: Vec<HeaderEdit>,
    /// Changes to the response, in order.
    pub response_headers: Vec<HeaderEdit>,
    /// How many lines below the name of its site it stands in the file; below zero is above.
    pub line: i32,
}

/// Where something stands in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's name; empty for the command line.
    pub file: String,
    /// The line, from 1; 0 for the command line.
    pub line: u32,
}

/// A condition on a request field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeaderCondition {
    /// The field's name in lower case.
    pub name: String,
    /// The exact value that exactly one field line must have; `None`: the field is present.
    pub value: Option<String>,
}

/// A change to the fields of a request or response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderEdit {
    /// Removes every field of this name, then adds one with this value.
    Set {
        /// The name as it is written out.
        name: String,
        /// The value, made from facts of the request.
        value: Template,
    },
    /// Removes every field of this name.
    Remove {
        /// The name.
        name: String,
    },
}
