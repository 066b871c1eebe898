//! What answers a route.

use super::service::ServiceIndex;
use super::template::Template;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What answers a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handler {
    /// A service.
    Service(ServiceHandler),
    /// Files of a folder.
    Files(FilesHandler),
    /// A redirect.
    Redirect(RedirectHandler),
    /// A fixed response.
    Respond(RespondHandler),
}

/// Forwards to a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceHandler {
    /// The service.
    pub service: ServiceIndex,
    /// A prefix of whole segments, `/api`, that is taken off the path before it is forwarded. It is a prefix of the
    /// route's pattern, so every path that gets here has it.
    pub strip_prefix: Option<String>,
    /// Compression of responses.
    pub compression: Compression,
    /// Whether calls of gRPC-Web become calls of gRPC.
    pub grpc_web: bool,
}

/// When responses of a service are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Never, the default.
    #[default]
    Off,
    /// Compressible media types without cookies on either side.
    On,
    /// Also where cookies are set (see BREACH).
    WithCookies,
}

/// Serves files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesHandler {
    /// The folder. Nothing outside of it is served, whatever links say.
    pub root: PathBuf,
    /// How many leading segments of the path the route's pattern takes up, which are not looked up in the folder.
    pub skip_segments: usize,
    /// The file for a path that ends in `/`.
    pub index: String,
    /// A file, relative to the folder, that answers with 200 where none is found (single-page applications).
    pub fallback: Option<String>,
    /// What answers where no file is found, in place of 404.
    pub otherwise: Option<Otherwise>,
    /// How the names of scripts end whose text is not sent, beside those of `otherwise`: a service runs them from a
    /// folder that overlaps this one.
    pub refused_scripts: Vec<String>,
    /// Whether a folder without index is listed.
    pub listing: bool,
    /// Whether `.br`, `.zst` and `.gz` siblings are served to those who accept them.
    pub precompressed: bool,
    /// Whether names that start with a dot are served (`.well-known` always is).
    pub hidden: bool,
    /// The `Cache-Control` of found files, where one is wanted.
    pub cache_control: Option<String>,
}

/// The service behind files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otherwise {
    /// The service, for every path that is no file.
    pub handler: ServiceHandler,
    /// How the names of its scripts end, which are never sent as files; `None` where it runs none.
    pub scripts: Option<String>,
}

/// Redirects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectHandler {
    /// The `Location`.
    pub to: Template,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
}

/// A fixed response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RespondHandler {
    /// 200 to 599.
    pub status: u16,
    /// The body.
    pub body: Template,
    /// The `Content-Type`.
    pub content_type: String,
}
