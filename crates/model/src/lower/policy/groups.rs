//! `[group.NAME]` and `[network]`.

use super::super::{Lowering, Merged};
use super::distinct::Distinct;
use super::names::{Kind, Names};
use super::peer::Direction;
use super::prefix::prefix;
use super::rules::{self, Written, line};
use crate::plan::{Group, Name, Network};
use crate::problem::Problem;
use crate::source::Located;

pub(super) fn groups(
    merged: &Merged,
    written: &mut Written,
    names: &mut Names<'_>,
    lowering: &mut Lowering<'_>,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, raw) in &merged.groups {
        let keys = &raw.value;
        let mut list = |rules: &Option<Located<_>>, direction, lowering: &mut Lowering<'_>| {
            rules.as_ref().map(|list| rules::rules(&list.value, direction, written, names, lowering))
        };
        let inbound = list(&keys.inbound, Direction::Inbound, lowering);
        let outbound = list(&keys.outbound, Direction::Outbound, lowering);
        let description = keys.description.as_ref().and_then(|text| line("description", text, lowering));
        // A name that is refused is reported where it is declared.
        let declared =
            names.get(name.as_str()).is_some_and(|own| own.kind == Kind::Group && own.at == name.at);
        if !declared {
            continue;
        }
        if !names.is_carried(name.as_str()) {
            lowering.report(
                Problem::warning(name.at, format!("nothing carries the group `{}`", name.as_str()))
                    .label("its rules hold nowhere")
                    .hint(format!("write groups = [\"{}\"] in a [host] or a [service]", name.as_str())),
            );
        }
        groups.push(Group {
            name: Name(name.as_str().to_owned()),
            description,
            inbound: inbound.unwrap_or_default(),
            outbound,
            place: lowering.sources.place(name.at),
        });
    }
    groups
}

pub(super) fn networks(merged: &Merged, names: &Names<'_>, lowering: &mut Lowering<'_>) -> Vec<Network> {
    let mut networks = Vec::new();
    for (name, raw) in &merged.networks {
        let mut prefixes = Distinct::new();
        for text in &raw.value.0 {
            let Some(prefix) = prefix(&text.value, lowering) else { continue };
            prefixes.add(prefix, text.value.as_str(), text.at, lowering);
        }
        let declared =
            names.get(name.as_str()).is_some_and(|own| own.kind == Kind::Network && own.at == name.at);
        if declared {
            networks.push(Network {
                name: Name(name.as_str().to_owned()),
                prefixes: prefixes.into_list(),
                place: lowering.sources.place(name.at),
            });
        }
    }
    networks
}
