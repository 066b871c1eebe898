//! Several files as one: named things are collected, sections without a name may be written once.

use crate::problem::Problem;
use crate::raw::RawConfig;
use crate::raw::decode::{Names, Text};
use crate::raw::service::Service;
use crate::raw::site::SiteEntry;
use crate::raw::stream::Stream;
use crate::raw::{limits, policy, settings};
use crate::source::Located;

/// All files as one.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) listen: Option<Located<settings::Listen>>,
    pub(crate) tls: Option<Located<settings::Tls>>,
    pub(crate) limits: Option<Located<limits::Limits>>,
    pub(crate) log: Option<Located<settings::Log>>,
    pub(crate) admin: Option<Located<settings::Admin>>,
    pub(crate) state: Option<Located<settings::State>>,
    pub(crate) services: Vec<(Text, Located<Service>)>,
    /// Names of services that could not be read at all.
    pub(crate) lost_services: Vec<String>,
    pub(crate) sites: Vec<(Text, Located<SiteEntry>)>,
    pub(crate) streams: Vec<(Text, Located<Stream>)>,
    pub(crate) groups: Vec<(Text, Located<policy::Group>)>,
    pub(crate) networks: Vec<(Text, Located<policy::Prefixes>)>,
    pub(crate) hosts: Vec<(Text, Located<policy::Host>)>,
    /// Names of groups, networks and hosts that could not be read at all.
    pub(crate) lost_names: Vec<String>,
    pub(crate) firewall: Option<Located<policy::Firewall>>,
    pub(crate) nat: Option<Located<policy::Nat>>,
}

impl Merged {
    /// Joins files in their order.
    pub(crate) fn new(configs: Vec<RawConfig>, problems: &mut Vec<Problem>) -> Self {
        let mut merged = Self::default();
        for config in configs {
            once("listen", &mut merged.listen, config.listen, problems);
            once("tls", &mut merged.tls, config.tls, problems);
            once("limits", &mut merged.limits, config.limits, problems);
            once("log", &mut merged.log, config.log, problems);
            once("admin", &mut merged.admin, config.admin, problems);
            once("state", &mut merged.state, config.state, problems);
            once("firewall", &mut merged.firewall, config.firewall, problems);
            once("nat", &mut merged.nat, config.nat, problems);
            named(&mut merged.groups, config.group, &mut merged.lost_names);
            named(&mut merged.networks, config.network, &mut merged.lost_names);
            named(&mut merged.hosts, config.host, &mut merged.lost_names);
            named(&mut merged.services, config.service, &mut merged.lost_services);
            // A stream that could not be read at all is missed by nobody.
            named(&mut merged.streams, config.stream, &mut Vec::new());
            append(&mut merged.sites, config.site.map(|sites| sites.value.0.list).unwrap_or_default());
        }
        merged
    }
}

fn named<T>(list: &mut Vec<(Text, Located<T>)>, section: Option<Located<Names<T>>>, lost: &mut Vec<String>) {
    if let Some(names) = section {
        append(list, names.value.list);
        lost.extend(names.value.lost);
    }
}

/// A long list is moved as it is, where it is the first.
fn append<T>(list: &mut Vec<T>, mut more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.append(&mut more);
    }
}

fn once<T>(
    name: &str,
    slot: &mut Option<Located<T>>,
    section: Option<Located<T>>,
    problems: &mut Vec<Problem>,
) {
    match (slot.as_ref(), section) {
        (Some(first), Some(second)) => problems.push(
            Problem::error(second.at, format!("`[{name}]` is written in two files"))
                .label("again here")
                .related(first.at, "first here")
                .hint("write the whole section in one file"),
        ),
        (None, section) => *slot = section,
        (Some(_), None) => {}
    }
}
