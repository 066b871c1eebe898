//! What foreign tables do to one packet: every base chain on its way is asked, and a drop in any of them is final.
//!
//! `accept` ends its own base chain alone. Where a match is not understood both ways are followed, and the answer says
//! so instead of guessing.

use super::bits::Holds;
use super::flow::{Flow, Tracking};
use super::rule::writes_mark;
use super::targets::{Rewrite, To};
use super::walk::{Ends, walk};
use super::{Facts, ForeignFamily, ForeignTable, Owner, owner};
use crate::addresses::Family;
use crate::nft::{Base, Chain, ChainKind, Hook, TABLE};
use crate::packet::{Packet, Way};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many destinations of one rewriting chain are followed.
const BRANCHES: usize = 8;

/// What foreign tables do to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Every one lets it pass.
    Passes,
    /// One drops it.
    Dropped(Place),
    /// It depends on what is not known.
    Unknown(Place),
}

/// Where a packet is dropped, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The family of the table.
    pub family: ForeignFamily,
    /// The table.
    pub table: String,
    /// The base chain that the kernel entered.
    pub base: String,
    /// The hook.
    pub hook: Hook,
    /// Its priority.
    pub priority: i32,
    /// The chain that decides.
    pub chain: String,
    /// How: the policy, a rule, or what is not known.
    pub why: String,
    /// Whose it is.
    pub owner: Option<Owner>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}, chain {}, {}", self.family.name(), self.table, self.chain, self.why)?;
        match self.owner {
            Some(owner) => write!(f, " ({})", owner.name()),
            None => Ok(()),
        }
    }
}

/// Judges a packet. Our own table is left out.
#[must_use]
pub fn judge(tables: &[ForeignTable], packet: &Packet, facts: &Facts<'_>) -> Judgement {
    Judge::new(tables).packet(packet, facts)
}

/// Tables that are ready to judge many packets.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    bases: Vec<BaseChain<'a>>,
    marked: bool,
}

#[derive(Debug)]
struct BaseChain<'a> {
    table: &'a ForeignTable,
    name: &'a str,
    chain: &'a Chain,
    base: Base,
}

/// A packet on its way.
#[derive(Clone)]
struct Journey<'a> {
    flow: Flow<'a>,
    /// How many base chains of the hook were asked.
    asked: usize,
    /// Whether a chain of the hook rewrote it: the kernel asks no other one then.
    natted: bool,
    doubt: Option<Place>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(tables: &'a [ForeignTable]) -> Self {
        let ours = |table: &ForeignTable| table.family == ForeignFamily::Inet && table.name == TABLE;
        let foreign = || tables.iter().filter(|table| !ours(table));
        let chains = foreign().flat_map(|table| table.table.chains.iter().map(move |chain| (table, chain)));
        let mut bases: Vec<BaseChain<'_>> = chains
            .filter_map(|(table, (name, chain))| Some(BaseChain { table, name, chain, base: chain.base? }))
            .collect();
        bases.sort_by_key(|base| base.base.priority);
        let marked = foreign()
            .flat_map(|table| table.table.chains.values())
            .any(|chain| chain.rules.iter().any(writes_mark));
        Self { bases, marked }
    }

    pub(super) fn packet(&self, packet: &Packet, facts: &Facts<'_>) -> Judgement {
        let hook = match packet.way {
            Way::In | Way::Through => Hook::Ingress,
            Way::Out | Way::Loopback => Hook::Output,
        };
        let flow = Flow::new(packet, facts, self.marked, hook);
        self.travel(Journey { flow, asked: 0, natted: false, doubt: None })
    }

    fn travel(&self, mut journey: Journey<'_>) -> Judgement {
        loop {
            let hook = journey.flow.hook;
            let family = journey.flow.family();
            let chains = self.bases.iter().filter(|base| base.sees(hook, family)).skip(journey.asked);
            for base in chains {
                journey.asked += 1;
                if base.base.kind == ChainKind::Nat
                    && (journey.natted || journey.flow.tracking == Tracking::Untracked)
                {
                    continue;
                }
                let ends = walk(&base.table.table, base.name, base.chain, &base.base, &journey.flow);
                if ends.certainly_dropped() && hook != Hook::Ingress {
                    return Judgement::Dropped(base.place(&ends, true));
                }
                if ends.dropped.is_some() {
                    journey.doubt.get_or_insert_with(|| base.place(&ends, false));
                }
                journey.flow.tracking = match ends.notrack {
                    Some(Holds::Yes) => Tracking::Untracked,
                    Some(Holds::Maybe) => Tracking::Unknown,
                    _ => journey.flow.tracking,
                };
                if !ends.rewrites.is_empty() {
                    return self.branch(&journey, base, &ends);
                }
            }
            match next(hook, journey.flow.packet.way) {
                Some(hook) => journey.flow.hook = hook,
                None => return journey.doubt.map_or(Judgement::Passes, Judgement::Unknown),
            }
            (journey.asked, journey.natted) = (0, false);
        }
    }

    /// Follows every destination that a chain may send the packet to, and the packet that stays as it is.
    fn branch(&self, journey: &Journey<'_>, base: &BaseChain<'_>, ends: &Ends) -> Judgement {
        let unknown = |why: &str| {
            let mut place = base.place(ends, false);
            why.clone_into(&mut place.why);
            Judgement::Unknown(place)
        };
        if ends.rewrites.len() > BRANCHES {
            return unknown("it may be sent to many destinations");
        }
        let mut answers = Vec::new();
        if ends.accepted {
            answers.push(self.travel(journey.clone()));
        }
        for rewrite in &ends.rewrites {
            let mut journey = journey.clone();
            journey.natted = true;
            answers.push(match destination(rewrite, journey.flow.family()) {
                Some(to) => {
                    journey.flow.rewrite(to, rewrite.port);
                    self.travel(journey)
                }
                None => unknown("it is sent to a destination that is not known"),
            });
        }
        merge(answers)
    }
}

/// The new destination; the outer `None` is one that is not known.
fn destination(rewrite: &Rewrite, family: Family) -> Option<Option<IpAddr>> {
    match (&rewrite.to, family) {
        (To::Same, _) => Some(None),
        (To::Address(address), _) => Some(Some(*address)),
        // Any own address does: loopback ones are.
        (To::Here, Family::V4) => Some(Some(Ipv4Addr::LOCALHOST.into())),
        (To::Here, Family::V6) => Some(Some(Ipv6Addr::LOCALHOST.into())),
        (To::Unknown, _) => None,
    }
}

/// One answer for several possible ways.
fn merge(answers: Vec<Judgement>) -> Judgement {
    let dropped = answers.iter().filter(|answer| matches!(answer, Judgement::Dropped(_))).count();
    let all = dropped == answers.len();
    let first = answers.into_iter().find(|answer| *answer != Judgement::Passes);
    match first {
        Some(Judgement::Dropped(place)) if !all => Judgement::Unknown(place),
        Some(answer) => answer,
        None => Judgement::Passes,
    }
}

/// The hook after a hook.
const fn next(hook: Hook, way: Way) -> Option<Hook> {
    match (hook, way) {
        (Hook::Ingress, _) | (Hook::Postrouting, Way::Loopback) => Some(Hook::Prerouting),
        (Hook::Prerouting, Way::Through) => Some(Hook::Forward),
        (Hook::Prerouting, _) => Some(Hook::Input),
        (Hook::Forward | Hook::Output, _) => Some(Hook::Postrouting),
        (Hook::Input | Hook::Postrouting | Hook::Egress, _) => None,
    }
}

impl BaseChain<'_> {
    fn sees(&self, hook: Hook, family: Family) -> bool {
        let seen = match self.table.family {
            ForeignFamily::Ip => family == Family::V4,
            ForeignFamily::Ip6 => family == Family::V6,
            ForeignFamily::Inet => true,
            ForeignFamily::Netdev => hook == Hook::Ingress,
            ForeignFamily::Arp | ForeignFamily::Bridge => false,
        };
        seen && self.base.hook == hook
    }

    fn place(&self, ends: &Ends, certain: bool) -> Place {
        let (chain, why) = match &ends.dropped {
            Some(blame) => (blame.chain.clone(), blame.why.to_owned()),
            None => (self.name.to_owned(), String::new()),
        };
        let why = match (&ends.doubt, certain) {
            (Some(doubt), false) => format!("{why}, which depends on {doubt}"),
            (None, false) if self.base.hook == Hook::Ingress => {
                format!("{why}, on the devices that it is for")
            }
            _ => why,
        };
        Place {
            family: self.table.family,
            table: self.table.name.clone(),
            base: self.name.to_owned(),
            hook: self.base.hook,
            priority: self.base.priority,
            owner: owner::of_chain(self.table, &chain),
            chain,
            why,
        }
    }
}
