//! Who may log in: everybody who reaches a port of sshd, for how long, and who is new among them.

use crate::addresses::{AddressSet, Family};
use crate::canonical::{Admission, Directed, Matrix, PeerCell};
use crate::compiled::Compiled;
use crate::judge::cells;
use crate::rule::{Derived, Direction, Owner, RuleView};
use std::collections::BTreeSet;

const TCP: u8 = 6;

/// Ports of sshd that a policy opens to more than before because no rule names them any more: the derived rule admits
/// everybody in their place. A machine without a policy before is as open as it was.
#[must_use]
pub fn ssh_opened(before: Option<&Compiled>, after: &Compiled) -> BTreeSet<u16> {
    let Some(before) = before else { return BTreeSet::new() };
    let has_derived = before.rules.iter().any(is_derived);
    let is_opened = |port: &u16| {
        let names_it = |rule: &RuleView| {
            rule.direction == Direction::Inbound && !is_derived(rule) && rule.is_about(Family::V4, TCP, *port)
        };
        let was_governed = !has_derived || before.rules.iter().any(names_it);
        was_governed && !reaching(after, *port).subtract(&reaching(before, *port)).is_empty()
    };
    after.rules.iter().filter_map(derived_port).filter(is_opened).collect()
}

/// When the last way in over ssh closes by itself, in seconds since 1970-01-01 UTC; `None` where one stays, and where
/// there is none.
#[must_use]
pub fn way_in_ends(compiled: &Compiled) -> Option<u64> {
    let ports = &compiled.canonical.administration;
    if ports.iter().any(|&port| !reaching(compiled, port).is_empty()) {
        return None;
    }
    let ends = ports.iter().flat_map(|&port| cells_of(compiled, port)).filter_map(last_end);
    ends.max()
}

fn is_derived(rule: &RuleView) -> bool {
    derived_port(rule).is_some()
}

const fn derived_port(rule: &RuleView) -> Option<u16> {
    match rule.owner {
        Owner::Derived(Derived::Sshd { port }) => Some(port),
        _ => None,
    }
}

/// Whether a cell admits by some rule that does not end.
fn is_lasting(cell: &PeerCell) -> bool {
    match &cell.admission {
        Admission::Open(_) => true,
        Admission::Guarded(guards) => guards.iter().any(|guard| guard.expires.is_none()),
    }
}

/// When the last rule of a cell ends, where each of them does.
fn last_end(cell: &PeerCell) -> Option<u64> {
    match &cell.admission {
        Admission::Guarded(guards) if !is_lasting(cell) => {
            guards.iter().filter_map(|guard| guard.expires).max()
        }
        _ => None,
    }
}

/// Whether `[nat]` leads a TCP port of this host to another one.
pub(super) fn is_forwarded(compiled: &Compiled, port: u16, family: Family) -> bool {
    compiled.canonical.nat.as_ref().is_some_and(|nat| nat.forwarded(TCP, port, family).is_some())
}

/// Everybody who may reach a TCP port of this host through some interface, and not just until some rule ends.
pub(super) fn reaching(compiled: &Compiled, port: u16) -> AddressSet {
    let denied = &compiled.canonical.denied;
    let denied = AddressSet { v4: denied.v4.clone().into(), v6: denied.v6.clone().into() };
    // What claims to come from loopback never comes in, whatever a rule says.
    let loopback = AddressSet::from_intervals([(Family::V4, 0x7f00_0000, 0x7fff_ffff), (Family::V6, 1, 1)]);
    let lasting = |family: Family, matrix: &Matrix| {
        let cells = cells(matrix, family, TCP, port).iter().filter(|cell| is_lasting(cell));
        cells.map(|cell| (family, cell.first, cell.last)).collect::<Vec<_>>()
    };
    let of = |matrix: &Matrix| {
        let own = Family::BOTH.into_iter().filter(|&family| !is_forwarded(compiled, port, family));
        AddressSet::from_intervals(own.flat_map(|family| lasting(family, matrix)))
    };
    let all = matrices(compiled).fold(AddressSet::empty(), |all, matrix| all.union(&of(matrix)));
    all.subtract(&denied).subtract(&loopback)
}

fn cells_of(compiled: &Compiled, port: u16) -> impl Iterator<Item = &PeerCell> {
    let of = move |matrix| Family::BOTH.into_iter().flat_map(move |family| cells(matrix, family, TCP, port));
    matrices(compiled).flat_map(of)
}

fn matrices(compiled: &Compiled) -> impl Iterator<Item = &Matrix> {
    let Directed { elsewhere, interfaces } = &compiled.canonical.inbound;
    std::iter::once(elsewhere).chain(interfaces.values())
}
