//! `[stream.NAME]`: TCP and UDP services of the gate.

mod alpn;
mod claims;
mod hosts;
mod instances;
mod listen;

use super::limits::{as_size, time};
use super::policy::{Direction, Hosts, Kind, Names, peers};
use super::services::is_service_name;
use super::{Lowering, Merged};
use crate::plan::{
    Balance, Limits, Listen, Plan, ProxyProtocol, Service, Stream, StreamListen, StreamTls, Transport,
};
use crate::problem::Problem;
use crate::raw::decode::Text;
use crate::raw::{service as raw_service, stream as raw};
use crate::source::Located;
use claims::{Claims, Taken};
use std::collections::HashMap;
use std::time::Duration;

/// Silence that ends a connection or a session where nothing is written.
const TCP_IDLE: Duration = Duration::from_secs(3600);
const UDP_IDLE: Duration = Duration::from_secs(60);
/// Sessions of UDP where nothing is written: anybody can make one up with a single datagram.
const UDP_SESSIONS: usize = 4096;

/// The streams of a plan whose `[listen]` and sites are there already.
pub(super) fn streams(
    merged: &Merged,
    plan: &Plan,
    hosts: &Hosts,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<Stream> {
    let mut claims = Claims::new(merged, plan);
    let mut first: HashMap<&str, &Text> = HashMap::new();
    let mut streams = Vec::new();
    for (name, raw) in &merged.streams {
        if !is_service_name(name.as_str()) {
            lowering.report(
                Problem::error(name.at, format!("`{}` cannot be the name of a stream", name.as_str()))
                    .label("letters, digits, `-` and `_`, a letter first, at most 63"),
            );
        }
        if let Some(other) = first.get(name.as_str()) {
            lowering.report(
                Problem::error(name.at, format!("the stream `{}` is written twice", name.as_str()))
                    .label("again here")
                    .related(other.at, "first here"),
            );
            continue;
        }
        first.insert(name.as_str(), name);
        if let Some(stream) = stream(name, raw, (&plan.listen, &plan.limits), hosts, names, lowering) {
            let listen = raw.value.listen.as_ref().map_or(name.at, |listen| listen.at);
            let hosts = hosts::places(&stream, &raw.value);
            claims.add(Taken { stream: stream.clone(), listen, hosts }, lowering);
            streams.push(stream);
        }
    }
    warn_of_no_firewall(merged, lowering);
    streams
}

/// Without `[firewall]` no packet is touched, whatever a stream says.
fn warn_of_no_firewall(merged: &Merged, lowering: &mut Lowering<'_>) {
    if merged.firewall.is_some() {
        return;
    }
    let narrowed = merged.streams.iter().find_map(|(_, raw)| raw.value.from.as_ref());
    if let Some(from) =
        narrowed.filter(|from| !from.value.0.iter().any(|text| text.value.as_str() == "anywhere"))
    {
        lowering.report(
            Problem::warning(from.at, "there is no `[firewall]`, so nothing is filtered")
                .label("this is not enforced")
                .hint("write [firewall] to have packets filtered on these hosts"),
        );
    }
}

fn stream(
    name: &Text,
    raw: &Located<raw::Stream>,
    (listen, limits): (&Listen, &Limits),
    hosts: &Hosts,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Stream> {
    let raw = &raw.value;
    let at = listen::listen(name, raw, lowering);
    // What else is wrong is said all the same.
    let judged = at.unwrap_or(StreamListen { transport: Transport::Tcp, address: None, port: 0 });
    let udp = judged.transport == Transport::Udp;
    let mut stream = Stream {
        name: name.as_str().to_owned(),
        listen: judged,
        service: service(name, raw, instances::instances(name, raw, (listen, judged), hosts, lowering)),
        idle_timeout: if udp { UDP_IDLE } else { TCP_IDLE },
        connections: raw.connections.as_ref().map(|count| as_size(count.value.0)),
        connections_per_address: raw.connections_per_address.as_ref().map(|count| as_size(count.value.0)),
        tls: StreamTls::Off,
        hosts: Vec::new(),
        alpn: alpn::protocols(raw, lowering),
        on: raw.on.as_ref().and_then(|on| names.expect(Kind::Host, &on.value, lowering)),
        from: peers(raw.from.as_ref(), Direction::Inbound, names, lowering),
        place: lowering.sources.place(name.at),
    };
    if udp {
        stream.connections.get_or_insert(UDP_SESSIONS);
        refuse_for_datagrams(raw, lowering);
    }
    warn_of_bounds(&stream, raw, limits, lowering);
    time(&mut stream.idle_timeout, raw.idle_timeout.as_ref());
    hosts::names(&mut stream, name, raw, lowering);
    require_host(name, raw, hosts, lowering);
    at.map(|_| stream)
}

fn service(name: &Text, raw: &raw::Stream, instances: Vec<crate::plan::Target>) -> Service {
    let mut service = Service::with_defaults(name.as_str().to_owned(), instances);
    if let Some(balance) = &raw.balance {
        service.balance = match balance.value {
            raw::Balance::RoundRobin => Balance::RoundRobin,
            raw::Balance::LeastConnections => Balance::LeastRequests,
            raw::Balance::Source => Balance::Source,
        };
    }
    if let Some(version) = &raw.proxy_protocol {
        service.proxy_protocol = match version.value {
            raw_service::ProxyProtocol::Off => None,
            raw_service::ProxyProtocol::V1 => Some(ProxyProtocol::V1),
            raw_service::ProxyProtocol::V2 => Some(ProxyProtocol::V2),
        };
    }
    time(&mut service.connect_timeout, raw.connect_timeout.as_ref());
    time(&mut service.ejection, raw.ejection.as_ref());
    service
}

/// Bounds that are never met, because those of `[limits]` hold for the connections of streams too.
fn warn_of_bounds(stream: &Stream, raw: &raw::Stream, limits: &Limits, lowering: &mut Lowering<'_>) {
    let of_address =
        Some(limits.connections_per_address).filter(|_| stream.listen.transport == Transport::Tcp);
    let bounds = [
        ("connections", raw.connections.as_ref(), limits.connections),
        ("connections_per_address", raw.connections_per_address.as_ref(), of_address),
    ];
    for (key, written, before) in bounds {
        let (Some(written), Some(before)) = (written, before) else { continue };
        if as_size(written.value.0) > before {
            lowering.report(
                Problem::warning(written.at, format!("`{key}` of a stream beyond the one of `[limits]`"))
                    .label(format!("{before} hold before it"))
                    .hint(format!(
                        "write as much as {key} in [limits], which is for sites and streams together"
                    )),
            );
        }
    }
}

/// What only a connection can have.
fn refuse_for_datagrams(raw: &raw::Stream, lowering: &mut Lowering<'_>) {
    let announced =
        raw.proxy_protocol.as_ref().filter(|version| version.value != raw_service::ProxyProtocol::Off);
    let encrypted = raw.tls.as_ref().filter(|tls| tls.value != raw::StreamTls::Off);
    let keys = [
        ("proxy_protocol", announced.map(|value| value.at)),
        ("tls", encrypted.map(|value| value.at)),
        ("connect_timeout", raw.connect_timeout.as_ref().map(|value| value.at)),
    ];
    for (key, at) in keys {
        let Some(at) = at else { continue };
        lowering.report(
            Problem::error(at, format!("`{key}` of a stream over UDP"))
                .label("only of TCP")
                .hint("leave it out; datagrams pass as they are"),
        );
    }
}

/// Where the file names two hosts, a stream says on which it is.
fn require_host(name: &Text, raw: &raw::Stream, hosts: &Hosts, lowering: &mut Lowering<'_>) {
    if raw.on.is_none() && !raw.broken && hosts.len() >= 2 {
        lowering.report(
            Problem::error(name.at, format!("nothing says which host serves the stream `{}`", name.as_str()))
                .label("`on` is missing")
                .hint(format!("write on = \"...\"; the hosts of the file are {}", hosts.names())),
        );
    }
}
