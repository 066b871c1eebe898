//! Rules about single keys and a few prefixes: thousands of them are one map, and not a chain for each.
//!
//! A map is about prefixes of one length. A packet is looked up by the network of this length that its address is in,
//! and by its key; what is found counts for its rule and passes.

use super::peers::prefixes;
use super::rule::{Part, Position, Sentence, address_bytes};
use super::tree::Trees;
use super::{names, sets};
use crate::addresses::Family;
use crate::canonical::{Admission, KeyCell};
use crate::nft::{Element, Field, Rule};
use model::plan::RuleId;
use std::collections::BTreeMap;

/// A map is for so many pairs or more; fewer are chains.
const LEAST: usize = 4;
/// A packet is looked up in so many maps at most, whatever the number of rules.
const LENGTHS: usize = 4;

/// A key and a network whose packets a rule admits.
struct Pair<'a> {
    key: u16,
    network: u128,
    rule: &'a RuleId,
}

/// Pairs with prefixes of one length.
pub(super) struct Pairs<'a> {
    length: u8,
    pairs: Vec<Pair<'a>>,
}

/// Where a map finds what it compares.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) family: Family,
    pub(super) position: Position,
    /// Of the key, counted from the transport header.
    pub(super) offset: u32,
}

/// What maps are made of, and the cells that are left.
pub(super) fn split(cells: &[KeyCell], family: Family) -> (Vec<Pairs<'_>>, Vec<&KeyCell>) {
    let mut count: BTreeMap<u8, usize> = BTreeMap::new();
    for (_, length, _) in cells.iter().filter_map(|cell| single(cell, family)).flatten() {
        *count.entry(length).or_default() += 1;
    }
    let mut common: Vec<(usize, u8)> = count
        .into_iter()
        .filter(|(_, count)| *count >= LEAST)
        .map(|(length, count)| (count, length))
        .collect();
    common.sort_unstable_by(|a, b| b.cmp(a));
    common.truncate(LENGTHS);
    let mut maps: BTreeMap<u8, Vec<Pair<'_>>> = BTreeMap::new();
    let mut left = Vec::new();
    for cell in cells {
        let single = single(cell, family)
            .filter(|all| all.iter().all(|(_, length, _)| common.iter().any(|(_, kept)| kept == length)));
        let Some(single) = single else {
            left.push(cell);
            continue;
        };
        for (network, length, rule) in single {
            maps.entry(length).or_default().push(Pair { key: cell.first, network, rule });
        }
    }
    (maps.into_iter().map(|(length, pairs)| Pairs { length, pairs }).collect(), left)
}

/// Networks, the lengths of their prefixes, and the rules that admit them.
type Networks<'a> = Vec<(u128, u8, &'a RuleId)>;

/// What a cell of one key admits without conditions, where that is a few prefixes.
fn single(cell: &KeyCell, family: Family) -> Option<Networks<'_>> {
    if cell.first != cell.last {
        return None;
    }
    let mut all = Networks::new();
    for (network, length, admission) in prefixes(&cell.peers, family)? {
        let Admission::Open(rule) = admission else { return None };
        all.push((network, length, rule));
    }
    Some(all)
}

impl Pairs<'_> {
    fn key(&self, at: At) -> Vec<Field> {
        if self.length == 0 { vec![Field::Port] } else { vec![sets::address(at.family), Field::Port] }
    }

    fn parts(&self, At { family, position, offset }: At) -> Vec<Part> {
        let key = match position {
            Position::Original | Position::OriginalDestination => Part::OriginalDestinationPort,
            Position::Source | Position::Destination => Part::Key(offset),
        };
        if self.length == 0 { vec![key] } else { vec![Part::Network(family, position, self.length), key] }
    }

    fn element(&self, pair: &Pair<'_>, family: Family) -> Element {
        let mut bytes = pair.key.to_be_bytes().to_vec();
        if self.length != 0 {
            // Fields of several are padded to four bytes.
            bytes.extend([0; 2]);
            bytes.splice(..0, address_bytes(family, pair.network));
        }
        Element::one(bytes)
    }
}

impl Trees<'_, '_> {
    /// The rule that admits pairs; answers count for nobody.
    pub(super) fn pairs(&mut self, pairs: &Pairs<'_>, sentence: Sentence, at: At) -> Rule {
        let map = self.name("x");
        let counts = !at.position.is_original();
        let mut elements: Vec<Element> = Vec::with_capacity(pairs.pairs.len());
        for pair in &pairs.pairs {
            let element = pairs.element(pair, at.family);
            elements.push(if counts { element.counted_by(names::counter(pair.rule)) } else { element });
        }
        elements.sort_unstable_by(|a, b| a.first.cmp(&b.first));
        let parts = pairs.parts(at);
        let (set, rule) = if counts {
            (sets::counters(pairs.key(at), elements), sentence.count_by(&parts, &map))
        } else {
            (sets::sized(pairs.key(at), elements), sentence.parts_in(&parts, &map))
        };
        self.table.sets.insert(map, set);
        rule.accept()
    }
}
