//! `[listen]`, `[tls]`, `[log]`, `[admin]` and `[state]`.

use super::Lowering;
use crate::plan::{AccessLog, Admin, CertificateFiles, Listen, Log, LogFormat, State, Tls, TlsVersion};
use crate::problem::{Problem, closest};
use crate::raw::address::Address;
use crate::raw::decode::{List, Text};
use crate::raw::settings as raw;
use crate::source::{Located, Location};

pub(super) fn listen(raw: Option<&Located<raw::Listen>>, lowering: &mut Lowering<'_>) -> Listen {
    let mut listen = Listen::default();
    let Some(raw) = raw.map(|raw| &raw.value) else { return listen };
    if let Some(addresses) = &raw.addresses {
        check_addresses(addresses, lowering);
        listen.addresses = addresses.value.iter().map(|address| address.value.0).collect();
    }
    if let Some(http) = &raw.http {
        listen.http = http.value.value().map(|port| as_port(port.0));
    }
    if let Some(https) = &raw.https {
        listen.https = as_port(https.value.0);
    }
    listen.ports_written = raw.http.is_some() || raw.https.is_some();
    if listen.http == Some(listen.https) {
        let places: Vec<Location> = [raw.https.as_ref().map(|v| v.at), raw.http.as_ref().map(|v| v.at)]
            .into_iter()
            .flatten()
            .collect();
        if let Some(at) = places.first() {
            let problem = Problem::error(*at, "`http` and `https` are one port").label("the same port");
            lowering
                .report(places.get(1).into_iter().fold(problem, |problem, at| problem.related(*at, "here")));
        }
    }
    listen.h2c = raw.h2c.as_ref().is_some_and(|served| served.value);
    if let Some(proxies) = &raw.proxy_protocol {
        listen.proxy_protocol = proxies.value.iter().map(|network| network.value.0).collect();
    }
    if let Some(proxies) = &raw.trusted_proxies {
        listen.trusted_proxies = proxies.value.iter().map(|network| network.value.0).collect();
    }
    listen
}

/// A port that the decoder found to be in range.
pub(super) fn as_port(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn check_addresses(addresses: &Located<List<Address>>, lowering: &mut Lowering<'_>) {
    if addresses.value.is_empty() {
        lowering.report(
            Problem::error(addresses.at, "there is no address to listen on")
                .label("empty")
                .hint("leave the key out to listen on every address"),
        );
    }
    for (at, address) in addresses.value.iter().enumerate() {
        if let Some(first) = addresses.value[..at].iter().find(|other| other.value == address.value) {
            lowering.report(
                Problem::error(address.at, format!("`{}` is written twice", address.value.0))
                    .label("again here")
                    .related(first.at, "first here"),
            );
        }
    }
}

pub(super) fn tls(raw: Option<&Located<raw::Tls>>, lowering: &mut Lowering<'_>) -> Tls {
    let mut tls = Tls::default();
    let Some(raw) = raw.map(|raw| &raw.value) else { return tls };
    if let Some(version) = &raw.min_version {
        tls.min_version = match version.value {
            raw::TlsVersion::V1_2 => TlsVersion::V1_2,
            raw::TlsVersion::V1_3 => TlsVersion::V1_3,
        };
    }
    tls.http2 = raw.http2.as_ref().is_none_or(|offered| offered.value);
    let written = raw.certificates.iter().flat_map(|list| &list.value);
    tls.certificates = written.filter_map(|pair| certificate(pair, lowering)).collect();
    tls
}

pub(super) fn certificate(
    raw: &Located<raw::Certificate>,
    lowering: &mut Lowering<'_>,
) -> Option<CertificateFiles> {
    let (certificate, key) = (raw.value.certificate.as_ref(), raw.value.key.as_ref());
    if !raw.value.broken {
        require("certificate", certificate, raw.at, lowering);
        require("key", key, raw.at, lowering);
    }
    let certificate = lowering.path(&certificate?.value);
    let key = lowering.path(&key?.value);
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

fn require(name: &str, text: Option<&Located<Text>>, at: Location, lowering: &mut Lowering<'_>) {
    if text.is_none() {
        lowering.report(
            Problem::error(at, format!("a certificate without `{name}`"))
                .label(format!("`{name}` is missing"))
                .hint("write { certificate = \"chain.pem\", key = \"key.pem\" }"),
        );
    }
}

pub(super) fn log(raw: Option<&Located<raw::Log>>, lowering: &mut Lowering<'_>) -> Log {
    let mut log = Log::default();
    let Some(raw) = raw.map(|raw| &raw.value) else { return log };
    if let Some(access) = &raw.access {
        log.access = access_log(&access.value, lowering).unwrap_or_default();
    }
    if let Some(format) = &raw.format {
        log.format = match format.value {
            raw::LogFormat::Json => LogFormat::Json,
            raw::LogFormat::Combined => LogFormat::Combined,
        };
    }
    log
}

fn access_log(text: &Text, lowering: &mut Lowering<'_>) -> Option<AccessLog> {
    match text.as_str() {
        "off" => Some(AccessLog::Off),
        "stdout" => Some(AccessLog::Stdout),
        word if !word.contains('/') => {
            let near = closest(word, ["off", "stdout"]);
            lowering.report(
                Problem::error(text.at, format!("`{word}` is no place for the access log"))
                    .label(
                        near.map_or_else(
                            || "no slash".to_owned(),
                            |near| format!("did you mean \"{near}\"?"),
                        ),
                    )
                    .hint(format!(
                        "write \"off\", \"stdout\" or a path with a slash in it, such as \"./{word}\""
                    )),
            );
            None
        }
        _ => lowering.path(text).map(AccessLog::File),
    }
}

pub(super) fn admin(raw: Option<&Located<raw::Admin>>, lowering: &mut Lowering<'_>) -> Admin {
    let socket = raw.and_then(|raw| raw.value.socket.as_ref());
    Admin { socket: socket.and_then(|socket| lowering.socket(&socket.value)) }
}

pub(super) fn state(raw: Option<&Located<raw::State>>, lowering: &mut Lowering<'_>) -> State {
    let folder = raw.and_then(|raw| raw.value.folder.as_ref());
    State { folder: folder.and_then(|folder| lowering.path(&folder.value)) }
}
