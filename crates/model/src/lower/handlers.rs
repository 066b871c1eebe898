//! The handler of a route, and that each of its keys belongs to it.

use super::files;
use super::headers;
use super::redirects;
use super::scripts;
use super::services::Services;
use super::template::template;
use super::{Lowering, settings};
use crate::pattern::RoutePattern;
use crate::plan::{
    Compression, FilesHandler, Handler, Otherwise, RespondHandler, ServiceHandler, Target, TargetAddress,
};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use crate::raw::route::{Compress, Route, StripPrefix};
use crate::source::{Located, Location};
use std::path::PathBuf;

/// The keys that name a handler.
const HANDLERS: [&str; 4] = ["service", "files", "redirect", "respond"];

/// Statuses without content (RFC 9110, 15.3.5, 15.3.6 and 15.4.5).
const WITHOUT_CONTENT: [u16; 3] = [204, 205, 304];

/// Reads the handler of a route. `at` is where the route is written, and whether on the site itself.
pub(super) fn handler(
    pattern: &RoutePattern,
    raw: &Route,
    at: (Location, bool),
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Handler> {
    let name = only_handler(raw, at, lowering)?;
    refuse_foreign_keys(name, raw, lowering);
    if let Some(target) = &raw.service {
        return service(pattern, raw, &target.value, services, lowering).map(Handler::Service);
    }
    if let Some(folder) = &raw.files {
        return files(pattern, raw, &folder.value, services, lowering).map(Handler::Files);
    }
    if let Some(to) = &raw.redirect {
        return redirects::redirect(&to.value, raw, pattern.parameters(), lowering).map(Handler::Redirect);
    }
    let body = raw.respond.as_ref()?;
    respond(&body.value, raw, pattern.parameters(), lowering).map(Handler::Respond)
}

/// The handler's name, where there is exactly one.
fn only_handler(
    raw: &Route,
    (at, on_site): (Location, bool),
    lowering: &mut Lowering<'_>,
) -> Option<&'static str> {
    let places =
        [&raw.service, &raw.files, &raw.redirect, &raw.respond].map(|key| key.as_ref().map(|key| key.at));
    let mut written = HANDLERS.into_iter().zip(places).filter_map(|(name, at)| at.map(|at| (name, at)));
    let Some((name, first)) = written.next() else {
        if raw.broken {
            return None;
        }
        let problem = Problem::error(at, "a route without a handler")
            .label("what answers?")
            .hint("write one of `service`, `files`, `redirect` or `respond`");
        let note = "keys of a route on the site itself are the route `/`, and hold for no other route";
        lowering.report(if on_site { problem.note(note) } else { problem });
        return None;
    };
    let mut single = true;
    for (other, second) in written {
        single = false;
        lowering.report(
            Problem::error(second, format!("a route with both `{name}` and `{other}`"))
                .label("a second handler")
                .related(first, "the first")
                .hint("a route has one handler; write two routes"),
        );
    }
    single.then_some(name)
}

/// Which handlers a key is for, where it is not for all.
fn refuse_foreign_keys(handler: &str, raw: &Route, lowering: &mut Lowering<'_>) {
    fn place<T>(key: &Option<Located<T>>) -> Option<Location> {
        key.as_ref().map(|key| key.at)
    }
    // Files with a service behind them take what is for services too.
    let forwards: &[&str] = if raw.otherwise.is_some() { &["service", "files"] } else { &["service"] };
    let keys: [(&str, Option<Location>, &[&str]); 13] = [
        ("strip_prefix", place(&raw.strip_prefix), &["service"]),
        ("compress", place(&raw.compress), forwards),
        ("grpc_web", place(&raw.grpc_web), &["service"]),
        ("request_headers", place(&raw.request_headers), forwards),
        ("index", place(&raw.index), &["files"]),
        ("fallback", place(&raw.fallback), &["files"]),
        ("otherwise", place(&raw.otherwise), &["files"]),
        ("listing", place(&raw.listing), &["files"]),
        ("precompressed", place(&raw.precompressed), &["files"]),
        ("hidden", place(&raw.hidden), &["files"]),
        ("cache_control", place(&raw.cache_control), &["files"]),
        ("status", place(&raw.status), &["redirect", "respond"]),
        ("content_type", place(&raw.content_type), &["respond"]),
    ];
    for (key, at, owners) in keys {
        let Some(at) = at.filter(|_| !owners.contains(&handler)) else { continue };
        let owners: Vec<String> = owners.iter().map(|owner| format!("`{owner}`")).collect();
        lowering.report(
            Problem::error(at, format!("`{key}` belongs to {}", owners.join(" or ")))
                .label(format!("this route has `{handler}`")),
        );
    }
}

fn service(
    pattern: &RoutePattern,
    raw: &Route,
    target: &Text,
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<ServiceHandler> {
    let service = services.resolve(target, lowering);
    let strip_prefix = raw.strip_prefix.as_ref().map(|strip| strip_prefix(strip, pattern, lowering));
    let grpc_web = raw.grpc_web.as_ref().filter(|grpc_web| grpc_web.value);
    if let (Some(written), Some(service)) = (grpc_web, service) {
        refuse_http1(written.at, services.instances_of(service), lowering);
    }
    Some(ServiceHandler {
        service: service?,
        strip_prefix: strip_prefix.flatten(),
        compression: compression(raw),
        grpc_web: grpc_web.is_some(),
    })
}

/// Calls of gRPC need HTTP/2, whatever they are translated from.
fn refuse_http1(grpc_web: Location, instances: &[Target], lowering: &mut Lowering<'_>) {
    let Some(other) = instances.iter().find(|target| !target.http2) else { return };
    let hint = match &other.address {
        _ if other.fastcgi => None,
        TargetAddress::Tcp { .. } if !other.tls => Some(format!("write the instance as \"h2c://{other}\"")),
        _ => Some("write http = \"2\" in a [service.NAME] with this instance".to_owned()),
    };
    lowering.report(
        Problem::error(grpc_web, "`grpc_web` needs instances of HTTP/2")
            .label(format!("`{other}` is not spoken to with HTTP/2"))
            .hint_maybe(hint),
    );
}

fn compression(raw: &Route) -> Compression {
    match raw.compress.as_ref().map(|compress| compress.value) {
        None | Some(Compress::Plain(false)) => Compression::Off,
        Some(Compress::Plain(true)) => Compression::On,
        Some(Compress::WithCookies) => Compression::WithCookies,
    }
}

/// The service behind files.
fn otherwise(
    raw: &Route,
    written: &Located<Text>,
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Otherwise> {
    for (key, at) in [
        ("fallback", raw.fallback.as_ref().map(|key| key.at)),
        ("listing", raw.listing.as_ref().filter(|listed| listed.value).map(|key| key.at)),
    ] {
        let Some(at) = at else { continue };
        lowering.report(
            Problem::error(at, format!("a route with both `otherwise` and `{key}`"))
                .label("would never answer")
                .related(written.at, "answers all that is no file"),
        );
    }
    let service = services.resolve(&written.value, lowering)?;
    let compression = compression(raw);
    let handler = ServiceHandler { service, strip_prefix: None, compression, grpc_web: false };
    Some(Otherwise { handler, scripts: services.extension(service).map(str::to_owned) })
}

fn strip_prefix(
    raw: &Located<StripPrefix>,
    pattern: &RoutePattern,
    lowering: &mut Lowering<'_>,
) -> Option<String> {
    let literal = pattern.literal_prefix();
    match &raw.value {
        StripPrefix::Literal(false) => None,
        StripPrefix::Literal(true) if literal.is_empty() => {
            lowering.report(
                Problem::error(raw.at, format!("the pattern `{pattern}` has no prefix to strip"))
                    .label("nothing to strip")
                    .hint("leave it out"),
            );
            None
        }
        StripPrefix::Literal(true) => Some(literal.to_owned()),
        StripPrefix::Prefix(prefix) => {
            let written = prefix.as_str().strip_suffix('/').unwrap_or(prefix.as_str());
            let rest = literal.strip_prefix(written);
            if !written.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Some(written.to_owned());
            }
            let problem = Problem::error(
                prefix.inner(),
                format!("not every path of `{pattern}` begins with `{written}`"),
            );
            let hint =
                format!("write true to strip all of \"{literal}\", or a beginning of it in whole segments");
            lowering.report(problem.label("not a prefix").hint_maybe((!literal.is_empty()).then_some(hint)));
            None
        }
    }
}

fn files(
    pattern: &RoutePattern,
    raw: &Route,
    folder: &Text,
    services: &mut Services<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<FilesHandler> {
    let root = lowering.path(folder);
    refuse_file(pattern, folder, lowering);
    files::refuse(pattern, raw, lowering);
    let mut file =
        |key: &Option<Located<Text>>| key.as_ref().and_then(|text| file_name(&text.value, lowering));
    let index = file(&raw.index);
    let fallback = file(&raw.fallback);
    let illegal = raw.cache_control.as_ref().filter(|value| !headers::is_field_value(value.value.as_str()));
    if let Some(value) = illegal {
        lowering.report(headers::illegal_value(&value.value));
    }
    let otherwise = raw.otherwise.as_ref().map(|written| otherwise(raw, written, services, lowering));
    let otherwise = otherwise.flatten();
    let flag = |key: &Option<Located<bool>>, default| key.as_ref().map_or(default, |flag| flag.value);
    let root = root?;
    let of_route = (root.as_path(), otherwise.as_ref());
    let refused_scripts = scripts::refused(pattern, raw, of_route, services.script_folders(), lowering);
    Some(FilesHandler {
        root,
        skip_segments: pattern.segment_count() - usize::from(!pattern.is_subtree()),
        index: index.unwrap_or_else(|| "index.html".to_owned()),
        fallback,
        otherwise,
        refused_scripts,
        listing: flag(&raw.listing, false),
        precompressed: flag(&raw.precompressed, true),
        hidden: flag(&raw.hidden, false),
        cache_control: raw.cache_control.as_ref().map(|value| value.value.as_str().to_owned()),
    })
}

/// `files` is a folder even where the pattern names one file; a path that evidently names that file would not work.
fn refuse_file(pattern: &RoutePattern, folder: &Text, lowering: &mut Lowering<'_>) {
    if pattern.is_subtree() || !pattern.parameters().is_empty() {
        return;
    }
    let path = PathBuf::from(folder.as_str());
    let asked = PathBuf::from(pattern.as_str());
    let (Some(named), Some(wanted)) = (path.file_name(), asked.file_name()) else { return };
    let parent = path.parent().map(|parent| parent.display().to_string()).filter(|parent| !parent.is_empty());
    let parent = parent.unwrap_or_else(|| ".".to_owned());
    let problem =
        Problem::error(folder.inner(), "`files` names a folder, not a file").label("a folder is expected");
    if named == wanted {
        let problem =
            problem.hint(format!("write files = \"{parent}\"; the route serves `{}` of it", named.display()));
        let subtree = format!("to serve the whole folder, write the pattern \"{pattern}/\"");
        lowering.report(if asked.extension().is_none() { problem.hint(subtree) } else { problem });
    } else if path.extension().is_some() && path.extension() == asked.extension() {
        let hint = format!("write files = \"{parent}\" and fallback = \"{}\"", named.display());
        lowering.report(problem.hint(hint));
    }
}

/// Whether a text names a file beneath a folder.
pub(super) fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\0', '\\'])
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The name of a file beneath the folder of a route.
fn file_name(text: &Text, lowering: &mut Lowering<'_>) -> Option<String> {
    let name = text.as_str();
    let inside = is_inside(name);
    if !inside {
        lowering.report(
            Problem::error(text.inner(), format!("{} is not the name of a file in the folder", shown(name)))
                .label("a path beneath `files`, without `.` and `..`")
                .hint("write for example \"index.html\""),
        );
    }
    inside.then(|| name.to_owned())
}

fn respond(
    text: &Text,
    raw: &Route,
    parameters: &[String],
    lowering: &mut Lowering<'_>,
) -> Option<RespondHandler> {
    let body = template(text, parameters, lowering);
    let status = raw.status.as_ref().map_or(200, |status| settings::as_port(status.value.0));
    let empty = !WITHOUT_CONTENT.contains(&status) || text.as_str().is_empty();
    if let Some(written) = raw.status.as_ref().filter(|_| !empty) {
        let problem = Problem::error(text.inner(), format!("a response {status} has no content"));
        lowering
            .report(problem.label("would not be sent").related(written.at, "this status").hint("write \"\""));
    }
    let content_type = raw.content_type.as_ref().map(|written| &written.value);
    if let Some(written) = content_type.filter(|written| !is_media_type(written.as_str())) {
        lowering.report(
            Problem::error(written.inner(), format!("`{}` is not a media type", written.as_str()))
                .label("type/subtype")
                .hint("write for example \"text/html; charset=utf-8\""),
        );
    }
    let content_type = content_type.map_or("text/plain; charset=utf-8", Text::as_str).to_owned();
    Some(RespondHandler { status, body: body?, content_type })
}

fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or("").trim_end();
    let parts = essence.split_once('/');
    headers::is_field_value(text)
        && parts.is_some_and(|(kind, sub)| headers::is_token(kind) && headers::is_token(sub))
}
