//! The name of a site: scheme, host and port as one text.

use super::Lowering;
use crate::host::HostPattern;
use crate::plan::{Listen, Scheme, SiteAddress};
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;

/// Why a text is no name of a site.
struct Refusal {
    label: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(label: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { label: label.into(), hint: Some(hint.into()) }
    }
}

/// Reads the name of a site and checks that it can be reached there.
pub(super) fn site_name(text: &Text, listen: &Listen, lowering: &mut Lowering<'_>) -> Option<SiteAddress> {
    match read(text.as_str()).and_then(|address| reachable(address, listen)) {
        Ok(address) => Some(address),
        Err(refusal) => {
            let title = format!("{} cannot be the name of a site", shown(text.as_str()));
            lowering.report(Problem::error(text.at, title).label(refusal.label).hint_maybe(refusal.hint));
            None
        }
    }
}

fn read(text: &str) -> Result<SiteAddress, Refusal> {
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Some(Scheme::Http), rest),
        Some(("https", rest)) => (Some(Scheme::Https), rest),
        Some((other, _)) => {
            return Err(Refusal::new(
                format!("there is no scheme `{other}` for a site"),
                "write http:// or nothing",
            ));
        }
        None => (None, text),
    };
    if let Some(slash) = rest.find('/') {
        let (host, path) = rest.split_at(slash);
        return Err(match path {
            "/" => Refusal::new("a slash at the end", format!("write \"{host}\"")),
            _ => Refusal::new(
                "a site has no path",
                format!("write the site \"{host}\" with the route \"{path}\""),
            ),
        });
    }
    if rest == "*" {
        return Err(Refusal::new(
            "any host is not written `*`",
            "write a port alone, such as \":80\", for plain HTTP",
        ));
    }
    let (host, port) = split_port(rest)?;
    if host.is_empty() {
        return any_host(scheme, port);
    }
    let host = HostPattern::parse(host).map_err(|error| Refusal { label: error.to_string(), hint: None })?;
    Ok(SiteAddress { scheme: scheme.unwrap_or(Scheme::Https), host: Some(host), port })
}

/// `:8080`: plain HTTP for whatever host is asked for, as no certificate could name it.
fn any_host(scheme: Option<Scheme>, port: Option<u16>) -> Result<SiteAddress, Refusal> {
    if scheme == Some(Scheme::Https) {
        return Err(Refusal::new(
            "HTTPS needs a host for its certificate",
            "write the host, or http:// for any host",
        ));
    }
    if port.is_none() {
        return Err(Refusal::new(
            "there is neither a host nor a port",
            "write a host such as \"example.com\"",
        ));
    }
    Ok(SiteAddress { scheme: Scheme::Http, host: None, port })
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Refusal> {
    let after_bracket = text.rfind(']').map_or(0, |bracket| bracket + 1);
    if after_bracket == 0 && text.matches(':').count() > 1 {
        return Err(Refusal::new("an IPv6 address stands in brackets", format!("write \"[{text}]\"")));
    }
    let Some(colon) = text[after_bracket..].find(':').map(|colon| colon + after_bracket) else {
        return Ok((text, None));
    };
    let port = &text[colon + 1..];
    let canonical =
        !port.is_empty() && !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if canonical => Ok((&text[..colon], Some(port))),
        _ => Err(Refusal { label: format!("{} is not a port from 1 to 65535", shown(port)), hint: None }),
    }
}

/// Refuses a site on a port that is off or that speaks the other scheme.
fn reachable(address: SiteAddress, listen: &Listen) -> Result<SiteAddress, Refusal> {
    let refused = match (address.scheme, address.port) {
        (Scheme::Http, None) if listen.http.is_none() => {
            Some(("plain HTTP is off".to_owned(), "write a port, or set `http` in [listen]".to_owned()))
        }
        (Scheme::Http, Some(port)) if port == listen.https => {
            Some((format!("port {port} is for HTTPS"), "write another port".to_owned()))
        }
        (Scheme::Https, Some(port)) if listen.http == Some(port) => Some((
            format!("port {port} is for plain HTTP"),
            "write http:// before it, or another port".to_owned(),
        )),
        _ => None,
    };
    match refused {
        Some((label, hint)) => Err(Refusal::new(label, hint)),
        None => Ok(address),
    }
}

/// The port where a site is reached.
pub(super) fn port(address: &SiteAddress, listen: &Listen) -> Option<u16> {
    address.port.or(match address.scheme {
        Scheme::Https => Some(listen.https),
        Scheme::Http => listen.http,
    })
}
