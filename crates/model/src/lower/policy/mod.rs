//! Groups, networks, hosts, the firewall and the gateway: who may reach what, in the words of the file.
//!
//! Names are checked here, never resolved to addresses: what they mean on one machine is decided where that machine
//! is known.

mod allow;
mod distinct;
mod firewall;
mod groups;
mod hosts;
mod ids;
mod interface;
mod limit;
mod moment;
mod names;
mod nat;
mod peer;
mod prefix;
mod rules;

pub(super) use hosts::{Hosts, Resolved, hosts};
pub(super) use names::{Kind, Names};
pub(super) use peer::{Direction, peers};

use super::{Lowering, Merged};
use crate::plan::{Group, Name, Peer, PlacedSite, Policy, RuleLimit, Traffic};
use crate::problem::Problem;
use crate::raw::decode::{OneOrMany, Text};
use crate::source::Located;
use distinct::Distinct;
use rules::Written;

/// What several items of `allow` say together, in the one form of a plan; nothing where one of them is wrong.
pub(crate) fn traffic_of<'a>(allow: impl Iterator<Item = &'a str>) -> Option<Vec<Traffic>> {
    let mut traffic = Vec::new();
    for item in allow {
        traffic.extend(allow::parse(item).ok()?);
    }
    (!traffic.is_empty()).then(|| allow::canonical(traffic))
}

/// What a limit says; nothing where it is wrong.
pub(crate) fn limit_of(text: &str) -> Option<RuleLimit> {
    limit::parse(text).ok()
}

/// When a rule ends that has this end; nothing where it is wrong.
pub(crate) fn ends_at(text: &str) -> Option<u64> {
    moment::parse(text).ok()
}

/// The policy of every host that the file names.
pub(super) fn policy(
    merged: &Merged,
    hosts: &Hosts,
    sites: &[PlacedSite],
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Policy {
    let mut written = Written::default();
    let firewall = merged.firewall.as_ref().map(|raw| firewall::firewall(raw, &mut written, names, lowering));
    let mut policy = Policy {
        firewall,
        groups: groups::groups(merged, &mut written, names, lowering),
        networks: groups::networks(merged, names, lowering),
        hosts: hosts.list.clone(),
        nat: merged.nat.as_ref().map(|raw| nat::nat(raw, merged, &mut written, names, lowering)),
    };
    if merged.nat.is_none() && merged.firewall.is_none() {
        warn_of_no_firewall(merged, &policy.groups, sites, lowering);
    }
    ids::assign(&mut policy);
    policy
}

/// Without `[firewall]` no packet is touched, whatever groups and sites say.
fn warn_of_no_firewall(merged: &Merged, groups: &[Group], sites: &[PlacedSite], lowering: &mut Lowering<'_>) {
    let has_rules = |group: &&Group| !group.inbound.is_empty() || group.outbound.is_some();
    let group = groups.iter().find(has_rules).map(|group| group.name.0.as_str());
    let group = group.and_then(|name| merged.groups.iter().find(|(text, _)| text.as_str() == name));
    let narrowed = sites.iter().find(|site| site.from != [Peer::Anywhere]);
    let site = narrowed.and_then(|site| merged.sites.iter().find(|(text, _)| text.as_str() == site.label));
    let (at, label) = match (group, site) {
        (Some((text, _)), _) => (text.at, "these rules are not enforced"),
        (None, Some((text, _))) => (text.at, "its `from` is not enforced"),
        (None, None) => return,
    };
    lowering.report(
        Problem::warning(at, "there is no `[firewall]`, so nothing is filtered")
            .label(label)
            .hint("write [firewall] to have packets filtered on these hosts"),
    );
}

/// Names of groups that something carries; one that is written twice counts once.
pub(super) fn carried(
    raw: Option<&Located<OneOrMany<Text>>>,
    names: &Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<Name> {
    let mut groups = Distinct::new();
    for text in raw.iter().flat_map(|raw| &raw.value.0) {
        let Some(name) = names.expect(Kind::Group, &text.value, lowering) else { continue };
        groups.add(name, text.value.as_str(), text.at, lowering);
    }
    groups.into_list()
}
