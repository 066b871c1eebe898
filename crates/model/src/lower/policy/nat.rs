//! `[nat]`: this host as a gateway.

use super::super::{Lowering, Merged};
use super::names::{Kind, Names};
use super::peer::{Direction, peers};
use super::prefix::{looks_like_one, prefix};
use super::rules::{Written, end, explicit_id, line, refused, warn_of_loopback};
use super::{allow, interface, limit};
use crate::plan::{Forward, Nat, Rule, RuleId, Traffic, Transport};
use crate::problem::{Problem, shown};
use crate::raw::decode::{OneOrMany, Text};
use crate::raw::policy as raw;
use crate::source::{Located, Location};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

pub(super) fn nat(
    raw: &Located<raw::Nat>,
    merged: &Merged,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Nat {
    refuse_useless(raw, merged, lowering);
    let inside = interface::interfaces(raw.value.inside.as_ref(), lowering);
    let mut forwards: Vec<(Forward, Location)> = Vec::new();
    for entry in raw.value.forward.iter().flat_map(|list| &list.value) {
        let Some(forward) = forward(entry, merged, written, names, lowering) else { continue };
        match forwards.iter().find(|(other, _)| collide(other, &forward)) {
            Some((_, first)) => lowering.report(
                Problem::error(entry.at, format!("`{}` is forwarded already", forward.rule.label))
                    .label("also here")
                    .related(*first, "forwarded here")
                    .hint("a port leads to one host; `on` tells interfaces apart"),
            ),
            None => forwards.push((forward, entry.at)),
        }
    }
    Nat {
        inside,
        masquerade: masquerade(&raw.value, merged, names, lowering),
        forwards: forwards.into_iter().map(|(forward, _)| forward).collect(),
        place: lowering.sources.place(raw.at),
    }
}

/// Refuses what no packet would ever meet.
fn refuse_useless(raw: &Located<raw::Nat>, merged: &Merged, lowering: &mut Lowering<'_>) {
    if merged.firewall.is_none() {
        lowering.report(
            Problem::error(raw.at, "`[nat]` without `[firewall]`")
                .label("would not be enforced")
                .hint("write [firewall]; without it no packet is touched"),
        );
    }
    let is_written = |list: &&Located<OneOrMany<Text>>| !list.value.0.is_empty();
    let inside = raw.value.inside.as_ref().filter(is_written);
    if let Some(masquerade) = raw.value.masquerade.as_ref().filter(is_written)
        && inside.is_none()
        && !raw.value.broken
    {
        lowering.report(
            Problem::error(masquerade.at, "`masquerade` without `inside`")
                .label("nothing would leave through this host")
                .hint("write inside = [\"eth1\"] with the interfaces of the private side"),
        );
    }
}

/// Whether one packet could be forwarded by both.
fn collide(a: &Forward, b: &Forward) -> bool {
    let interfaces =
        a.rule.interface.is_none() || b.rule.interface.is_none() || a.rule.interface == b.rule.interface;
    let overlap = |a: &Traffic, b: &Traffic| match (a, b) {
        (Traffic::Ports { transport, first, last }, Traffic::Ports { transport: t, first: f, last: l }) => {
            transport == t && first <= l && f <= last
        }
        _ => false,
    };
    interfaces
        && a.to.is_ipv4() == b.to.is_ipv4()
        && a.rule.traffic.iter().any(|a| b.rule.traffic.iter().any(|b| overlap(a, b)))
}

fn masquerade(
    keys: &raw::Nat,
    merged: &Merged,
    names: &Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<IpNet> {
    let mut prefixes: Vec<IpNet> = Vec::new();
    for text in keys.masquerade.iter().flat_map(|list| &list.value.0) {
        if looks_like_one(text.value.as_str()) {
            prefixes.extend(prefix(&text.value, lowering));
            continue;
        }
        let Some(name) = names.expect(Kind::Network, &text.value, lowering) else { continue };
        let network = merged.networks.iter().find(|(other, _)| other.as_str() == name.0);
        let written = network.iter().flat_map(|(_, network)| &network.value.0);
        // What is wrong with them is reported where they are written.
        let parsed = written.filter_map(|text| {
            let text = text.value.as_str();
            text.parse().map(IpAddr::into).or_else(|_| text.parse::<IpNet>()).ok()
        });
        prefixes.extend(parsed.map(|prefix: IpNet| prefix.trunc()));
    }
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

fn forward(
    entry: &Located<raw::Forward>,
    merged: &Merged,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Option<Forward> {
    let keys = &entry.value;
    refuse_incomplete(entry, lowering);
    let traffic = keys.port.as_ref().and_then(|port| ports(&port.value, lowering));
    let to = keys.to.as_ref().and_then(|to| destination(&to.value, merged, lowering));
    let peers = peers(keys.from.as_ref(), Direction::Inbound, names, lowering);
    let interface = keys.on.as_ref().and_then(|on| interface::interface(&on.value, lowering));
    warn_of_loopback(interface.as_ref(), keys.on.as_ref(), lowering);
    let id = keys.id.as_ref().and_then(|id| explicit_id(id, written, lowering)).unwrap_or_default();
    let limit = keys.limit.as_ref().and_then(|limit| limit::limit(&limit.value, lowering));
    let note = keys.note.as_ref().and_then(|note| line("note", note, lowering));
    let expires = keys.expires.as_ref().and_then(|expires| end(expires, lowering));
    let (traffic, (to, port)) = (traffic?, to?);
    if port.is_some() && !is_one_port(&traffic) {
        lowering.report(
            Problem::error(entry.at, "several ports cannot lead to one")
                .label("one port there, more of them here")
                .hint("leave the port of `to` out to keep the numbers, or write one forward for each port"),
        );
        return None;
    }
    (!peers.is_empty()).then_some(())?;
    let label = keys.port.as_ref().map(|port| port.value.as_str().to_owned()).unwrap_or_default();
    let place = lowering.sources.place(entry.at);
    let rule = Rule { id: RuleId(id), label, traffic, peers, interface, limit, note, expires, place };
    Some(Forward { rule, to, port })
}

fn refuse_incomplete(entry: &Located<raw::Forward>, lowering: &mut Lowering<'_>) {
    let missing = match (&entry.value.port, &entry.value.to) {
        _ if entry.value.broken => return,
        (None, _) => "port",
        (_, None) => "to",
        (Some(_), Some(_)) => return,
    };
    lowering.report(
        Problem::error(entry.at, format!("a forward without `{missing}`"))
            .label(format!("`{missing}` is missing"))
            .hint("write for example { port = \"8080/tcp\", to = \"10.0.0.5:80\" }"),
    );
}

/// Whether there is one number of a port, of whichever protocols.
fn is_one_port(traffic: &[Traffic]) -> bool {
    let number = |item: &Traffic| match item {
        Traffic::Ports { first, last, .. } if first == last => Some(*first),
        _ => None,
    };
    let first = traffic.first().and_then(number);
    first.is_some() && traffic.iter().all(|item| number(item) == first)
}

/// The ports of a forward: TCP and UDP alone are translated.
fn ports(text: &Text, lowering: &mut Lowering<'_>) -> Option<Vec<Traffic>> {
    let traffic = match allow::parse(text.as_str()) {
        Ok(traffic) => allow::canonical(traffic),
        Err(refusal) => {
            lowering.report(refused(text, refusal));
            return None;
        }
    };
    let translated =
        |item: &Traffic| matches!(item, Traffic::Ports { transport: Transport::Tcp | Transport::Udp, .. });
    if traffic.iter().all(translated) {
        return Some(traffic);
    }
    lowering.report(
        Problem::error(text.inner(), format!("`{}` cannot be forwarded", text.as_str()))
            .label("ports of tcp and udp can")
            .hint("write for example \"8080/tcp\""),
    );
    None
}

/// An address, with or without a port, or a host of the file in its place.
fn destination(text: &Text, merged: &Merged, lowering: &mut Lowering<'_>) -> Option<(IpAddr, Option<u16>)> {
    let written = text.as_str();
    let of_address = written.parse::<IpAddr>().map(|address| (address, None));
    let of_socket = written.parse::<SocketAddr>().map(|socket| (socket.ip(), Some(socket.port())));
    let bracketed = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bracketed = bracketed.and_then(|inner| inner.parse::<IpAddr>().ok()).map(|address| (address, None));
    let found = of_address.or(of_socket).ok().or(bracketed).or_else(|| of_host(written, merged));
    let reachable = |(address, port): &(IpAddr, Option<u16>)| {
        !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || *port == Some(0))
    };
    if found.as_ref().is_some_and(reachable) {
        return found;
    }
    let label =
        if found.is_some() { "no address of another host" } else { "not an address or a declared host" };
    lowering.report(
        Problem::error(text.inner(), format!("{} is no destination", shown(written))).label(label).hint(
            "write for example \"10.0.0.5:80\", \"[2001:db8::5]:80\", or the address alone to keep the port",
        ),
    );
    None
}

/// The first address of a host of the file, IPv4 before IPv6.
fn of_host(written: &str, merged: &Merged) -> Option<(IpAddr, Option<u16>)> {
    let (name, port) = match written.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (written, None),
    };
    let (_, host) = merged.hosts.iter().find(|(host, _)| host.as_str() == name)?;
    let addresses = host.value.addresses.iter().flat_map(|addresses| &addresses.value.0);
    let parsed: Vec<IpAddr> = addresses.filter_map(|text| text.value.as_str().parse().ok()).collect();
    let v4 = parsed.iter().find(|address| address.is_ipv4());
    v4.or(parsed.first()).map(|address| (*address, port))
}
