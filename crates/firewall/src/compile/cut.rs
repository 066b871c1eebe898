//! Flows that a peer opened and the policy refuses, remembered for longer than connection tracking does.
//!
//! Once connection tracking has forgotten such a flow, the next datagram of a server that goes on sending would count as
//! the first one of this side, and whatever the peer sends as an answer to it. TCP has no need of this: its sockets are
//! destroyed, and what comes from behind this host in the midst of an unknown connection is refused.

use super::rule::{Part, Position, TCP, rule};
use super::{InSlot, names, sets};
use crate::addresses::Family;
use crate::nft::{Field, Rule, Table};

/// How long a flow is remembered after the last datagram that was refused, in milliseconds: a day.
pub(super) const MEMORY: u64 = 24 * 60 * 60 * 1000;

/// Flows of a family that are remembered at most. The kernel makes room for them at once: 256 KiB.
pub(super) const FLOWS: u32 = 16_384;

/// Writes `X_cut` and its sets.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let mut rules = Vec::new();
    for family in Family::BOTH {
        let name = names::by_family(generation.slot, "cut", family);
        let key = vec![sets::address(family), Field::Port, Field::Protocol, Field::Port];
        let peer = Part::Address(family, Position::Destination);
        let flow = [peer, Part::DestinationPort, Part::Protocol, Part::SourcePort];
        let remembered = rule().family(family).parts_in(&flow, &name).renewed(&name, MEMORY);
        rules.push(remembered.goto(&names::of(generation.slot, "refuse")));
        table.sets.insert(name, sets::remembered(key, FLOWS));
    }
    table.chain(&names::of(generation.slot, "cut"), rules);
}

/// What is asked about packets that seem to be the first ones of this side.
pub(super) fn asked(generation: &InSlot<'_>) -> Rule {
    rule().protocol_is_not(TCP).jump(&names::of(generation.slot, "cut"))
}
