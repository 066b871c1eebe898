//! One base chain and one packet: every way through its chains that what is known allows.

use super::bits::Holds;
use super::flow::Flow;
use super::rule::{Decision, Outcome, apply};
use super::targets::Rewrite;
use crate::nft::{Base, Chain, Table, Verdict};
use std::collections::BTreeMap;

/// How deep jumps may be nested (`NFT_JUMP_STACK_SIZE` of the kernel).
const DEPTH: usize = 16;

/// What may become of a packet in a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    /// It may leave the base chain and go on.
    pub(super) accepted: bool,
    /// It may be dropped: where first, and why.
    pub(super) dropped: Option<Blame>,
    /// It may be sent elsewhere.
    pub(super) rewrites: Vec<Rewrite>,
    /// It may come to the end of the chain.
    falls: bool,
    /// Whether it leaves connection tracking.
    pub(super) notrack: Option<Holds>,
    /// What first made it uncertain.
    pub(super) doubt: Option<String>,
}

/// Which chain drops a packet, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) chain: String,
    pub(super) why: &'static str,
}

impl Ends {
    fn anything(chain: &str, doubt: String) -> Self {
        let dropped = Some(Blame { chain: chain.to_owned(), why: "it is not known what becomes of it" });
        Self { accepted: true, dropped, falls: true, doubt: Some(doubt), ..Self::default() }
    }

    fn drop(&mut self, chain: &str, why: &'static str) {
        self.dropped.get_or_insert_with(|| Blame { chain: chain.to_owned(), why });
    }

    fn doubt(&mut self, doubt: Option<String>) {
        if self.doubt.is_none() {
            self.doubt = doubt;
        }
    }

    /// Takes over what another chain may do, save for coming to its end.
    fn absorb(&mut self, other: &Self) {
        self.accepted |= other.accepted;
        if self.dropped.is_none() {
            self.dropped.clone_from(&other.dropped);
        }
        for rewrite in &other.rewrites {
            if !self.rewrites.contains(rewrite) {
                self.rewrites.push(rewrite.clone());
            }
        }
        self.doubt(other.doubt.clone());
    }

    /// Whether it is dropped whatever is not known.
    pub(super) const fn certainly_dropped(&self) -> bool {
        self.dropped.is_some() && !self.accepted && self.rewrites.is_empty()
    }
}

/// Walks a base chain.
pub(super) fn walk(table: &Table, name: &str, chain: &Chain, base: &Base, flow: &Flow<'_>) -> Ends {
    let mut walk = Walk { table, flow, known: BTreeMap::new(), notrack: None };
    let mut ends = walk.chain(name, chain, true, 0);
    if ends.falls {
        if base.accept {
            ends.accepted = true;
        } else {
            ends.drop(name, "policy drop");
        }
    }
    ends.notrack = walk.notrack;
    ends
}

struct Walk<'a> {
    table: &'a Table,
    flow: &'a Flow<'a>,
    /// Chains that were walked: several jumps may lead to one.
    known: BTreeMap<String, Ends>,
    notrack: Option<Holds>,
}

impl Walk<'_> {
    fn named(&mut self, name: &str, certain: bool, depth: usize) -> Ends {
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let ends = match self.table.chains.get(name) {
            _ if depth >= DEPTH => Ends::anything(name, "jumps that are nested too deeply".to_owned()),
            Some(chain) => self.chain(name, chain, certain, depth),
            None => Ends::anything(name, format!("the chain {name}, which is not known")),
        };
        self.known.insert(name.to_owned(), ends.clone());
        ends
    }

    fn chain(&mut self, name: &str, chain: &Chain, mut certain: bool, depth: usize) -> Ends {
        let mut ends = Ends::default();
        for rule in &chain.rules {
            let outcome = apply(rule, self.table, self.flow);
            ends.doubt(outcome.doubt.clone().filter(|_| !outcome.decisions.is_empty()));
            self.untrack(&outcome, certain);
            let mut goes_on = outcome.goes_on;
            for decision in &outcome.decisions {
                goes_on |= self.decide(decision, name, &mut ends, certain && !outcome.goes_on, depth);
            }
            if !goes_on {
                return ends;
            }
            certain &= outcome.decisions.is_empty() || (outcome.decisions.len() == 1 && !outcome.goes_on);
        }
        ends.falls = true;
        ends
    }

    fn untrack(&mut self, outcome: &Outcome, certain: bool) {
        if let Some(held) = outcome.notrack {
            let held = if certain { held } else { Holds::Maybe };
            self.notrack = Some(if self.notrack == Some(Holds::Yes) { Holds::Yes } else { held });
        }
    }

    /// Follows one decision; true where the rule after it may be asked.
    fn decide(
        &mut self,
        decision: &Decision,
        name: &str,
        ends: &mut Ends,
        certain: bool,
        depth: usize,
    ) -> bool {
        match decision {
            Decision::Verdict(Verdict::Accept) => ends.accepted = true,
            Decision::Verdict(Verdict::Drop) => ends.drop(name, "a rule that drops"),
            Decision::Verdict(Verdict::Return) => ends.falls = true,
            Decision::Verdict(Verdict::Continue) => return true,
            Decision::Verdict(Verdict::Jump(to)) => {
                let there = self.named(to, certain, depth + 1);
                ends.absorb(&there);
                return there.falls;
            }
            Decision::Verdict(Verdict::Goto(to)) => {
                let there = self.named(to, certain, depth + 1);
                ends.absorb(&there);
                ends.falls |= there.falls;
            }
            Decision::Reject => ends.drop(name, "a rule that rejects"),
            Decision::Rewrite(rewrite) => {
                if !ends.rewrites.contains(rewrite) {
                    ends.rewrites.push(rewrite.clone());
                }
            }
            Decision::Verdict(Verdict::Queue(_)) | Decision::Unknown => {
                ends.accepted = true;
                ends.drop(name, "it is not known what becomes of it");
            }
        }
        false
    }
}
