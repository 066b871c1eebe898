//! Keys that other programs have, or that stand elsewhere here, and what to write in their place. It only helps: none of
//! them is ever read.

/// Keys of some sections, by their titles, and the hint for them.
type Foreign = (&'static [&'static str], &'static [&'static str], &'static str);

const LISTEN: &[&str] = &["`[listen]`"];
const TLS: &[&str] = &["`[tls]`"];
const LIMITS: &[&str] = &["`[limits]`"];
const LOG: &[&str] = &["`[log]`"];
const FILE: &[&str] = &["the file"];
const SERVICE: &[&str] = &["a service"];
const SITE: &[&str] = &["a site"];
const ROUTE: &[&str] = &["a site", "a route"];
const STREAM: &[&str] = &["a stream"];

const FOREIGN: &[Foreign] = &[
    (LISTEN, &["http2"], "`http2` is a key of `[tls]`; `h2c` here is HTTP/2 on ports of plain HTTP"),
    (LISTEN, &["port", "ports"], "the ports are `http` and `https`; a site has another one in its name"),
    (LISTEN, &["bind", "host", "interface"], "write addresses = [\"192.0.2.1\"]"),
    (LISTEN, &["set_real_ip_from", "real_ip_header", "trusted"], "write trusted_proxies = [\"10.0.0.0/8\"]"),
    (TLS, &["protocols", "ssl_protocols", "version", "versions"], "write min_version = \"1.3\""),
    (TLS, &["ciphers", "ssl_ciphers", "cipher_suites"], "suites are not chosen; `min_version` is"),
    (
        TLS,
        &["certificate", "key", "cert", "ssl_certificate", "ssl_certificate_key"],
        "write certificates = [{ certificate = \"chain.pem\", key = \"key.pem\" }]",
    ),
    (LIMITS, &["client_max_body_size", "max_body_size", "body_size"], "write body = \"10MiB\""),
    (
        LIMITS,
        &["timeout", "client_timeout", "client_header_timeout", "client_body_timeout", "send_timeout"],
        "each phase has its own: handshake_timeout, head_timeout, read_timeout, write_timeout, idle_timeout",
    ),
    (
        LIMITS,
        &["keep_alive", "keepalive", "keep_alive_timeout", "keepalive_timeout"],
        "towards clients it is `idle_timeout`",
    ),
    (LIMITS, &["worker_connections", "max_connections", "maxconn"], "write connections = 10000"),
    (
        LIMITS,
        &["client_header_buffer_size", "large_client_header_buffers", "header_size"],
        "write header_bytes = \"16KiB\"",
    ),
    (LOG, &["access_log", "path", "file", "output"], "write access = \"/var/log/portcullis/access.log\""),
    (LOG, &["level", "error_log", "error"], "what the gate itself says goes to standard error"),
    (
        FILE,
        &["server", "servers", "vhost", "virtual_host", "frontend"],
        "a site is written by its name: [site.\"example.com\"]",
    ),
    (FILE, &["upstream", "upstreams", "backend", "backends", "app"], "a service is written [service.NAME]"),
    (FILE, &["tcp", "udp"], "TCP and UDP services are written [stream.NAME]"),
    (FILE, &["ssl", "certificates"], "certificates stand in [tls], or at their site"),
    (
        ROUTE,
        &["proxy_pass", "proxy", "reverse_proxy", "upstream", "backend", "target", "to"],
        "write service = \"localhost:3000\", or the name of a service",
    ),
    (ROUTE, &["fastcgi_pass", "php", "php_fastcgi"], "write service = NAME; [service.NAME] has `fastcgi`"),
    (ROUTE, &["root", "document_root", "static", "dir"], "write files = \"/srv/site\""),
    (
        ROUTE,
        &["try_files"],
        "where no file is found, `fallback` names the file and `otherwise` the service that answers",
    ),
    (ROUTE, &["autoindex", "browse"], "write listing = true"),
    (
        ROUTE,
        &["client_max_body_size", "max_body_size", "body_size", "request_body"],
        "write body = \"10MiB\"; for every route it stands in [limits]",
    ),
    (
        ROUTE,
        &["timeout", "proxy_read_timeout", "proxy_connect_timeout", "proxy_send_timeout"],
        "of an application: `connect_timeout`, `response_timeout` and `read_timeout` in [service.NAME]; of clients: \
         [limits]",
    ),
    (ROUTE, &["return"], "write redirect = \"/new\", or respond = \"text\" with `status`"),
    (ROUTE, &["rewrite"], "`strip_prefix` takes a prefix off, `redirect` sends clients to another path"),
    (ROUTE, &["gzip", "brotli", "zstd", "encode", "compression"], "write compress = true"),
    (
        ROUTE,
        &["headers", "add_header", "proxy_set_header", "proxy_hide_header", "header_up", "header_down"],
        "write request_headers or response_headers = { set = { X-Name = \"value\" } }; `header` is a condition",
    ),
    (ROUTE, &["expires"], "write cache_control = \"max-age=3600\""),
    (ROUTE, &["websocket", "websockets"], "WebSockets pass without a key"),
    (SITE, &["listen", "port"], "the port is part of the site's name: [site.\"example.com:8443\"]"),
    (
        SITE,
        &["server_name", "host", "hosts", "hostname", "domain", "domains", "names"],
        "the name of the site is its host; `aliases` are redirected to it",
    ),
    (
        SITE,
        &["cert", "key", "certificates", "ssl_certificate", "ssl_certificate_key"],
        "write certificate = { certificate = \"chain.pem\", key = \"key.pem\" }",
    ),
    (SITE, &["tls", "ssl", "https"], "a site is served by HTTPS unless its name begins with http://"),
    (SITE, &["http2"], "`http2` is a key of `[tls]`, for all sites"),
    (
        SITE,
        &["location", "locations", "path", "paths", "route"],
        "write routes = { \"/api/\" = \"localhost:3000\" }",
    ),
    (SITE, &["allow", "deny"], "`from` says who may reach its ports; `deny` is a key of `[firewall]`"),
    (
        SERVICE,
        &[
            "server",
            "servers",
            "upstream",
            "upstreams",
            "url",
            "urls",
            "target",
            "targets",
            "address",
            "addresses",
            "backend",
            "backends",
            "port",
            "listen",
        ],
        "write instances = [\"localhost:3000\"]",
    ),
    (
        SERVICE,
        &["timeout", "proxy_read_timeout", "proxy_connect_timeout", "idle_timeout"],
        "write `connect_timeout`, `response_timeout` or `read_timeout`",
    ),
    (
        SERVICE,
        &["lb", "lb_policy", "policy", "strategy", "load_balancing"],
        "write balance = \"least-requests\"",
    ),
    (
        SERVICE,
        &["max_fails", "fail_timeout"],
        "write ejection = \"1s\": how long a failed instance is left alone",
    ),
    (SERVICE, &["protocol", "version", "http2", "h2", "h2c", "grpc"], "write http = \"2\""),
    (SERVICE, &["root", "document_root", "php"], "write fastcgi = { root = \"/srv/app/public\" }"),
    (SERVICE, &["max_connections", "connections"], "of clients: `connections` in [limits]"),
    (STREAM, &["port", "bind"], "write listen = \"5432\""),
    (STREAM, &["protocol", "transport", "udp", "tcp"], "it is part of `listen`: \"53/udp\""),
    (
        STREAM,
        &[
            "proxy_pass",
            "upstream",
            "server",
            "servers",
            "backend",
            "target",
            "to",
            "service",
            "address",
            "addresses",
        ],
        "write instances = [\"10.0.0.1:5432\"]",
    ),
    (STREAM, &["server_name", "sni", "domain", "names", "aliases"], "write hosts = [\"db.example.com\"]"),
    (
        STREAM,
        &["certificate", "certificates", "key", "cert", "ssl_certificate", "ssl_certificate_key"],
        "with tls = \"terminate\" the certificate is the one of `[tls] certificates` that carries a name of `hosts`",
    ),
    (STREAM, &["ssl", "passthrough", "ssl_preread"], "write tls = \"passthrough\" or \"terminate\""),
    (
        STREAM,
        &[
            "timeout",
            "proxy_timeout",
            "proxy_connect_timeout",
            "read_timeout",
            "response_timeout",
            "keep_alive",
        ],
        "write `connect_timeout` or `idle_timeout`",
    ),
];

/// What to write in place of a key that a section does not have.
pub(crate) fn hint(section: &str, key: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let is_meant = |(titles, keys, _): &&Foreign| titles.contains(&section) && keys.contains(&key.as_str());
    FOREIGN.iter().find(is_meant).map(|(_, _, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::section::Section;
    use crate::raw::site::Site;

    #[test]
    fn a_foreign_key_is_no_key_of_its_section() {
        let sections = crate::raw::sections();
        for (titles, keys, _) in FOREIGN {
            for title in *titles {
                let section = sections.iter().find(|section| section.title == *title).expect(title);
                let own = if *title == Site::TITLE { Site::fields() } else { Vec::new() };
                let names: Vec<&str> = section.fields.iter().chain(&own).map(|field| field.name).collect();
                for key in *keys {
                    assert!(!names.contains(key), "{key} of {title}");
                }
            }
        }
    }

    #[test]
    fn a_key_has_one_hint() {
        for (index, (titles, keys, _)) in FOREIGN.iter().enumerate() {
            let others = &FOREIGN[index + 1..];
            for (title, key) in titles.iter().flat_map(|title| keys.iter().map(move |key| (title, key))) {
                assert!(
                    !others.iter().any(|(t, k, _)| t.contains(title) && k.contains(key)),
                    "{key} of {title}"
                );
            }
        }
    }
}
