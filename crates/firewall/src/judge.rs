//! What becomes of a packet, read from the canonical form, which is what the kernel is given.

use crate::addresses::{Family, number};
use crate::canonical::{Admission, Directed, KeyCell, LocalPort, Matrix, PeerCell, Protocols};
use crate::compiled::Compiled;
use crate::essentials::PASSAGES;
use crate::packet::{Packet, Reason, Refusal, Verdict, Way};
use model::plan::{Essential, RuleId};
use std::net::IpAddr;

impl Compiled {
    /// What becomes of a packet in the original direction of its connection. Replies to what passed pass without
    /// being asked, and so do grants and drained connections; bans are refused, and so is what would go through this host in
    /// the midst of a TCP connection that is not known: none of these is policy.
    #[must_use]
    pub fn judge(&self, packet: &Packet) -> Verdict {
        self.before_rules(packet).unwrap_or_else(|| self.by_rules(packet))
    }

    /// What is decided before any rule is asked.
    pub(crate) fn before_rules(&self, packet: &Packet) -> Option<Verdict> {
        match packet.way {
            Way::Loopback => return Some(self.within(packet)),
            Way::Out if self.canonical.outbound.is_none() => return Some(Verdict::Accept(Reason::Open)),
            Way::Out if self.is_of_administration(packet) => return Some(Verdict::Accept(Reason::Open)),
            Way::Out => {}
            Way::In | Way::Through => {
                if is_loopback(packet.source) || is_loopback(packet.destination) {
                    return Some(Verdict::Drop(Refusal::ForgedLoopback));
                }
                if self.is_denied(packet.source) {
                    return Some(Verdict::Drop(Refusal::Denied));
                }
                if self.is_forged_container(packet) {
                    return Some(Verdict::Drop(Refusal::ForgedContainer));
                }
                if opens_nothing(packet) {
                    return Some(Verdict::Drop(Refusal::OpensNothing));
                }
                if self.stays_on_a_bridge(packet) {
                    return Some(Verdict::Accept(Reason::Open));
                }
            }
        }
        self.essential(packet).map(|essential| Verdict::Accept(Reason::Essential(essential)))
    }

    fn by_rules(&self, packet: &Packet) -> Verdict {
        let canonical = &self.canonical;
        let admitted = match packet.way {
            Way::Loopback => return Verdict::Accept(Reason::Loopback),
            Way::In => judge(&canonical.inbound, packet, packet.source),
            Way::Out => match &canonical.outbound {
                None => return Verdict::Accept(Reason::Open),
                Some(outbound) => self.outward(outbound, packet, false),
            },
            Way::Through => return self.through(packet),
        };
        admitted.map_or(Verdict::Drop(Refusal::NoRule), Verdict::Accept)
    }

    /// From another host to a third one: containers and the private side of a gateway may, others not.
    fn through(&self, packet: &Packet) -> Verdict {
        let canonical = &self.canonical;
        if canonical.containers.contains(&packet.interface) {
            let Some(outbound) = &canonical.container_outbound else { return Verdict::Accept(Reason::Open) };
            return self
                .outward(outbound, packet, true)
                .map_or(Verdict::Drop(Refusal::NoRule), Verdict::Accept);
        }
        if self.is_inside(packet) {
            return Verdict::Accept(Reason::Open);
        }
        Verdict::Drop(Refusal::NotForwarded)
    }

    /// To others: by name, then by address.
    fn outward(&self, outbound: &Directed, packet: &Packet, containers: bool) -> Option<Reason> {
        self.to_name(packet, containers).or_else(|| judge(outbound, packet, packet.destination))
    }

    /// Whether a packet is an answer of sshd, which is not tracked and so is not known to be a reply.
    fn is_of_administration(&self, packet: &Packet) -> bool {
        let canonical = &self.canonical;
        let forwards = || canonical.nat.iter().flat_map(|nat| nat.forwards.keys());
        let port = packet.source_port;
        packet.protocol == 6
            && canonical.administration.contains(&port)
            && !forwards().any(|ports| ports.protocol == 6 && (ports.first..=ports.last).contains(&port))
    }

    /// Within this host: everything passes but what goes to a service that is closed to this user.
    fn within(&self, packet: &Packet) -> Verdict {
        let port = LocalPort { protocol: packet.protocol, port: packet.key };
        match self.canonical.local.get(&port) {
            Some(closed) if !packet.user.is_some_and(|user| closed.users.contains(&user)) => {
                Verdict::Reject(Refusal::NotTheGate(closed.service.clone()))
            }
            _ => Verdict::Accept(Reason::Loopback),
        }
    }

    /// Whether a packet comes from the private side of this gateway.
    pub(crate) fn is_inside(&self, packet: &Packet) -> bool {
        self.canonical.nat.as_ref().is_some_and(|nat| nat.inside.contains(&packet.interface))
    }

    fn is_denied(&self, source: IpAddr) -> bool {
        let denied = match source {
            IpAddr::V4(_) => &self.canonical.denied.v4,
            IpAddr::V6(_) => &self.canonical.denied.v6,
        };
        let source = number(source);
        let after = denied.partition_point(|&(first, _)| first <= source);
        after.checked_sub(1).is_some_and(|at| source <= denied[at].1)
    }

    /// Whether a packet claims to come from a container and did not come in by an interface of containers.
    fn is_forged_container(&self, packet: &Packet) -> bool {
        let canonical = &self.canonical;
        canonical.container_sources.contains(packet.source)
            && !canonical.containers.contains(&packet.interface)
    }

    /// Whether it is between containers of one bridge, which is a switch between them: without `br_netfilter` its frames
    /// are never seen, and with it they pass.
    fn stays_on_a_bridge(&self, packet: &Packet) -> bool {
        let behind = || self.bridges.get(&packet.interface);
        packet.way == Way::Through && behind().is_some_and(|behind| behind.contains(packet.destination))
    }

    fn essential(&self, packet: &Packet) -> Option<Essential> {
        let canonical = &self.canonical;
        let containers = canonical.containers.contains(&packet.interface);
        let is_resolver = |address| canonical.resolvers.contains(&address);
        PASSAGES
            .iter()
            .filter(|passage| canonical.essentials.contains(&passage.essential))
            .find(|passage| passage.is_about(packet, containers, is_resolver))
            .map(|passage| passage.essential)
    }

    /// Rules to names: the addresses are those that the names had when they were last resolved.
    fn to_name(&self, packet: &Packet, containers: bool) -> Option<Reason> {
        let is_it = |name: &String| {
            self.domains.get(name).is_some_and(|addresses| addresses.contains(packet.destination))
        };
        let is_about = |traffic: Option<(u8, u16, u16)>| {
            traffic.is_none_or(|(protocol, first, last)| {
                protocol == packet.protocol && (first..=last).contains(&packet.key)
            })
        };
        let rule = self
            .canonical
            .domains
            .iter()
            .find(|rule| rule.containers == containers && is_about(rule.traffic) && is_it(&rule.name));
        rule.map(|rule| Reason::Rule(rule.rule.clone()))
    }
}

/// Whether an address is of the loopback prefixes (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

/// Whether connection tracking takes it for invalid, which only errors survive: an answer to no question, such as an echo
/// reply that comes by itself. Messages between neighbours are not tracked (`nf_conntrack_proto_icmp.c`,
/// `nf_conntrack_proto_icmpv6.c`: `valid_new` and `noct_valid_new`).
fn opens_nothing(packet: &Packet) -> bool {
    match (packet.family(), packet.protocol, packet.key >> 8) {
        (Family::V4, 1, kind) => !matches!(kind, 3 | 8 | 11 | 12 | 13 | 15 | 17),
        (Family::V6, 58, kind) => !matches!(kind, 1..=4 | 128 | 130..=136 | 139 | 143),
        _ => false,
    }
}

/// Asks one direction about the address at the other end.
fn judge(directed: &Directed, packet: &Packet, peer: IpAddr) -> Option<Reason> {
    let matrix = directed.matrix(&packet.interface);
    let cells = cells(matrix, packet.family(), packet.protocol, packet.key);
    let cell = find(cells, number(peer))?;
    Some(match &cell.admission {
        Admission::Open(rule) => Reason::Rule(rule.clone()),
        Admission::Guarded(guards) => {
            let rules: Vec<RuleId> = guards.iter().map(|guard| guard.rule.clone()).collect();
            Reason::Guarded(rules)
        }
    })
}

/// Who is admitted to a protocol and key.
pub(crate) fn cells(matrix: &Matrix, family: Family, protocol: u8, key: u16) -> &[PeerCell] {
    let protocols: &Protocols = matrix.of(family);
    if let Some(keyed) = protocols.keyed.get(&protocol) {
        return find_key(keyed, key).map_or(&[], |cell| &cell.peers);
    }
    protocols.plain.get(&protocol).unwrap_or(&protocols.rest)
}

fn find_key(cells: &[KeyCell], key: u16) -> Option<&KeyCell> {
    let at = cells.partition_point(|cell| cell.first <= key).checked_sub(1)?;
    cells.get(at).filter(|cell| key <= cell.last)
}

fn find(cells: &[PeerCell], address: u128) -> Option<&PeerCell> {
    let at = cells.partition_point(|cell| cell.first <= address).checked_sub(1)?;
    cells.get(at).filter(|cell| address <= cell.last)
}

#[cfg(test)]
mod tests;
