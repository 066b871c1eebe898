//! `[firewall]`.

use super::super::Lowering;
use super::distinct::Distinct;
use super::interface;
use super::names::Names;
use super::peer::{Direction, denied};
use super::rules::{self, Written};
use crate::plan::{Essential, Firewall, Peer, Place, Rule};
use crate::problem::Problem;
use crate::raw::decode::List;
use crate::raw::policy as raw;
use crate::source::{Located, Location};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long a new policy is on trial unless the file says otherwise.
const CONFIRM: Duration = Duration::from_secs(60);

pub(super) fn firewall(
    raw: &Located<raw::Firewall>,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Firewall {
    let keys = &raw.value;
    let mut list = |rules: &Option<Located<List<raw::RuleEntry>>>, direction, lowering: &mut Lowering<'_>| {
        let list = rules.as_ref()?;
        Some(rules::rules(&list.value, direction, written, names, lowering))
    };
    let inbound: Option<Vec<Rule>> = list(&keys.inbound, Direction::Inbound, lowering);
    let outbound = list(&keys.outbound, Direction::Outbound, lowering);
    let container_outbound = list(&keys.container_outbound, Direction::Outbound, lowering);
    let denied = deny(keys, names, lowering);
    Firewall {
        confirm: keys.confirm.as_ref().map_or(CONFIRM, |confirm| confirm.value.0),
        inbound: inbound.unwrap_or_default(),
        outbound,
        deny_files: denied_files(&denied, lowering),
        deny: denied.into_iter().map(|(peer, _)| peer).collect(),
        containers: interface::patterns(keys.containers.as_ref(), lowering),
        container_outbound,
        without: without(keys, lowering),
        drain: keys.drain.as_ref().map_or(Duration::ZERO, |drain| drain.value.0),
        place: lowering.sources.place(raw.at),
    }
}

fn deny(keys: &raw::Firewall, names: &Names<'_>, lowering: &mut Lowering<'_>) -> Vec<(Peer, Location)> {
    let mut list = Distinct::new();
    let mut places = Vec::new();
    for text in keys.deny.iter().flat_map(|deny| &deny.value.0) {
        let Some(peer) = denied(&text.value, names, lowering) else { continue };
        if list.add(peer, text.value.as_str(), text.at, lowering) {
            places.push(text.at);
        }
    }
    list.into_list().into_iter().zip(places).collect()
}

fn denied_files(denied: &[(Peer, Location)], lowering: &Lowering<'_>) -> BTreeMap<PathBuf, Place> {
    let files = denied.iter().filter_map(|(peer, at)| match peer {
        Peer::File(path) => Some((path.clone(), lowering.sources.place(*at))),
        _ => None,
    });
    files.collect()
}

fn without(keys: &raw::Firewall, lowering: &mut Lowering<'_>) -> Vec<Essential> {
    let mut list = Distinct::new();
    for word in keys.without.iter().flat_map(|without| &without.value) {
        let essential = essential(word.value);
        let new = list.add(essential, essential.name(), word.at, lowering);
        if let Some(breaks) = breaks(essential).filter(|_| new) {
            let title = format!("`{}` is switched off", essential.name());
            lowering.report(Problem::warning(word.at, title).label(breaks));
        }
    }
    list.into_list()
}

/// What stops working without an essential, where that is more than most would expect.
fn breaks(essential: Essential) -> Option<&'static str> {
    match essential {
        Essential::NeighborDiscovery => Some("IPv6 stops working: no machine on the link finds this one"),
        Essential::DhcpClient => Some("an address from DHCP is lost when its lease ends"),
        Essential::IcmpErrors => Some("connections over a path with a small MTU hang"),
        _ => None,
    }
}

fn essential(word: raw::Essential) -> Essential {
    match word {
        raw::Essential::IcmpErrors => Essential::IcmpErrors,
        raw::Essential::Ping => Essential::Ping,
        raw::Essential::NeighborDiscovery => Essential::NeighborDiscovery,
        raw::Essential::RouterAdvertisements => Essential::RouterAdvertisements,
        raw::Essential::MulticastListener => Essential::MulticastListener,
        raw::Essential::DhcpClient => Essential::DhcpClient,
        raw::Essential::ContainerServices => Essential::ContainerServices,
        raw::Essential::Resolvers => Essential::Resolvers,
        raw::Essential::Time => Essential::Time,
    }
}
