//! Lookups of a network and a key at once.

use super::region::State;
use super::walk::{Does, Part, Read, Value, Walk, big, held};
use crate::addresses::Family;
use crate::nft::{Element, Field, Register, Set};
use std::collections::BTreeMap;

/// The elements of such a set, cut by keys.
pub(super) struct Pairs {
    /// The keys, as sorted intervals of one.
    keys: Vec<(u128, u128)>,
    /// Those of each of them.
    networks: Vec<Networks>,
}

/// Networks, sorted and disjoint, and the number of the element of each.
type Networks = (Vec<(u128, u128)>, Vec<usize>);

/// Whether a set is one that only pairs are looked up in.
pub(super) fn is_of_pairs(set: &Set) -> bool {
    !set.live && matches!(set.key.as_slice(), [Field::Port] | [Field::Ip4 | Field::Ip6, Field::Port])
}

impl<'a> Walk<'a> {
    /// Cuts a region by the elements of a set of pairs, or of a map of pairs to counters.
    pub(super) fn look_up_pair(
        &mut self,
        part: Part,
        name: &'a str,
        from: Register,
        counts: bool,
        on: &mut Vec<Part>,
        next: &mut Vec<State>,
    ) -> Read<()> {
        let set = self.table.sets.get(name).ok_or("a set that is not there")?;
        if !is_of_pairs(set) || set.counters != counts || set.verdicts || set.interval || set.dynamic {
            return Err("a lookup in a set that is not for it");
        }
        let length = self.length(&part, from, &set.key)?;
        let known = (name, length);
        if !self.pairs.contains_key(&known) {
            self.pairs.insert(known, Pairs::of(set, self.atom.family, length)?);
        }
        let pairs = &self.pairs[&known];
        let Part { state, registers, conditions, counter, .. } = part;
        let (within, outside) = state.cut_keys(&pairs.keys);
        next.extend(outside);
        for (index, state) in within {
            let (networks, elements) = &pairs.networks[index];
            let (within, outside) = state.cut_addresses(networks);
            next.extend(outside);
            for (index, state) in within {
                let counter = match &set.elements[elements[index]].counter {
                    named @ Some(_) if counts => named.clone(),
                    None if !counts => counter.clone(),
                    _ => return Err("an element that does not fit its map"),
                };
                let (registers, conditions) = (registers.clone(), conditions.clone());
                on.push(Part { state, registers, conditions, counter, does: Does::Nothing });
            }
        }
        Ok(())
    }

    /// How many bits of the address are looked up with the key, which registers hold and nothing else.
    fn length(&self, part: &Part, from: Register, key: &[Field]) -> Read<u32> {
        let wrong = "a lookup of what no policy looks up";
        if part.registers.len() != key.len() {
            return Err(wrong);
        }
        let (length, words) = match (key, self.atom.family) {
            ([_], _) => (0, 0),
            ([Field::Ip4, _], Family::V4) | ([Field::Ip6, _], Family::V6) => match held(part, from)? {
                Value::Address => (u32::from(self.atom.family.bits()), key[0].length() / 4),
                Value::Prefix(length) => (length, key[0].length() / 4),
                _ => return Err(wrong),
            },
            _ => return Err(wrong),
        };
        let at = usize::from(from.0) + words;
        match part.registers.iter().find(|(register, _)| usize::from(**register) == at) {
            Some((_, Value::Key)) => Ok(length),
            _ => Err(wrong),
        }
    }
}

impl Pairs {
    fn of(set: &Set, family: Family, length: u32) -> Read<Self> {
        let mut by_key: BTreeMap<u128, Vec<(u128, u128, usize)>> = BTreeMap::new();
        for (index, element) in set.elements.iter().enumerate() {
            let (key, first, last) = pair(element, set, family, length)?;
            by_key.entry(key).or_default().push((first, last, index));
        }
        let mut pairs = Self { keys: Vec::with_capacity(by_key.len()), networks: Vec::new() };
        for (key, mut networks) in by_key {
            networks.sort_unstable();
            if networks.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
                return Err("a map with an element twice");
            }
            pairs.keys.push((key, key));
            pairs.networks.push(networks.into_iter().map(|(first, last, at)| ((first, last), at)).unzip());
        }
        Ok(pairs)
    }
}

/// The key and the network of an element.
fn pair(element: &Element, set: &Set, family: Family, length: u32) -> Read<(u128, u128, u128)> {
    let wrong = "an element that no packet can meet";
    let network = if set.key.len() == 1 { 0 } else { set.key[0].length() };
    if element.first != element.last || element.verdict.is_some() {
        return Err(wrong);
    }
    let (address, key) = element.first.split_at_checked(network).ok_or(wrong)?;
    let key = match (key, network) {
        (&[high, low], 0) | (&[high, low, 0, 0], 1..) => u16::from_be_bytes([high, low]),
        _ => return Err(wrong),
    };
    let first = big(address);
    let rest = family.last().checked_shr(length).unwrap_or(0);
    if first & rest != 0 {
        return Err(wrong);
    }
    Ok((key.into(), first, first | rest))
}
