//! Chains of peers: who is admitted, and how. What they do not admit comes back.

use super::names;
use super::rule::{Position, Sentence, address_bytes, rule};
use super::sets;
use super::tree::Trees;
use crate::addresses::Family;
use crate::canonical::{Admission, PeerCell};
use crate::nft::{Element, Rule, Verdict};
use model::plan::RuleId;

/// Up to so many prefixes are rules; beyond, a map is faster.
const PREFIXES: usize = 4;

/// What chains of peers are shared by.
pub(super) type PeersKey<'a> = (Position, Family, &'a [PeerCell]);

/// Whether an admission counts for its rule.
pub(super) type Counting = bool;

impl<'a> Trees<'_, 'a> {
    /// The chain that admits these peers.
    pub(super) fn admission(&mut self, peers: &'a [PeerCell], family: Family, position: Position) -> String {
        if let [cell] = peers
            && (cell.first, cell.last) == (0, family.last())
        {
            return self.admit(&cell.admission, family, position);
        }
        if let Some(chain) = self.peers.get(&(position, family, peers)) {
            return chain.clone();
        }
        let chain = self.name("p");
        let rules = match prefixes(peers, family) {
            Some(prefixes) => self.by_prefix(&prefixes, family, position),
            None => vec![self.by_map(peers, family, position)],
        };
        self.table.chain(&chain, rules);
        self.peers.insert((position, family, peers), chain.clone());
        chain
    }

    fn by_prefix(
        &mut self,
        prefixes: &[(u128, u8, &'a Admission)],
        family: Family,
        position: Position,
    ) -> Vec<Rule> {
        let mut rules = Vec::with_capacity(prefixes.len());
        for &(network, length, admission) in prefixes {
            let from = rule().prefix(family, position, network, length);
            rules.push(match admission {
                Admission::Open(id) => open(from, id, counts(position)),
                Admission::Guarded(_) => from.goto(&self.admit(admission, family, position)),
            });
        }
        rules
    }

    fn by_map(&mut self, peers: &'a [PeerCell], family: Family, position: Position) -> Rule {
        let mut elements = Vec::with_capacity(peers.len());
        for cell in peers {
            let interval =
                Element::range(address_bytes(family, cell.first), address_bytes(family, cell.last));
            elements.push(interval.to(Verdict::Goto(self.admit(&cell.admission, family, position))));
        }
        let map = self.name("m");
        self.table.sets.insert(map.clone(), sets::interval_map(sets::address(family), elements));
        rule().by_address(family, position, &map)
    }

    /// The chain that admits everybody in one way.
    fn admit(&mut self, admission: &'a Admission, family: Family, position: Position) -> String {
        let counting = counts(position);
        match admission {
            Admission::Open(id) => {
                let what = if counting { format!("o_{id}") } else { "pass".to_owned() };
                let chain = names::of(self.slot, &what);
                if !self.table.chains.contains_key(&chain) {
                    self.table.chain(&chain, vec![open(rule(), id, counting)]);
                }
                chain
            }
            Admission::Guarded(guards) => {
                if let Some(chain) = self.guarded.get(&(family, counting, guards.as_slice())) {
                    return chain.clone();
                }
                let chain = self.name("g");
                let rules = self.guards.rules(guards, family, counting);
                self.table.chain(&chain, rules);
                self.guarded.insert((family, counting, guards), chain.clone());
                chain
            }
        }
    }
}

/// Answers count for nobody: their connection was counted when it came.
fn counts(position: Position) -> Counting {
    !position.is_original()
}

fn open(sentence: Sentence, id: &RuleId, counting: Counting) -> Rule {
    if counting { sentence.count(&names::counter(id)).accept() } else { sentence.accept() }
}

/// The prefixes that cells consist of, unless they are many.
pub(super) fn prefixes(peers: &[PeerCell], family: Family) -> Option<Vec<(u128, u8, &Admission)>> {
    let bits = family.bits();
    let mut found = Vec::new();
    for cell in peers {
        let mut first = cell.first;
        loop {
            if found.len() == PREFIXES {
                return None;
            }
            // The largest block that begins at `first` and does not go beyond the cell.
            let mut size = u8::try_from(first.trailing_zeros()).unwrap_or(128).min(bits);
            while last_of(first, size) > cell.last {
                size -= 1;
            }
            found.push((first, bits - size, &cell.admission));
            match last_of(first, size).checked_add(1).filter(|&next| next <= cell.last) {
                Some(next) => first = next,
                None => break,
            }
        }
    }
    Some(found)
}

/// The last address of the block of 2^`size` addresses that begins here.
const fn last_of(first: u128, size: u8) -> u128 {
    if size == 128 { u128::MAX } else { first | ((1 << size) - 1) }
}
