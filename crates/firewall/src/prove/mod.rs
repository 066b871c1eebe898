//! Whether a table, as the kernel gave it back, means the policy: not whether it was written the same.
//!
//! The frame and what follows from lists is compared with `==`. The trees are read: `walk` follows every rule and map
//! with exact intervals of keys and addresses, and what each piece comes to is compared with what the canonical form says
//! about it (`expected`). The pieces cover everything, so no packet is left out; the first one that differs is named.

mod expected;
mod fixed;
#[cfg(test)]
pub(crate) mod packets;
mod pairs;
mod region;
#[cfg(test)]
mod tests;
mod walk;

use crate::addresses::Family;
use crate::canonical::{Canonical, Directed};
use crate::compile::rule::name_bytes;
use crate::compile::{InSlot, names};
use crate::nft::{Expression, Field, MetaKey, Table};
use region::{Attempt, Said, State};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use walk::{Walk, Way};

/// The first difference between a policy and a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Something that does not depend on rules is not as it must be.
    Fixed {
        /// The chain, set or counter.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A rule means something that no policy says.
    Unreadable {
        /// The chain.
        chain: String,
        /// What was not understood.
        problem: &'static str,
    },
    /// A packet that the policy and the table say different things about.
    Packet(Box<Counterexample>),
}

/// A packet that the policy and the table say different things about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The chain that was asked.
    pub chain: String,
    /// Whether the address is the destination and not the source.
    pub to: bool,
    /// The interface; `None` is any that neither the policy nor the table names.
    pub interface: Option<String>,
    /// The address at the other end.
    pub address: IpAddr,
    /// The protocol's number.
    pub protocol: u8,
    /// The port, or type × 256 + code of ICMP.
    pub key: u16,
    /// What the policy says.
    pub policy: String,
    /// What the table says.
    pub table: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { name, problem } => write!(f, "{name} {problem}"),
            Self::Unreadable { chain, problem } => write!(f, "chain {chain} has {problem}"),
            Self::Packet(packet) => packet.fmt(f),
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {}, table {}, ", self.policy, self.table)?;
        let protocol = match self.protocol {
            1 => "icmp".to_owned(),
            6 => "tcp".to_owned(),
            17 => "udp".to_owned(),
            58 => "icmpv6".to_owned(),
            other => format!("protocol {other}"),
        };
        let traffic = match self.protocol {
            1 | 58 => format!("{protocol}/{}/{}", self.key >> 8, self.key & 0xff),
            _ => format!("{protocol}/{}", self.key),
        };
        let address = self.address;
        if self.to {
            write!(f, "{traffic} -> {address}")?;
        } else {
            write!(f, "{address} -> {traffic}")?;
        }
        match &self.interface {
            Some(interface) => write!(f, " on {interface}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Difference {}

/// Proves that a table means a policy in force, and another on trial.
///
/// Elements of live sets are no part of it.
///
/// # Errors
///
/// The first difference.
pub fn equal(table: &Table, steady: &InSlot<'_>, trial: Option<&InSlot<'_>>) -> Result<(), Difference> {
    fixed::equal(table, steady, trial)?;
    for generation in [Some(steady), trial].into_iter().flatten() {
        Proof::of(table, generation).trees()?;
    }
    Ok(())
}

struct Proof<'a> {
    table: &'a Table,
    generation: InSlot<'a>,
    interfaces: BTreeSet<Vec<u8>>,
    protocols: BTreeSet<u8>,
}

impl<'a> Proof<'a> {
    fn of(table: &'a Table, generation: &InSlot<'a>) -> Self {
        let mut proof =
            Self { table, generation: *generation, interfaces: BTreeSet::new(), protocols: BTreeSet::new() };
        proof.mention(generation.canonical);
        proof.mention_of_table();
        proof
    }

    fn trees(&self) -> Result<(), Difference> {
        let canonical = self.generation.canonical;
        self.directed("policy", Way::Inbound, &canonical.inbound)?;
        self.directed("from", Way::Answers, &canonical.inbound)?;
        if let Some(outbound) = &canonical.outbound {
            self.directed("to", Way::Outbound, outbound)?;
        }
        match &canonical.container_outbound {
            Some(containers) if !canonical.containers.is_empty() => {
                self.directed("ct_to", Way::Containers, containers)?;
                self.directed("ct_from", Way::Answered, containers)
            }
            _ => Ok(()),
        }
    }

    /// Asks a tree about every interface, family and protocol that anything names, and one more of each.
    fn directed(&self, chain: &str, way: Way, directed: &Directed) -> Result<(), Difference> {
        let chain = names::of(self.generation.slot, chain);
        let interfaces: Vec<Option<&Vec<u8>>> = match way {
            Way::Answers => vec![None],
            _ => self.interfaces.iter().map(Some).chain([None]).collect(),
        };
        for interface in interfaces {
            for family in Family::BOTH {
                for &protocol in self.protocols.iter().chain([&self.other_protocol()]) {
                    if way.is_of_answers() && [1, 58].contains(&protocol) {
                        continue;
                    }
                    let atom = Atom { way, interface, family, protocol };
                    self.atom(&chain, &atom, directed)?;
                }
            }
        }
        Ok(())
    }

    fn atom(&self, chain: &str, atom: &Atom<'_>, directed: &Directed) -> Result<(), Difference> {
        let expected = expected::Expected::of(&self.generation, atom, directed);
        let refuse = names::of(self.generation.slot, "refuse");
        let leaves = Walk::new(self.table, atom, self.interface(atom), refuse).run(chain)?;
        for leaf in leaves {
            if let Some((key, address, policy)) = expected.differs(&leaf) {
                return Err(Difference::Packet(Box::new(self.packet(
                    chain,
                    atom,
                    &leaf,
                    (key, address),
                    &policy,
                ))));
            }
        }
        Ok(())
    }

    fn packet(
        &self,
        chain: &str,
        atom: &Atom<'_>,
        leaf: &State,
        (key, address): (u16, u128),
        policy: &[Attempt],
    ) -> Counterexample {
        let name = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        let low = u32::try_from(address & u128::from(u32::MAX)).unwrap_or_default();
        Counterexample {
            chain: chain.to_owned(),
            to: matches!(atom.way, Way::Outbound | Way::Containers | Way::Answered),
            interface: atom.interface.map(name),
            address: match atom.family {
                Family::V4 => Ipv4Addr::from(low).into(),
                Family::V6 => Ipv6Addr::from(address).into(),
            },
            protocol: atom.protocol,
            key,
            policy: said(policy),
            table: said(&leaf.attempts),
        }
    }

    /// The interface of an atom, or one that nothing names.
    fn interface(&self, atom: &Atom<'_>) -> Vec<u8> {
        let fresh = || (0..).map(|number: u32| name_bytes(&format!("if{number}")));
        atom.interface.cloned().unwrap_or_else(|| {
            fresh()
                .find(|name| !self.interfaces.contains(name))
                .expect("names are finite and numbers are not")
        })
    }

    fn other_protocol(&self) -> u8 {
        (0..=u8::MAX).rev().find(|protocol| !self.protocols.contains(protocol)).unwrap_or_default()
    }

    fn mention(&mut self, canonical: &Canonical) {
        let all =
            [Some(&canonical.inbound), canonical.outbound.as_ref(), canonical.container_outbound.as_ref()];
        for directed in all.into_iter().flatten() {
            self.interfaces.extend(directed.interfaces.keys().map(|name| name_bytes(&name.0)));
            for matrix in std::iter::once(&directed.elsewhere).chain(directed.interfaces.values()) {
                for protocols in [&matrix.v4, &matrix.v6] {
                    self.protocols.extend(protocols.keyed.keys().chain(protocols.plain.keys()));
                }
            }
        }
    }

    /// A table can tell apart what it compares with or looks up, and nothing else.
    fn mention_of_table(&mut self) {
        for set in self.table.sets.values() {
            let keys = set.elements.iter().map(|element| &element.first);
            match set.key.as_slice() {
                [Field::Interface] => self.interfaces.extend(keys.cloned()),
                [Field::Protocol] => self.protocols.extend(keys.filter_map(|key| key.first())),
                _ => {}
            }
        }
        for rule in self.table.chains.values().flat_map(|chain| &chain.rules) {
            for pair in rule.0.windows(2) {
                if let [Expression::Meta { key, .. }, Expression::Compare { value, .. }] = pair {
                    match key {
                        MetaKey::InputName | MetaKey::OutputName => self.interfaces.extend([value.clone()]),
                        MetaKey::L4Proto => self.protocols.extend(value.first()),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// One question to a tree; key and address are open.
pub(crate) struct Atom<'a> {
    way: Way,
    interface: Option<&'a Vec<u8>>,
    family: Family,
    protocol: u8,
}

fn said(attempts: &[Attempt]) -> String {
    let text = |attempt: &Attempt| match (&attempt.said, attempt.conditions.is_empty()) {
        (Said::Refused, _) => "drops".to_owned(),
        (Said::Admitted(None), true) => "allows".to_owned(),
        (Said::Admitted(Some(counter)), true) => format!("allows by {counter}"),
        (Said::Admitted(None), false) => format!("allows on {:?}", attempt.conditions),
        (Said::Admitted(Some(counter)), false) => format!("allows by {counter} on {:?}", attempt.conditions),
    };
    attempts.iter().map(text).collect::<Vec<_>>().join(", else ")
}
