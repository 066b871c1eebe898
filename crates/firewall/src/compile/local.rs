//! Local services that only some users of this host may connect to.

use super::rule::{Part, TCP, UDP, rule};
use super::{InSlot, names, sets};
use crate::canonical::{LocalPort, LocalUsers};
use crate::nft::{Field, Rule, Table, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Writes `X_local`, a chain for each distinct set of users, and the map of closed ports.
pub(super) fn write(table: &mut Table, generation: &InSlot<'_>) {
    let slot = generation.slot;
    let closed = &generation.canonical.local;
    let name = names::of(slot, "local");
    if closed.is_empty() {
        table.chain(&name, vec![rule().accept()]);
        return;
    }
    let map = names::of(slot, "closed");
    table.chain(
        &name,
        vec![
            rule().reply().accept(),
            rule().by_parts(&[Part::Protocol, Part::DestinationPort], &map),
            rule().accept(),
        ],
    );
    let refuse = names::of(slot, "not_user");
    table.chain(&refuse, refusal());
    let chains = chains(generation, closed);
    for (users, chain) in &chains {
        table.chain(chain, admission(users, &refuse));
    }
    let elements =
        closed.iter().map(|(port, local)| (key(*port), Verdict::Goto(chains[&local.users].clone())));
    table.sets.insert(map, sets::map(vec![Field::Protocol, Field::Port], elements));
}

fn key(port: LocalPort) -> Vec<u8> {
    let [high, low] = port.port.to_be_bytes();
    vec![port.protocol, 0, 0, 0, high, low, 0, 0]
}

fn chains<'a>(
    generation: &InSlot<'_>,
    closed: &'a BTreeMap<LocalPort, LocalUsers>,
) -> BTreeMap<&'a BTreeSet<u32>, String> {
    let distinct: BTreeSet<&BTreeSet<u32>> = closed.values().map(|local| &local.users).collect();
    let name = |index| names::of(generation.slot, &format!("u{index}"));
    distinct.into_iter().enumerate().map(|(index, users)| (users, name(index))).collect()
}

/// A program that has closed its socket leaves the end of the conversation to the kernel, which no user owns: it may
/// finish, but not begin.
fn admission(users: &BTreeSet<u32>, refuse: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = users.iter().map(|&user| rule().user_is(user).accept()).collect();
    rules.push(rule().has_user().goto(refuse));
    rules.push(rule().tcp_goes_on().accept());
    rules.push(rule().goto(refuse));
    rules
}

fn refusal() -> Vec<Rule> {
    vec![
        rule().count("frame_local").end(),
        rule().protocol(TCP).reset(),
        rule().protocol(UDP).unreachable(),
        rule().discard(),
    ]
}
