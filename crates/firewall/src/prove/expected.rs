//! What the canonical form says about a region.

use super::Atom;
use super::region::{Attempt, Condition, Said, State};
use super::walk::Way;
use crate::addresses::Family;
use crate::canonical::{Admission, Directed, Guard, KeyCell, Matrix, PeerCell};
use crate::compile::rule::name_bytes;
use crate::compile::{InSlot, counter, names};
use std::collections::BTreeSet;

/// The cells of one question: of one matrix, or of all of them where interfaces play no part.
pub(super) struct Expected<'a> {
    generation: InSlot<'a>,
    way: Way,
    family: Family,
    protocol: u8,
    lists: Vec<List<'a>>,
    ends: Vec<u64>,
}

enum List<'a> {
    Keyed(&'a [KeyCell]),
    Plain(&'a [PeerCell]),
}

impl<'a> Expected<'a> {
    pub(super) fn of(generation: &InSlot<'a>, atom: &Atom<'_>, directed: &'a Directed) -> Self {
        let matrices: Vec<&Matrix> = match atom.way {
            Way::Answers => {
                std::iter::once(&directed.elsewhere).chain(directed.interfaces.values()).collect()
            }
            _ => {
                let named =
                    directed.interfaces.iter().find(|(name, _)| Some(&name_bytes(&name.0)) == atom.interface);
                vec![named.map_or(&directed.elsewhere, |(_, matrix)| matrix)]
            }
        };
        let list = |matrix: &&'a Matrix| {
            let protocols = matrix.of(atom.family);
            match protocols.keyed.get(&atom.protocol) {
                Some(cells) => List::Keyed(cells),
                None => List::Plain(protocols.plain.get(&atom.protocol).unwrap_or(&protocols.rest)),
            }
        };
        Self {
            generation: *generation,
            way: atom.way,
            family: atom.family,
            protocol: atom.protocol,
            lists: matrices.iter().map(list).collect(),
            ends: names::ends(generation.canonical),
        }
    }

    /// The first key and address of a region where something else is expected than was read, and what.
    pub(super) fn differs(&self, leaf: &State) -> Option<(u16, u128, Vec<Attempt>)> {
        for (key, lists) in self.by_key(leaf.keys) {
            for &interval in &leaf.addresses {
                for (address, admissions) in by_address(&lists, interval) {
                    let expected = self.attempts(&admissions);
                    if expected != leaf.attempts {
                        return Some((key, address, expected));
                    }
                }
            }
        }
        None
    }

    /// The first key of each piece of an interval within which the same peers are admitted, and these.
    fn by_key(&self, (first, last): (u16, u16)) -> Vec<(u16, Vec<&'a [PeerCell]>)> {
        let mut starts = BTreeSet::from([first]);
        for list in &self.lists {
            if let List::Keyed(cells) = list {
                for cell in within(cells, first).take_while(|cell| cell.first <= last) {
                    starts.extend([Some(cell.first), cell.last.checked_add(1)].into_iter().flatten());
                }
            }
        }
        let peers = |key: u16| {
            self.lists.iter().map(move |list| match list {
                List::Plain(peers) => *peers,
                List::Keyed(cells) => within(cells, key)
                    .next()
                    .filter(|cell| cell.first <= key)
                    .map_or(&[][..], |cell| cell.peers.as_slice()),
            })
        };
        starts.range(first..=last).map(|&key| (key, peers(key).collect())).collect()
    }

    fn attempts(&self, admissions: &[&Admission]) -> Vec<Attempt> {
        let mut attempts = match self.way {
            way if way.is_of_answers() => self.of_answers(admissions),
            _ => admissions.iter().flat_map(|admission| self.of_packets(admission)).collect(),
        };
        if attempts.last().is_none_or(|attempt| !attempt.conditions.is_empty()) {
            attempts.push(Attempt { conditions: Vec::new(), said: Said::Refused });
        }
        attempts
    }

    fn of_packets(&self, admission: &Admission) -> Vec<Attempt> {
        match admission {
            Admission::Open(rule) => {
                vec![Attempt { conditions: Vec::new(), said: Said::Admitted(Some(counter(rule))) }]
            }
            Admission::Guarded(guards) => guards.iter().flat_map(|guard| self.of_guard(guard)).collect(),
        }
    }

    fn of_guard(&self, guard: &Guard) -> Vec<Attempt> {
        let time = guard.expires.map(|end| self.until(end));
        let attempt = |condition: Option<Condition>| Attempt {
            conditions: time.clone().into_iter().chain(condition).collect(),
            said: Said::Admitted(Some(counter(&guard.rule))),
        };
        let Some(limit) = guard.limit else { return vec![attempt(None)] };
        let below = Condition::Below {
            set: names::limit(&guard.rule, limit, self.family),
            rate: u64::from(limit.count),
            unit: limit.period.as_secs(),
            burst: limit.count,
            timeout: limit.period.as_secs() * 1000,
        };
        // The rule for TCP does nothing about other protocols, and the other way round.
        let goes_on = if self.protocol == 6 { Condition::TcpGoesOn } else { Condition::NotNew };
        vec![attempt(Some(goes_on)), attempt(Some(below))]
    }

    fn of_answers(&self, admissions: &[&Admission]) -> Vec<Attempt> {
        let mut ends = BTreeSet::new();
        for admission in admissions {
            match admission {
                Admission::Open(_) => drop(ends.insert(None)),
                Admission::Guarded(guards) => ends.extend(guards.iter().map(|guard| guard.expires)),
            }
        }
        let admitted = |conditions| Attempt { conditions, said: Said::Admitted(None) };
        if ends.contains(&None) {
            return vec![admitted(Vec::new())];
        }
        ends.into_iter().flatten().map(|end| admitted(vec![self.until(end)])).collect()
    }

    fn until(&self, end: u64) -> Condition {
        let index = self.ends.iter().position(|&known| known == end).unwrap_or(usize::MAX);
        Condition::InForce(names::end(self.generation.slot, index))
    }
}

/// The cells that end at a key or after it.
fn within(cells: &[KeyCell], key: u16) -> impl Iterator<Item = &KeyCell> {
    cells[cells.partition_point(|cell| cell.last < key)..].iter()
}

/// The first address of each piece of an interval within which everything is admitted in the same way, and how.
fn by_address<'a>(lists: &[&'a [PeerCell]], (first, last): (u128, u128)) -> Vec<(u128, Vec<&'a Admission>)> {
    let from =
        |list: &'a [PeerCell], address: u128| &list[list.partition_point(|cell| cell.last < address)..];
    let mut starts = BTreeSet::from([first]);
    for list in lists {
        for cell in from(list, first).iter().take_while(|cell| cell.first <= last) {
            starts.extend([Some(cell.first), cell.last.checked_add(1)].into_iter().flatten());
        }
    }
    let admissions = |address: u128| {
        let cells = lists.iter().filter_map(move |list| from(list, address).first());
        cells.filter(|cell| cell.first <= address).map(|cell| &cell.admission).collect()
    };
    starts.range(first..=last).map(|&address| (address, admissions(address))).collect()
}
