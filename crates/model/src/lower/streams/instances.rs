//! The instances of a stream.

use super::super::Lowering;
use super::super::policy::Hosts;
use super::super::target::{self, Named};
use crate::plan::{Listen, StreamListen, Target, TargetAddress, Transport};
use crate::problem::Problem;
use crate::raw::decode::Text;
use crate::raw::stream as raw;
use crate::source::Location;
use std::net::IpAddr;

/// The targets of a stream that listens here.
pub(super) fn instances(
    name: &Text,
    raw: &raw::Stream,
    own: (&Listen, StreamListen),
    hosts: &Hosts,
    lowering: &mut Lowering<'_>,
) -> Vec<Target> {
    let written = raw.instances.as_ref();
    if written.is_none_or(|list| list.value.is_empty()) && !raw.broken {
        lowering.report(
            Problem::error(
                written.map_or(name.at, |list| list.at),
                format!("the stream `{}` has no instances", name.as_str()),
            )
            .label("where does it run?")
            .hint("write instances = [\"localhost:5432\"]"),
        );
    }
    let mut targets: Vec<(Target, Location)> = Vec::new();
    for text in written.iter().flat_map(|list| &list.value) {
        let Some(target) = instance(&text.value, own, hosts, lowering) else { continue };
        match targets.iter().find(|(other, _)| *other == target) {
            Some((_, first)) => lowering.report(
                Problem::error(text.at, format!("the instance `{target}` is written twice"))
                    .label("again here")
                    .related(*first, "first here"),
            ),
            None => targets.push((target, text.at)),
        }
    }
    targets.into_iter().map(|(target, _)| target).collect()
}

fn instance(
    text: &Text,
    (listen, own): (&Listen, StreamListen),
    hosts: &Hosts,
    lowering: &mut Lowering<'_>,
) -> Option<Target> {
    let refused = |title: String, label: &str, hint: String| {
        Some(Problem::error(text.inner(), title).label(label).hint(hint))
    };
    let target = match target::target(text, lowering)? {
        Named::Address(target) => hosts.resolve(target, text.inner(), lowering)?.target,
        Named::Service => {
            let hint = format!("write \"{}:5432\"", text.as_str());
            lowering.report(refused(
                format!("`{}` is not an address", text.as_str()),
                "the port is missing",
                hint,
            )?);
            return None;
        }
    };
    let problem = match &target.address {
        _ if target.tls => refused(
            format!("`{target}` of a stream"),
            "a stream speaks no TLS with instances",
            "write host:port; `tls = \"passthrough\"` leaves TLS to the instance".to_owned(),
        ),
        _ if target.fastcgi => refused(
            format!("`{target}` of a stream"),
            "a stream moves bytes as they are",
            "write host:port or unix:/path".to_owned(),
        ),
        TargetAddress::Unix(_) if own.transport == Transport::Udp => refused(
            format!("`{target}` of a stream over UDP"),
            "Unix sockets are for TCP",
            "write host:port".to_owned(),
        ),
        address if is_itself(address, listen, own) => refused(
            format!("`{target}` is the stream itself"),
            "would forward to itself",
            "write the port of the application".to_owned(),
        ),
        _ => None,
    };
    let Some(problem) = problem else { return Some(target) };
    lowering.report(problem);
    None
}

/// Whether a target on the loopback is where the stream listens.
fn is_itself(target: &TargetAddress, listen: &Listen, own: StreamListen) -> bool {
    let TargetAddress::Tcp { host, port } = target else { return false };
    if *port != own.port {
        return false;
    }
    let listens = |address: IpAddr| match own.address {
        Some(own) => covers(own, address),
        None => listen.addresses.iter().any(|own| covers(*own, address)),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() && listens(address),
        Err(_) => {
            host == "localhost"
                && [[127, 0, 0, 1].into(), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])]
                    .into_iter()
                    .any(listens)
        }
    }
}

/// Whether a socket of `own` is reached at `address`.
pub(super) fn covers(own: IpAddr, address: IpAddr) -> bool {
    own == address || own.is_unspecified() && own.is_ipv4() == address.is_ipv4()
}
