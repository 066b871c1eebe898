//! Settings of the whole gate that nothing in the file makes use of: nobody shall believe that they hold.

use super::{Lowering, Merged};
use crate::plan::{AccessLog, Handler, Listen, Plan, Scheme, Site, StreamTls, Transport};
use crate::problem::{Problem, Severity};
use crate::raw::settings as raw;
use crate::source::{Located, Location};

/// A setting that is written, and whether something makes use of it.
type Setting = (&'static str, Option<Location>, bool);

/// What a plan makes use of.
struct Uses {
    sites: bool,
    files: bool,
    /// A port of plain HTTP, if only for redirects.
    plain: bool,
    https: bool,
    http2: bool,
    /// TLS that the gate speaks with clients.
    tls: bool,
    /// A first message that is waited for, before requests.
    handshakes: bool,
    tcp: bool,
}

impl Uses {
    fn of(plan: &Plan) -> Self {
        let https = plan.sites.iter().any(|site| site.address.scheme == Scheme::Https);
        let plain = plan.sites.iter().any(|site| is_plain(site, &plan.listen));
        let terminated = plan.streams.iter().any(|stream| stream.tls == StreamTls::Terminate);
        let named = plan.streams.iter().any(|stream| stream.tls != StreamTls::Off);
        let mut routes = plan.sites.iter().flat_map(|site| &site.routes);
        Self {
            sites: !plan.sites.is_empty(),
            files: routes.any(|route| matches!(route.handler, Handler::Files(_))),
            plain,
            https,
            http2: https && plan.tls.http2 || plain && plan.listen.h2c,
            tls: https || terminated,
            handshakes: https || named || !plan.listen.proxy_protocol.is_empty(),
            tcp: plan.streams.iter().any(|stream| stream.listen.transport == Transport::Tcp),
        }
    }
}

/// Whether a site makes use of what is said of files.
pub(super) fn sends_files(site: &Site) -> bool {
    site.routes.iter().any(|route| matches!(route.handler, Handler::Files(_)))
}

/// Whether a route of a site depends on a field that the gate may refuse.
pub(super) fn has_odd_conditions(site: &Site) -> bool {
    site.routes.iter().flat_map(|route| &route.headers).any(|condition| condition.name.contains('_'))
}

/// Whether a site is on a port of plain HTTP, itself or with its redirect.
fn is_plain(site: &Site, listen: &Listen) -> bool {
    let on_https = site.address.port.is_none_or(|port| port == listen.https);
    site.address.scheme == Scheme::Http || on_https && listen.http.is_some()
}

/// Reports what would not be enforced. A file without sites and streams is not at its end, and nothing is said of it.
pub(super) fn report(merged: &Merged, plan: &Plan, lowering: &mut Lowering<'_>) {
    let lost = merged.sites.len() > plan.sites.len() || merged.streams.len() > plan.streams.len();
    if lost || plan.sites.is_empty() && plan.streams.is_empty() {
        return;
    }
    let uses = Uses::of(plan);
    if let Some(listen) = &merged.listen {
        of_listen(&listen.value, plan, &uses, lowering);
    }
    of_tls(merged, &uses, lowering);
    of_limits(merged, &uses, lowering);
    of_log(merged, plan, lowering);
}

fn of_listen(raw: &raw::Listen, plan: &Plan, uses: &Uses, lowering: &mut Lowering<'_>) {
    if let Some(h2c) = raw.h2c.as_ref().filter(|h2c| h2c.value && !uses.plain) {
        let problem = Problem::error(h2c.at, "`h2c` without a port of plain HTTP").label("would not be used");
        let problem = match &raw.http {
            Some(http) if plan.listen.http.is_none() => problem.related(http.at, "there is none"),
            _ => problem,
        };
        lowering.report(
            problem.hint("leave it out, or serve a site by http://; over TLS, HTTP/2 is offered without it"),
        );
    }
    if let Some(proxies) = raw.trusted_proxies.as_ref().filter(|list| !list.value.is_empty() && !uses.sites) {
        lowering.report(
            Problem::error(proxies.at, "`trusted_proxies` without a site")
                .label("would not be used")
                .hint("peers that announce the clients of streams are named by `proxy_protocol`"),
        );
    }
    let announced = raw.proxy_protocol.as_ref().filter(|list| !list.value.is_empty());
    if let Some(proxies) = announced.filter(|_| !uses.sites && !uses.tcp) {
        lowering.report(
            Problem::error(proxies.at, "`proxy_protocol` without a site or a stream of TCP")
                .label("would not be used")
                .hint("leave it out; datagrams announce nobody"),
        );
    }
}

fn of_tls(merged: &Merged, uses: &Uses, lowering: &mut Lowering<'_>) {
    let Some(raw) = merged.tls.as_ref().map(|raw| &raw.value) else { return };
    let certificates = raw.certificates.as_ref().filter(|list| !list.value.is_empty());
    let keys = [
        ("min_version", at(&raw.min_version), uses.tls),
        ("certificates", certificates.map(|list| list.at), uses.tls),
        ("http2", at(&raw.http2), uses.https),
    ];
    for setting in keys {
        let missing = if setting.0 == "http2" {
            "no site is served by HTTPS"
        } else {
            "no site is served by HTTPS, and no stream has tls = \"terminate\""
        };
        warn(setting, missing, None, lowering);
    }
}

fn of_limits(merged: &Merged, uses: &Uses, lowering: &mut Lowering<'_>) {
    let Some(raw) = merged.limits.as_ref().map(|raw| &raw.value) else { return };
    let of_sites = [
        ("header_bytes", at(&raw.header_bytes)),
        ("header_count", at(&raw.header_count)),
        ("request_line", at(&raw.request_line)),
        ("body", at(&raw.body)),
        ("head_timeout", at(&raw.head_timeout)),
        ("read_timeout", at(&raw.read_timeout)),
        ("write_timeout", at(&raw.write_timeout)),
        ("min_rate", at(&raw.min_rate)),
        ("upgrade_timeout", at(&raw.upgrade_timeout)),
        ("underscores_in_headers", at(&raw.underscores_in_headers)),
    ];
    for (key, at) in of_sites {
        warn((key, at, uses.sites), "there is no site", None, lowering);
    }
    let own = "a stream has an `idle_timeout` of its own";
    warn(("idle_timeout", at(&raw.idle_timeout), uses.sites), "there is no site", Some(own), lowering);
    warn(("file_cache", at(&raw.file_cache), uses.files), "no route has `files`", None, lowering);
    let first = "nothing comes before requests: no TLS, and no `proxy_protocol`";
    warn(("handshake_timeout", at(&raw.handshake_timeout), uses.handshakes), first, None, lowering);
    let of_http2 = [
        ("http2_streams", at(&raw.http2_streams)),
        ("http2_stream_window", at(&raw.http2_stream_window)),
        ("http2_connection_window", at(&raw.http2_connection_window)),
        ("http2_resets", at(&raw.http2_resets)),
        ("http2_control_frames", at(&raw.http2_control_frames)),
    ];
    for (key, at) in of_http2 {
        warn((key, at, uses.http2), "no site speaks HTTP/2", None, lowering);
    }
}

fn of_log(merged: &Merged, plan: &Plan, lowering: &mut Lowering<'_>) {
    let format = merged.log.as_ref().and_then(|log| at(&log.value.format));
    let is_written = plan.log.access != AccessLog::Off;
    warn(("format", format, is_written), "the access log is off", None, lowering);
}

fn warn((key, at, used): Setting, missing: &str, hint: Option<&str>, lowering: &mut Lowering<'_>) {
    if let Some(at) = at.filter(|_| !used) {
        let problem = Problem::warning(at, format!("`{key}` has no effect"));
        lowering.report(problem.label(missing).hint_maybe(hint.map(str::to_owned)));
    }
}

fn at<T>(setting: &Option<Located<T>>) -> Option<Location> {
    setting.as_ref().map(|setting| setting.at)
}

/// Conditions on fields that are refused before any route is asked. They may be errors of a file whose sites are not
/// all read.
pub(super) fn refuse_conditions(merged: &Merged, plan: &Plan, lowering: &mut Lowering<'_>) {
    if plan.limits.underscores_in_headers {
        return;
    }
    let routes = merged.sites.iter().flat_map(|(_, site)| site.value.routes());
    let fields = routes.filter_map(|route| route.header.as_ref()).flat_map(|header| &header.value.list);
    for (name, _) in fields.filter(|(name, _)| name.as_str().contains('_')) {
        lowering.report(
            Problem::error(name.at, format!("no request has the field `{}`", name.as_str()))
                .label("requests with an underscore in a name are refused")
                .hint("underscores_in_headers = true in [limits] accepts them"),
        );
    }
}

/// Whether the file could be read so far that something may be concluded from what is missing in it.
pub(super) fn is_read(problems: &[Problem]) -> bool {
    problems.iter().all(|problem| problem.severity != Severity::Error)
}
