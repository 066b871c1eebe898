//! The way in: what is for this host, essentials first, then what would go through it; and what refuses.

use super::rule::{ANYCAST, BROADCAST, LOCAL, MULTICAST, rule};
use super::{InSlot, essentials, names, sets};
use crate::nft::Table;

/// The group of `NFLOG` that refusals are told to.
const LOG_GROUP: u16 = 7;

/// Writes `X_in`, `X_host` and `X_refuse`.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let slot = generation.slot;
    let (host, through) = (names::of(slot, "host"), names::of(slot, "through"));
    // Types are numbers of the machine's byte order, so an interval of them cannot be compared.
    let types = [LOCAL, MULTICAST, BROADCAST, ANYCAST];
    let mut rules = types.map(|kind| rule().destination_type(kind).goto(&host)).to_vec();
    rules.push(rule().goto(&through));
    table.chain(&names::of(slot, "in"), rules);

    // Essentials are of this host alone: what goes through it has its errors by connection tracking.
    let mut rules = essentials::inbound(generation);
    rules.extend(essentials::container_services(generation));
    rules.push(rule().goto(&names::of(slot, "policy")));
    table.chain(&host, rules);

    if !generation.canonical.containers.is_empty() {
        table.sets.insert(names::of(slot, "ct"), sets::interfaces(&generation.canonical.containers));
    }
    let prefix = format!("portcullis {} ", slot.letter());
    table.chain(
        &names::of(slot, "refuse"),
        vec![rule().at_most(5, 20).log(LOG_GROUP, prefix).end(), rule().count("frame_refused").discard()],
    );
}
