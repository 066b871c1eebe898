//! Trees: interface, family, protocol, key, peer. No step costs more when there are more rules.
//!
//! Equal subtrees are one chain. Chains of peers are jumped to, so that what they do not admit comes back to the one rule
//! that refuses.

use super::guards::Guards;
use super::mirror::Mirrored;
use super::outbound::key_offset;
use super::pairs::{self, At};
use super::peers::{Counting, PeersKey};
use super::rule::{ICMP, ICMP6, Position, name_bytes, rule};
use super::{InSlot, Slot, names, sets};
use crate::addresses::Family;
use crate::canonical::{Directed, Guard, KeyCell, Matrix, PeerCell, Protocols};
use crate::nft::{Element, Field, Rule, Table, Verdict};
use std::collections::{BTreeMap, HashMap};

/// Where an interface is looked for.
#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

/// What an interval map of keys is shared by.
type Cells<'a> = Vec<(u16, u16, &'a [PeerCell])>;

/// Writes the trees of a generation.
pub(super) struct Trees<'t, 'a> {
    pub(super) table: &'t mut Table,
    pub(super) slot: Slot,
    pub(super) guards: Guards<'a>,
    pub(super) peers: HashMap<PeersKey<'a>, String>,
    pub(super) guarded: HashMap<(Family, Counting, &'a [Guard]), String>,
    keys: HashMap<(Position, Family, u32, Option<u8>, Cells<'a>), String>,
    canonical: &'a crate::canonical::Canonical,
    count: BTreeMap<&'static str, usize>,
}

impl<'t, 'a> Trees<'t, 'a> {
    pub(super) fn new(table: &'t mut Table, generation: &InSlot<'a>) -> Self {
        Self {
            table,
            slot: generation.slot,
            guards: Guards::of(generation),
            peers: HashMap::new(),
            guarded: HashMap::new(),
            keys: HashMap::new(),
            canonical: generation.canonical,
            count: BTreeMap::new(),
        }
    }

    /// Writes every tree.
    pub(super) fn write(&mut self, mirrored: &'a Mirrored) {
        let canonical = self.canonical;
        self.directed("policy", Side::Input, &canonical.inbound, Position::Source);
        self.matrix(&names::of(self.slot, "from"), &mirrored.inbound, Position::Original);
        if let Some(outbound) = &canonical.outbound {
            self.directed("to", Side::Output, outbound, Position::Destination);
        }
        if let Some(containers) =
            canonical.container_outbound.as_ref().filter(|_| !canonical.containers.is_empty())
        {
            self.directed("ct_to", Side::Input, containers, Position::Destination);
        }
        if let Some(containers) = &mirrored.containers {
            self.directed("ct_from", Side::Output, containers, Position::OriginalDestination);
        }
    }

    /// A new name of a kind.
    pub(super) fn name(&mut self, kind: &'static str) -> String {
        let count = self.count.entry(kind).or_default();
        let name = names::of(self.slot, &format!("{kind}{count}"));
        *count += 1;
        name
    }

    pub(super) fn refuse(&self) -> Rule {
        rule().goto(&names::of(self.slot, "refuse"))
    }

    /// A tree for each interface that a rule names, and one for all others.
    fn directed(&mut self, entry: &str, side: Side, directed: &'a Directed, position: Position) {
        let entry = names::of(self.slot, entry);
        if directed.interfaces.is_empty() {
            self.matrix(&entry, &directed.elsewhere, position);
            return;
        }
        let map = self.name("i");
        let mut elements = Vec::new();
        for (interface, matrix) in &directed.interfaces {
            let tree = self.name("t");
            self.matrix(&tree, matrix, position);
            elements.push((name_bytes(&interface.0), Verdict::Goto(tree)));
        }
        let elsewhere = self.name("t");
        self.matrix(&elsewhere, &directed.elsewhere, position);
        self.table.sets.insert(map.clone(), sets::map(vec![Field::Interface], elements));
        let by_interface = match side {
            Side::Input => rule().by_input(&map),
            Side::Output => rule().by_output(&map),
        };
        self.table.chain(&entry, vec![by_interface, rule().goto(&elsewhere)]);
    }

    fn matrix(&mut self, chain: &str, matrix: &'a Matrix, position: Position) {
        let mut rules = Vec::new();
        for family in Family::BOTH {
            let tree = self.name("f");
            self.protocols(&tree, matrix.of(family), family, position);
            rules.push(rule().family(family).goto(&tree));
        }
        rules.push(self.refuse());
        self.table.chain(chain, rules);
    }

    fn protocols(&mut self, chain: &str, protocols: &'a Protocols, family: Family, position: Position) {
        let mut elements: BTreeMap<u8, String> = BTreeMap::new();
        for (&protocol, cells) in &protocols.keyed {
            let skipped = position.is_original() && [ICMP, ICMP6].contains(&protocol);
            if let Some(offset) = key_offset(protocol).filter(|_| !skipped) {
                elements.insert(protocol, self.keyed(cells, family, position, (protocol, offset)));
            }
        }
        for (&protocol, peers) in &protocols.plain {
            elements.insert(protocol, self.plain(peers, family, position));
        }
        let mut rules = Vec::new();
        if !elements.is_empty() {
            let map = self.name("m");
            let elements = elements.into_iter().map(|(protocol, to)| (vec![protocol], Verdict::Goto(to)));
            self.table.sets.insert(map.clone(), sets::map(vec![Field::Protocol], elements));
            rules.push(rule().by_protocol(&map));
        }
        rules.push(match protocols.rest.as_slice() {
            [] => self.refuse(),
            rest => rule().goto(&self.plain(rest, family, position)),
        });
        self.table.chain(chain, rules);
    }

    /// The chain of peers of a protocol without a key; refuses the others.
    fn plain(&mut self, peers: &'a [PeerCell], family: Family, position: Position) -> String {
        if peers.is_empty() {
            return names::of(self.slot, "refuse");
        }
        let admission = self.admission(peers, family, position);
        let chain = self.name("q");
        let rules = vec![rule().jump(&admission), self.refuse()];
        self.table.chain(&chain, rules);
        chain
    }

    fn keyed(
        &mut self,
        cells: &'a [KeyCell],
        family: Family,
        position: Position,
        (protocol, offset): (u8, u32),
    ) -> String {
        match cells {
            [] => return names::of(self.slot, "refuse"),
            [cell] if (cell.first, cell.last) == (0, u16::MAX) => {
                return self.plain(&cell.peers, family, position);
            }
            _ => {}
        }
        let content = cells.iter().map(|cell| (cell.first, cell.last, cell.peers.as_slice())).collect();
        // A connection's ports are only compared once the protocol is known, so those chains are of one protocol.
        let only = (position.is_original()).then_some(protocol);
        let shared = (position, family, offset, only, content);
        if let Some(chain) = self.keys.get(&shared) {
            return chain.clone();
        }
        let sentence = || only.map_or_else(rule, |protocol| rule().protocol(protocol));
        let (maps, left) = pairs::split(cells, family);
        let mut rules = Vec::new();
        if !left.is_empty() {
            let map = self.by_keys(&left, family, position);
            rules.push(sentence().by_key(position, offset, &map));
        }
        for pairs in &maps {
            rules.push(self.pairs(pairs, sentence(), At { family, position, offset }));
        }
        rules.push(self.refuse());
        let chain = self.name("k");
        self.table.chain(&chain, rules);
        self.keys.insert(shared, chain.clone());
        chain
    }

    /// The map from keys to the chains of their peers.
    fn by_keys(&mut self, cells: &[&'a KeyCell], family: Family, position: Position) -> String {
        let mut elements = Vec::with_capacity(cells.len());
        for cell in cells {
            let admission = self.admission(&cell.peers, family, position);
            let interval = Element::range(cell.first.to_be_bytes(), cell.last.to_be_bytes());
            elements.push(interval.to(Verdict::Jump(admission)));
        }
        let map = self.name("m");
        self.table.sets.insert(map.clone(), sets::interval_map(Field::Port, elements));
        map
    }
}
