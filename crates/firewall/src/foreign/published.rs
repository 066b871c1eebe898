//! Ports that foreign tables send elsewhere: what containers and virtual machines publish around every rule of the host.

use super::attributes::extension;
use super::targets::{Effect, Rewrite, To, effect};
use super::{ForeignFamily, ForeignTable, Owner, of_chain};
use crate::addresses::Family;
use crate::nft::{
    Chain, ChainKind, Expression, Hook, MetaKey, Operator, PayloadBase, Register, Rule, Table, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A port that is sent elsewhere before any input chain sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// Which packets it is about; `None` is both families.
    pub family: Option<Family>,
    /// The protocol's number; `None` is every one.
    pub protocol: Option<u8>,
    /// The first and the last port; `None` is every one.
    pub ports: Option<(u16, u16)>,
    /// The only own address that it is about.
    pub address: Option<IpAddr>,
    /// Where it leads; `None` is this host itself, or not known.
    pub to: Option<IpAddr>,
    /// The port there; `None` keeps it.
    pub to_port: Option<u16>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The chain.
    pub chain: String,
}

/// Every published port, sorted.
#[must_use]
pub fn published(tables: &[ForeignTable]) -> Vec<Published> {
    let mut found = BTreeSet::new();
    for table in tables {
        for name in from_prerouting(&table.table) {
            let Some(chain) = table.table.chains.get(name) else { continue };
            found.extend(chain.rules.iter().flat_map(|rule| of_rule(table, name, rule)));
        }
    }
    found.into_iter().collect()
}

/// Chains that packets from outside come to before routing.
fn from_prerouting(table: &Table) -> BTreeSet<&str> {
    let base = |chain: &Chain| {
        chain.base.is_some_and(|base| base.kind == ChainKind::Nat && base.hook == Hook::Prerouting)
    };
    let mut waiting: Vec<&str> =
        table.chains.iter().filter(|(_, chain)| base(chain)).map(|(name, _)| name.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if let (true, Some(chain)) = (seen.insert(name), table.chains.get(name)) {
            waiting.extend(chain.rules.iter().flat_map(|rule| targets(table, rule)));
        }
    }
    seen
}

/// Chains that a rule leads to.
fn targets<'a>(table: &'a Table, rule: &'a Rule) -> Vec<&'a str> {
    let chain = |verdict: &'a Verdict| match verdict {
        Verdict::Jump(to) | Verdict::Goto(to) => Some(to.as_str()),
        _ => None,
    };
    let mut found = Vec::new();
    for expression in &rule.0 {
        match expression {
            Expression::Verdict(verdict) => found.extend(chain(verdict)),
            Expression::Lookup { set, verdict: true, .. } => {
                let elements = table.sets.get(set).map(|set| set.elements.as_slice()).unwrap_or_default();
                found.extend(elements.iter().filter_map(|element| chain(element.verdict.as_ref()?)));
            }
            _ => {}
        }
    }
    found
}

/// What a register holds, as far as it tells what a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Protocol,
    Port,
    Address,
}

/// What a rule is about, read from its comparisons.
#[derive(Default)]
struct About {
    protocols: Vec<u8>,
    ports: Vec<(u16, u16)>,
    address: Option<IpAddr>,
    loads: BTreeMap<u8, Holds>,
    constants: BTreeMap<u8, Vec<u8>>,
}

fn of_rule(table: &ForeignTable, chain: &str, rule: &Rule) -> Vec<Published> {
    let family = match table.family {
        ForeignFamily::Ip => Some(Family::V4),
        ForeignFamily::Ip6 => Some(Family::V6),
        _ => None,
    };
    let mut about = About::default();
    let Some(rewrite) = rule
        .0
        .iter()
        .find_map(|expression| about.read(&table.table, expression, family.unwrap_or(Family::V4)))
    else {
        return Vec::new();
    };
    let protocols = every(&about.protocols);
    let ports = every(&about.ports);
    let to = match rewrite.to {
        To::Address(address) => Some(address),
        _ => None,
    };
    let one = |(protocol, ports)| Published {
        family: family.or_else(|| about.address.or(to).map(Family::of)),
        protocol,
        ports,
        address: about.address,
        to,
        to_port: rewrite.port,
        owner: of_chain(table, chain),
        chain: chain.to_owned(),
    };
    protocols.iter().flat_map(|protocol| ports.iter().map(|ports| (*protocol, *ports))).map(one).collect()
}

/// Each of them, or `None` where there is no condition.
fn every<T: Copy>(values: &[T]) -> Vec<Option<T>> {
    if values.is_empty() { vec![None] } else { values.iter().copied().map(Some).collect() }
}

fn port(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

impl About {
    /// Takes in one expression; the rewriting one ends it.
    fn read(&mut self, table: &Table, expression: &Expression, family: Family) -> Option<Rewrite> {
        match expression {
            Expression::Meta { key: MetaKey::L4Proto, to } => self.load(*to, Some(Holds::Protocol)),
            Expression::Meta { to, .. } | Expression::Ct { to, .. } | Expression::Fib { to, .. } => {
                self.load(*to, None);
            }
            Expression::Payload { base, offset, length, to } => {
                self.load(*to, Self::field(*base, *offset, *length));
            }
            Expression::Immediate { to, value } => {
                self.constants.insert(to.0, value.clone());
            }
            Expression::Mask { to, .. } => self.load(*to, None),
            Expression::Compare { from, operator: Operator::Equal, value } => {
                self.interval(*from, value, value);
            }
            Expression::Range { from, operator: Operator::Equal, first, last } => {
                self.interval(*from, first, last);
            }
            Expression::Lookup { set, from, inverted: false, .. } => {
                let elements = table.sets.get(set).map(|set| set.elements.as_slice()).unwrap_or_default();
                for element in elements {
                    self.interval(*from, &element.first, &element.last);
                }
            }
            Expression::DestinationNat { address, port, .. } => {
                let to = self.constants.get(&address.0).and_then(|bytes| self::address(bytes));
                return Some(Rewrite { to: to.map_or(To::Unknown, To::Address), port: self.port(*port) });
            }
            Expression::Redirect { port } => return Some(Rewrite { to: To::Here, port: self.port(*port) }),
            Expression::Unknown { name, data } => return self.extension(name, data, family),
            _ => {}
        }
        None
    }

    fn field(base: PayloadBase, offset: u32, length: u32) -> Option<Holds> {
        match (base, offset, length) {
            (PayloadBase::Network, 9 | 6, 1) => Some(Holds::Protocol),
            (PayloadBase::Network, 16, 4) | (PayloadBase::Network, 24, 16) => Some(Holds::Address),
            (PayloadBase::Transport, 2, 2) => Some(Holds::Port),
            _ => None,
        }
    }

    fn load(&mut self, to: Register, holds: Option<Holds>) {
        match holds {
            Some(holds) => self.loads.insert(to.0, holds),
            None => self.loads.remove(&to.0),
        };
    }

    fn interval(&mut self, from: Register, first: &[u8], last: &[u8]) {
        match self.loads.get(&from.0) {
            Some(Holds::Protocol) => self.protocols.extend(first.first()),
            Some(Holds::Port) => self.ports.extend(port(first).zip(port(last))),
            Some(Holds::Address) if first == last => self.address = address(first),
            _ => {}
        }
    }

    fn port(&self, register: Option<Register>) -> Option<u16> {
        port(self.constants.get(&register?.0)?)
    }

    fn extension(&mut self, name: &str, data: &[u8], family: Family) -> Option<Rewrite> {
        let extension = extension(data)?;
        match (name, extension.name) {
            // struct xt_tcp and xt_udp: two source ports, two destination ports, in the machine's order.
            ("match", "tcp" | "udp") => {
                let half =
                    |at: usize| Some(u16::from_ne_bytes(extension.info.get(at..at + 2)?.try_into().ok()?));
                self.protocols = vec![if extension.name == "tcp" { 6 } else { 17 }];
                self.ports.extend(half(4).zip(half(6)).filter(|ports| *ports != (0, u16::MAX)));
                None
            }
            ("target", _) => match effect(&extension, family) {
                Effect::Rewrite(rewrite) => Some(rewrite),
                _ => None,
            },
            _ => None,
        }
    }
}
