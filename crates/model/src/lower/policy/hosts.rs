//! `[host.NAME]`, and what stands for its address in targets.

use super::super::{Lowering, Merged};
use super::carried;
use super::distinct::Distinct;
use super::names::{Kind, Names};
use super::prefix::address;
use crate::plan::{Host, Name, Target, TargetAddress};
use crate::problem::Problem;
use crate::raw::decode::{OneOrMany, Text};
use crate::source::{Located, Location};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The hosts of the file.
#[derive(Debug, Default)]
pub(in super::super) struct Hosts {
    pub(super) list: Vec<Host>,
}

/// Where a target leads that names a host of the file.
pub(in super::super) struct Resolved {
    /// The target by address.
    pub(in super::super) target: Target,
    /// The name of the host as it was written in the target, where that was no address.
    pub(in super::super) name: Option<String>,
}

impl Hosts {
    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Their names, for a hint.
    pub(in super::super) fn names(&self) -> String {
        self.list.iter().map(|host| host.name.0.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The target with the address in place of the name of a host: IPv4 first. Reports a host without addresses.
    pub(in super::super) fn resolve(
        &self,
        target: Target,
        at: Location,
        lowering: &mut Lowering<'_>,
    ) -> Option<Resolved> {
        let TargetAddress::Tcp { host: name, port } = &target.address else {
            return Some(Resolved { target, name: None });
        };
        let Some(host) = self.list.iter().find(|host| host.name.0.eq_ignore_ascii_case(name)) else {
            return Some(Resolved { target, name: None });
        };
        let v4 = host.addresses.iter().find(|address| address.is_ipv4());
        let Some(address) = v4.or(host.addresses.first()) else {
            lowering.report(
                Problem::error(at, format!("the host `{}` has no address", host.name))
                    .label("leads nowhere")
                    .hint(format!("write addresses = [\"...\"] in [host.{}]", host.name)),
            );
            return None;
        };
        let tcp = TargetAddress::Tcp { host: address.to_string(), port: *port };
        Some(Resolved { target: Target { address: tcp, ..target }, name: Some(name.clone()) })
    }

    /// The host that has the address of a target.
    pub(in super::super) fn of_target(&self, target: &Target) -> Option<&Name> {
        let TargetAddress::Tcp { host, .. } = &target.address else { return None };
        let address: IpAddr = host.parse().ok()?;
        self.list.iter().find(|host| host.addresses.contains(&address)).map(|host| &host.name)
    }
}

pub(in super::super) fn hosts(merged: &Merged, names: &Names<'_>, lowering: &mut Lowering<'_>) -> Hosts {
    let mut list = Vec::new();
    let mut owners: BTreeMap<IpAddr, (Name, Location)> = BTreeMap::new();
    for (name, raw) in &merged.hosts {
        let own = Name(name.as_str().to_owned());
        let mut addresses = Vec::new();
        for (address, at) in self::addresses(raw.value.addresses.as_ref(), lowering) {
            addresses.push(address);
            if let Some((other, first)) = owners.get(&address) {
                lowering.report(
                    Problem::error(at, format!("`{address}` is an address of two hosts"))
                        .label(format!("of `{own}`"))
                        .related(*first, format!("of `{other}`"))
                        .hint("an address in front of several hosts stands in `public`"),
                );
                continue;
            }
            owners.insert(address, (own.clone(), at));
        }
        let public = self::addresses(raw.value.public.as_ref(), lowering);
        let groups = carried(raw.value.groups.as_ref(), names, lowering);
        let declared =
            names.get(name.as_str()).is_some_and(|own| own.kind == Kind::Host && own.at == name.at);
        if declared {
            list.push(Host {
                name: own,
                addresses,
                public: public.into_iter().map(|(address, _)| address).collect(),
                groups,
                place: lowering.sources.place(name.at),
            });
        }
    }
    Hosts { list }
}

/// The addresses of one list, each once.
fn addresses(raw: Option<&Located<OneOrMany<Text>>>, lowering: &mut Lowering<'_>) -> Vec<(IpAddr, Location)> {
    let mut seen = Distinct::new();
    let mut list = Vec::new();
    for text in raw.iter().flat_map(|raw| &raw.value.0) {
        let Some(address) = address(&text.value, lowering) else { continue };
        if seen.add(address, text.value.as_str(), text.at, lowering) {
            list.push((address, text.at));
        }
    }
    list
}
