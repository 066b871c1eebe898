//! A plan as short text for comparison: what is as it is by default is left out.

use model::plan::{
    FilesHandler, Handler, HeaderEdit, Limits, Otherwise, Peer, Piece, Place, PlacedSite, Plan,
    RedirectHandler, RespondHandler, Route, Service, ServiceHandler, Stream, StreamTls, Template,
};
use std::fmt::Debug;

/// The whole plan.
pub(crate) fn show(plan: &Plan) -> String {
    let default = Plan::default();
    let mut lines = Vec::new();
    part(&mut lines, "", "listen", &plan.listen, &default.listen);
    part(&mut lines, "", "tls", &plan.tls, &default.tls);
    limits(&mut lines, &plan.limits, &default.limits);
    part(&mut lines, "", "log", &plan.log, &default.log);
    part(&mut lines, "", "admin", &plan.admin, &default.admin);
    part(&mut lines, "", "state", &plan.state, &default.state);
    for (index, service) in plan.services.iter().enumerate() {
        self::service(&mut lines, index, service);
    }
    for site in &plan.sites {
        self::site(&mut lines, site);
    }
    for stream in &plan.streams {
        self::stream(&mut lines, stream);
    }
    crate::policy::show(&plan.policy, &mut lines);
    lines.join("\n") + "\n"
}

fn part<T: Debug + PartialEq>(lines: &mut Vec<String>, indent: &str, name: &str, own: &T, default: &T) {
    if own != default {
        lines.push(format!("{indent}{name}: {own:?}"));
    }
}

fn limits(lines: &mut Vec<String>, limits: &Limits, default: &Limits) {
    let own = format!("{limits:#?}");
    let default = format!("{default:#?}");
    if own != default {
        lines.push(format!("limits: {}", own.replace("\n        ", "").replace(",\n    )", ")")));
    }
}

fn service(lines: &mut Vec<String>, index: usize, service: &Service) {
    let targets: Vec<String> = service.instances.iter().map(ToString::to_string).collect();
    lines.push(format!("service {index} {:?}: {}", service.name, targets.join(", ")));
    let default = Service::with_defaults(String::new(), Vec::new());
    part(lines, "  ", "balance", &service.balance, &default.balance);
    part(lines, "  ", "tls", &service.tls, &default.tls);
    part(lines, "  ", "fastcgi", &service.fastcgi, &default.fastcgi);
    part(lines, "  ", "host", &service.host, &default.host);
    part(lines, "  ", "connect_timeout", &service.connect_timeout, &default.connect_timeout);
    part(lines, "  ", "response_timeout", &service.response_timeout, &default.response_timeout);
    part(lines, "  ", "read_timeout", &service.read_timeout, &default.read_timeout);
    part(lines, "  ", "keep_alive", &service.keep_alive, &default.keep_alive);
    part(lines, "  ", "keep_alive_timeout", &service.keep_alive_timeout, &default.keep_alive_timeout);
    part(lines, "  ", "ejection", &service.ejection, &default.ejection);
    part(lines, "  ", "on", &service.on, &default.on);
    part(lines, "  ", "groups", &service.groups, &default.groups);
}

fn site(lines: &mut Vec<String>, site: &PlacedSite) {
    let host = site.address.host.as_ref().map_or("any host".to_owned(), ToString::to_string);
    let port = site.address.port.map_or(String::new(), |port| format!(" port {port}"));
    lines.push(format!("site {:?}: {:?} {host}{port}", site.label, site.address.scheme));
    for alias in &site.aliases {
        lines.push(format!("  alias: {alias}"));
    }
    part(lines, "  ", "certificate", &site.certificate, &None);
    part(lines, "  ", "hsts", &site.hsts, &None);
    part(lines, "  ", "error_pages", &site.error_pages, &Vec::new());
    part(lines, "  ", "maintenance", &site.maintenance, &None);
    part(lines, "  ", "on", &site.on, &None);
    part(lines, "  ", "from", &site.from, &vec![Peer::Anywhere]);
    for route in &site.routes {
        self::route(lines, route, &site.place_of(route));
    }
}

fn route(lines: &mut Vec<String>, route: &Route, place: &Place) {
    let place = match place.line {
        0 => "command line".to_owned(),
        line => format!("{}:{line}", place.file),
    };
    lines.push(format!("  route {} ({place})", route.pattern));
    lines.push(format!("    {}", handler(&route.handler)));
    part(lines, "    ", "methods", &route.methods, &Vec::new());
    for condition in &route.headers {
        lines.push(format!("    header {}: {:?}", condition.name, condition.value));
    }
    part(lines, "    ", "encoded_slashes", &route.encoded_slashes, &false);
    part(lines, "    ", "body", &route.body, &None);
    lines.extend(route.request_headers.iter().map(|edit| format!("    request {}", self::edit(edit))));
    lines.extend(route.response_headers.iter().map(|edit| format!("    response {}", self::edit(edit))));
}

fn handler(handler: &Handler) -> String {
    match handler {
        Handler::Service(ServiceHandler { service, strip_prefix, compression, grpc_web }) => {
            let web = if *grpc_web { " grpc_web" } else { "" };
            format!("service {} strip_prefix {strip_prefix:?} compression {compression:?}{web}", service.0)
        }
        Handler::Files(files) => self::files(files),
        Handler::Redirect(RedirectHandler { to, status }) => format!("redirect {status} {}", template(to)),
        Handler::Respond(RespondHandler { status, body, content_type }) => {
            format!("respond {status} {content_type:?} {}", template(body))
        }
    }
}

fn files(files: &FilesHandler) -> String {
    let FilesHandler {
        root,
        skip_segments,
        index,
        fallback,
        otherwise,
        refused_scripts,
        listing,
        precompressed,
        hidden,
        cache_control,
    } = files;
    let otherwise = otherwise.as_ref().map_or(String::new(), |Otherwise { handler, scripts }| {
        format!(
            " otherwise service {} compression {:?} scripts {scripts:?}",
            handler.service.0, handler.compression
        )
    });
    let refused =
        if refused_scripts.is_empty() { String::new() } else { format!(" refused {refused_scripts:?}") };
    format!(
        "files {root:?} skip {skip_segments} index {index:?} fallback {fallback:?} listing {listing} \
         precompressed {precompressed} hidden {hidden} cache_control {cache_control:?}{otherwise}{refused}"
    )
}

fn edit(edit: &HeaderEdit) -> String {
    match edit {
        HeaderEdit::Set { name, value } => format!("set {name}: {}", template(value)),
        HeaderEdit::Remove { name } => format!("remove {name}"),
    }
}

fn template(template: &Template) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => format!("{text:?}"),
        Piece::Variable(variable) => format!("{variable:?}"),
    };
    template.pieces.iter().map(piece).collect::<Vec<_>>().join(" + ")
}

fn stream(lines: &mut Vec<String>, stream: &Stream) {
    let targets: Vec<String> = stream.service.instances.iter().map(ToString::to_string).collect();
    lines.push(format!("stream {:?} {}: {}", stream.name, stream.listen, targets.join(", ")));
    let default = Service::with_defaults(String::new(), Vec::new());
    let service = &stream.service;
    part(lines, "  ", "balance", &service.balance, &default.balance);
    part(lines, "  ", "connect_timeout", &service.connect_timeout, &default.connect_timeout);
    part(lines, "  ", "ejection", &service.ejection, &default.ejection);
    part(lines, "  ", "proxy_protocol", &service.proxy_protocol, &default.proxy_protocol);
    lines.push(format!("  idle_timeout: {:?}", stream.idle_timeout));
    part(lines, "  ", "connections", &stream.connections, &None);
    part(lines, "  ", "connections_per_address", &stream.connections_per_address, &None);
    part(lines, "  ", "tls", &stream.tls, &StreamTls::Off);
    let hosts: Vec<String> = stream.hosts.iter().map(ToString::to_string).collect();
    part(lines, "  ", "hosts", &hosts, &Vec::new());
    part(lines, "  ", "on", &stream.on, &None);
    part(lines, "  ", "from", &stream.from, &vec![Peer::Anywhere]);
}
