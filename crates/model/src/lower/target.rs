//! Targets: the name of a service, or the address of an instance.

use super::Lowering;
use crate::host::HostName;
use crate::plan::{Listen, Target, TargetAddress};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use std::net::IpAddr;

/// What a target names.
pub(super) enum Named {
    /// A service, by a name that may or may not be declared.
    Service,
    /// An address.
    Address(Target),
}

/// How an instance is spoken to, as its target says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    Http1,
    Http2,
    Tls,
    FastCgi,
}

/// Why a text is no target: the reason and what to write instead.
struct Refusal {
    title: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { title: title.into(), hint: Some(hint.into()) }
    }

    fn plain(title: impl Into<String>) -> Self {
        Self { title: title.into(), hint: None }
    }
}

/// Reads a target. A text without a colon is the name of a service.
pub(super) fn target(text: &Text, lowering: &mut Lowering<'_>) -> Option<Named> {
    let written = text.as_str();
    for (scheme, spoken) in [("unix:", Spoken::Http1), ("fastcgi+unix:", Spoken::FastCgi)] {
        if let Some(socket) = written.strip_prefix(scheme).filter(|socket| !socket.starts_with("//")) {
            let path = text.tail(written.len() - socket.len());
            return lowering.socket(&path).map(|path| address(TargetAddress::Unix(path), spoken));
        }
    }
    match tcp_or_name(written) {
        Ok(Some((address_part, spoken))) => Some(address(address_part, spoken)),
        Ok(None) => Some(Named::Service),
        Err(refusal) => {
            let at = if written.is_empty() { text.at } else { text.inner() };
            lowering.report(Problem::error(at, refusal.title).label("not a target").hint_maybe(refusal.hint));
            None
        }
    }
}

fn address(address: TargetAddress, spoken: Spoken) -> Named {
    Named::Address(Target {
        address,
        tls: spoken == Spoken::Tls,
        http2: spoken == Spoken::Http2,
        fastcgi: spoken == Spoken::FastCgi,
    })
}

fn tcp_or_name(written: &str) -> Result<Option<(TargetAddress, Spoken)>, Refusal> {
    if written.is_empty() {
        return Err(Refusal::new(
            "the target is empty",
            "write a service's name or an address such as localhost:3000",
        ));
    }
    if let Some((scheme, rest)) = written.split_once("://") {
        return with_scheme(scheme, rest).map(Some);
    }
    if let Some(path) = written.strip_prefix("fastcgi:").filter(|path| path.starts_with('/')) {
        return with_scheme("fastcgi", path).map(Some);
    }
    if written.starts_with(['/', '.', '~']) {
        return Err(Refusal::new(
            format!("`{written}` is a path, not a target"),
            format!("files are {{ files = \"{written}\" }}, a Unix socket is \"unix:{written}\""),
        ));
    }
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        let hint = format!("write \"localhost:{written}\"");
        return Err(Refusal::new(format!("`{written}` is a port without a host"), hint));
    }
    if !written.contains(':') {
        return Ok(None);
    }
    host_and_port("", written, None).map(|tcp| Some((tcp, Spoken::Http1)))
}

fn with_scheme(scheme: &str, rest: &str) -> Result<(TargetAddress, Spoken), Refusal> {
    match scheme {
        "https" => host_and_port("https://", rest, Some(443)).map(|tcp| (tcp, Spoken::Tls)),
        "h2c" => host_and_port("h2c://", rest, None).map(|tcp| (tcp, Spoken::Http2)),
        "http" => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let title = match path {
                "" | "/" => "a target without TLS has no scheme",
                _ => "a target without TLS has no scheme, and none has a path",
            };
            let port = if authority.contains(':') { "" } else { ":80" };
            Err(Refusal::new(title, format!("write \"{authority}{port}\"")))
        }
        "fastcgi" if rest.starts_with('/') => {
            let hint = format!("write \"fastcgi+unix:/{}\"", rest.trim_start_matches('/'));
            Err(Refusal::new("a path is a Unix socket, which is written otherwise", hint))
        }
        "fastcgi" => host_and_port("fastcgi://", rest, Some(9000)).map(|tcp| (tcp, Spoken::FastCgi)),
        "unix" | "fastcgi+unix" => {
            let hint = format!("write \"{scheme}:/{}\"", rest.trim_start_matches('/'));
            Err(Refusal::new("the path of a Unix socket follows the colon", hint))
        }
        _ => Err(Refusal::new(
            format!("there is no scheme `{scheme}://` for a target"),
            "a target is host:port, https://host:port, h2c://host:port, fastcgi://host:port, unix:/path or \
             fastcgi+unix:/path",
        )),
    }
}

fn host_and_port(scheme: &str, text: &str, default: Option<u16>) -> Result<TargetAddress, Refusal> {
    if text.contains(['/', '?', '#']) {
        let hint = "leave the path out; `strip_prefix` takes a prefix off what is forwarded";
        return Err(Refusal::new("a target has no path", hint));
    }
    if text.contains('@') {
        return Err(Refusal::plain("a target has no user information"));
    }
    let bare_v6 = text.parse::<std::net::Ipv6Addr>().is_ok();
    if bare_v6 || text.matches(':').count() > 1 && !text.starts_with('[') {
        let hint = format!("write for example \"{scheme}[::1]:3000\"");
        return Err(Refusal::new("an IPv6 address stands in brackets, before its port", hint));
    }
    let (host, port) = match text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, read_port(port)?),
        None => match default {
            Some(port) => (text, port),
            None => {
                return Err(Refusal::new("the port is missing", format!("write \"{scheme}{text}:3000\"")));
            }
        },
    };
    if host.is_empty() {
        return Err(Refusal::new("the host is missing", format!("write \"{scheme}localhost:{port}\"")));
    }
    let name = HostName::parse(host).map_err(|error| Refusal::plain(error.to_string()))?;
    if name.address().is_some_and(|address| address.is_unspecified()) {
        return Err(Refusal::new(
            format!("`{host}` is an address to listen on, not one to connect to"),
            format!("write \"{scheme}localhost:{port}\""),
        ));
    }
    Ok(TargetAddress::Tcp { host: name.as_str().to_owned(), port })
}

/// A port in the one spelling without leading zeros.
fn read_port(text: &str) -> Result<u16, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && !text.starts_with('0') => Ok(port),
        _ => Err(Refusal::plain(format!("{} is not a port from 1 to 65535", shown(text)))),
    }
}

/// Whether a target is a port of this gate on the loopback.
pub(super) fn is_this_gate(target: &Target, listen: &Listen) -> bool {
    let TargetAddress::Tcp { host, port } = &target.address else { return false };
    if listen.http != Some(*port) && listen.https != *port {
        return false;
    }
    let listens = |address: IpAddr| {
        listen
            .addresses
            .iter()
            .any(|own| *own == address || own.is_unspecified() && own.is_ipv4() == address.is_ipv4())
    };
    let loopbacks = [IpAddr::from([127, 0, 0, 1]), std::net::Ipv6Addr::LOCALHOST.into()];
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() && listens(address),
        Err(_) => host == "localhost" && loopbacks.into_iter().any(listens),
    }
}
