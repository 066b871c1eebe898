//! The same verdicts the obvious way: every rule is asked in turn. Slow, and made to be believed.
//!
//! It is what the canonical form and the kernel are compared with, so it shares nothing with them but what is decided
//! before any rule is asked.

use crate::compiled::Compiled;
use crate::packet::{Packet, Reason, Refusal, Verdict, Way};
use crate::rule::{Direction, RuleView};
use model::plan::RuleId;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What becomes of a packet, as [`Compiled::judge`] says it too.
#[must_use]
pub fn judge(compiled: &Compiled, packet: &Packet) -> Verdict {
    if let Some(verdict) = compiled.before_rules(packet) {
        return verdict;
    }
    let direction = match packet.way {
        Way::Loopback => return Verdict::Accept(Reason::Loopback),
        Way::In => Direction::Inbound,
        Way::Out => Direction::Outbound,
        Way::Through if compiled.canonical.containers.contains(&packet.interface) => {
            if compiled.canonical.container_outbound.is_none() {
                return Verdict::Accept(Reason::Open);
            }
            Direction::ContainerOutbound
        }
        Way::Through if compiled.is_inside(packet) => return Verdict::Accept(Reason::Open),
        Way::Through => return Verdict::Drop(Refusal::NotForwarded),
    };
    let rules = admitting(compiled, packet, direction);
    let peer = peer(packet, direction);
    let by_address = |rule: &&&RuleView| rule.is_unconditional() && rule.peers.contains(peer);
    let by_name = |rule: &&&RuleView| is_named(compiled, rule, peer);
    if let Some(open) = rules.iter().find(by_name).or_else(|| rules.iter().find(by_address)) {
        return Verdict::Accept(Reason::Rule(open.id.clone()));
    }
    if rules.is_empty() {
        return Verdict::Drop(Refusal::NoRule);
    }
    let guards: BTreeSet<RuleId> = rules.iter().map(|rule| rule.id.clone()).collect();
    Verdict::Accept(Reason::Guarded(guards.into_iter().collect()))
}

/// Every rule that admits a packet, in the order of the file.
#[must_use]
pub fn admitting<'a>(compiled: &'a Compiled, packet: &Packet, direction: Direction) -> Vec<&'a RuleView> {
    let peer = peer(packet, direction);
    compiled
        .rules
        .iter()
        .filter(|rule| rule.direction == direction)
        .filter(|rule| rule.interface.as_ref().is_none_or(|name| *name == packet.interface))
        .filter(|rule| rule.is_about(packet.family(), packet.protocol, packet.key))
        .filter(|rule| rule.peers.contains(peer) || is_named(compiled, rule, peer))
        .collect()
}

fn peer(packet: &Packet, direction: Direction) -> IpAddr {
    if direction == Direction::Inbound { packet.source } else { packet.destination }
}

fn is_named(compiled: &Compiled, rule: &RuleView, peer: IpAddr) -> bool {
    rule.is_unconditional()
        && rule.interface.is_none()
        && rule.domains.iter().any(|name| {
            let addresses = compiled.domains.get(&name.to_ascii_lowercase());
            addresses.is_some_and(|addresses| addresses.contains(peer))
        })
}
