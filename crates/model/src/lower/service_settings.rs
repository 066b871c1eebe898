//! The settings of one service beside its instances.

use super::Lowering;
use super::limits::{count, time};
use crate::host::HostName;
use crate::plan::{Balance, InstanceHost, InstanceTls, ProxyProtocol, Service, TargetAddress};
use crate::problem::{Problem, closest, shown};
use crate::raw::decode::Text;
use crate::raw::service as raw;
use crate::source::Located;

pub(super) fn settings(mut service: Service, raw: &raw::Service, lowering: &mut Lowering<'_>) -> Service {
    if let Some(balance) = &raw.balance {
        service.balance = match balance.value {
            raw::Balance::RoundRobin => Balance::RoundRobin,
            raw::Balance::LeastRequests => Balance::LeastRequests,
        };
    }
    if let Some(host) = &raw.host {
        service.host = instance_host(host, &service, lowering).unwrap_or_default();
    }
    if let Some(tls) = &raw.tls {
        service.tls = instance_tls(tls, &service, lowering);
    }
    if let Some(version) = &raw.http {
        http(version, &mut service, lowering);
    }
    if let Some(version) = &raw.proxy_protocol {
        service.proxy_protocol = match version.value {
            raw::ProxyProtocol::Off => None,
            raw::ProxyProtocol::V1 => Some(ProxyProtocol::V1),
            raw::ProxyProtocol::V2 => Some(ProxyProtocol::V2),
        };
    }
    time(&mut service.connect_timeout, raw.connect_timeout.as_ref());
    time(&mut service.response_timeout, raw.response_timeout.as_ref());
    time(&mut service.read_timeout, raw.read_timeout.as_ref());
    if service.instances.iter().any(|target| target.fastcgi) {
        // PHP-FPM reserves a process for each connection, so idle ones could use up all of them.
        service.keep_alive = 0;
    }
    count(&mut service.keep_alive, raw.keep_alive.as_ref());
    time(&mut service.keep_alive_timeout, raw.keep_alive_timeout.as_ref());
    time(&mut service.ejection, raw.ejection.as_ref());
    warn_of_kept(&service, raw, lowering);
    service
}

fn http(version: &Located<raw::HttpVersion>, service: &mut Service, lowering: &mut Lowering<'_>) {
    match version.value {
        raw::HttpVersion::V2 => service.instances.iter_mut().for_each(|target| target.http2 = true),
        raw::HttpVersion::V1_1 => {
            let Some(other) = service.instances.iter().find(|target| target.http2) else { return };
            lowering.report(
                Problem::error(version.at, format!("the instance `{other}` speaks HTTP/2"))
                    .label("would not be obeyed")
                    .hint("leave `http` out, or `h2c://` where the instance is written"),
            );
        }
    }
}

/// Settings of connections that are kept, where none is.
fn warn_of_kept(service: &Service, raw: &raw::Service, lowering: &mut Lowering<'_>) {
    let announced = raw.proxy_protocol.as_ref().filter(|_| service.proxy_protocol.is_some());
    let count = raw.keep_alive.as_ref().filter(|count| announced.is_some() && count.value.0 > 0);
    let time = raw.keep_alive_timeout.as_ref().filter(|_| announced.is_some() || service.keep_alive == 0);
    let keys = [("keep_alive", count.map(|key| key.at)), ("keep_alive_timeout", time.map(|key| key.at))];
    for (key, at) in keys {
        let Some(at) = at else { continue };
        let problem = Problem::warning(at, format!("no connection to `{}` is kept", service.name));
        lowering.report(match (announced, &raw.keep_alive) {
            (Some(announced), _) => problem
                .label(format!("`{key}` has no effect"))
                .related(announced.at, "each connection serves one request"),
            (None, Some(none)) => {
                problem.label(format!("`{key}` has no effect")).related(none.at, "none is kept")
            }
            (None, None) => problem
                .label(format!("`{key}` has no effect"))
                .hint("with FastCGI none is kept unless `keep_alive` says how many"),
        });
    }
}

fn instance_host(
    raw: &Located<Text>,
    service: &Service,
    lowering: &mut Lowering<'_>,
) -> Option<InstanceHost> {
    let fixed = match raw.value.as_str() {
        "client" => return Some(InstanceHost::Client),
        "instance" => {
            refuse_sockets(raw, service, lowering);
            return Some(InstanceHost::Instance);
        }
        fixed => fixed,
    };
    if let Err(error) = crate::host::parse_authority(fixed.as_bytes(), &mut String::new()) {
        let near = closest(fixed, ["client", "instance"]);
        lowering.report(
            Problem::error(raw.value.inner(), format!("{} cannot be sent as `Host`", shown(fixed)))
                .label(near.map_or_else(|| error.to_string(), |near| format!("did you mean \"{near}\"?")))
                .hint("write \"client\", \"instance\", or a host with or without a port"),
        );
        return None;
    }
    Some(InstanceHost::Fixed(fixed.to_owned()))
}

/// A Unix socket has no name that could be sent.
fn refuse_sockets(raw: &Located<Text>, service: &Service, lowering: &mut Lowering<'_>) {
    let socket = service.instances.iter().find(|target| matches!(target.address, TargetAddress::Unix(_)));
    if let Some(socket) = socket {
        lowering.report(
            Problem::error(raw.at, format!("the instance `{socket}` has no host"))
                .label("a Unix socket is no host")
                .hint("write \"client\" or a fixed name"),
        );
    }
}

fn instance_tls(
    raw: &Located<raw::InstanceTls>,
    service: &Service,
    lowering: &mut Lowering<'_>,
) -> InstanceTls {
    let mut tls = InstanceTls::default();
    if !service.instances.is_empty() && service.instances.iter().all(|target| !target.tls) {
        lowering.report(
            Problem::error(raw.at, format!("no instance of `{}` is spoken to with TLS", service.name))
                .label("would not be used")
                .hint("write the instances as https://host:port"),
        );
    }
    if let Some(verify) = &raw.value.verify {
        tls.verify = verify.value;
        if !verify.value {
            let warning = Problem::warning(verify.at, "certificates of instances are not verified");
            lowering.report(
                warning
                    .label("whoever is on the way can read and change everything")
                    .hint("trust the instance's own authority with `authorities` instead"),
            );
        }
    }
    if let Some(authorities) = &raw.value.authorities {
        tls.authorities = lowering.path(&authorities.value);
        if !tls.verify {
            let problem = Problem::error(authorities.at, "`authorities` has no use without verification");
            lowering.report(problem.label("would not be used").hint("leave `verify = false` out"));
        }
    }
    tls.server_name = raw.value.server_name.as_ref().and_then(|name| server_name(&name.value, lowering));
    tls
}

fn server_name(text: &Text, lowering: &mut Lowering<'_>) -> Option<String> {
    match HostName::parse(text.as_str()) {
        Ok(name) => Some(name.as_str().to_owned()),
        Err(error) => {
            lowering.report(
                Problem::error(text.inner(), format!("`{}` is not a server name", text.as_str()))
                    .label(error.to_string()),
            );
            None
        }
    }
}
