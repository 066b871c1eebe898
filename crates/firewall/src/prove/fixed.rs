//! What does not depend on rules: the frame, essentials, lists, and the shapes of live sets.

use super::Difference;
use crate::compile::{self, InSlot};
use crate::nft::{Element, Set, Table};

pub(super) fn equal(
    table: &Table,
    steady: &InSlot<'_>,
    trial: Option<&InSlot<'_>>,
) -> Result<(), Difference> {
    let fixed = compile::fixed(steady, trial);
    let wrong = |name: &str, problem| Err(Difference::Fixed { name: name.to_owned(), problem });
    if table.name != fixed.name {
        return wrong(&table.name, "is not the name of the table");
    }
    for (name, chain) in &fixed.chains {
        match table.chains.get(name) {
            None => return wrong(name, "is missing"),
            Some(found) if found != chain => return wrong(name, "has other rules than it must have"),
            Some(_) => {}
        }
    }
    for (name, set) in &fixed.sets {
        match table.sets.get(name) {
            None => return wrong(name, "is missing"),
            Some(found) if !same(found, set) => return wrong(name, "is another set than it must be"),
            Some(_) => {}
        }
    }
    let foreign = |(name, chain): &(&String, &crate::nft::Chain)| {
        chain.base.is_some() && !fixed.chains.contains_key(*name)
    };
    if let Some((name, _)) = table.chains.iter().find(foreign) {
        return wrong(name, "is a base chain that must not be there");
    }
    match fixed.counters.iter().find(|counter| !table.counters.contains(*counter)) {
        Some(counter) => wrong(counter, "is a counter that is missing"),
        None => Ok(()),
    }
}

/// Equal but for the order of elements, and for elements that live.
fn same(found: &Set, wanted: &Set) -> bool {
    let shape = |set: &Set| Set { elements: Vec::new(), ..set.clone() };
    shape(found) == shape(wanted) && (wanted.live || sorted(found) == sorted(wanted))
}

fn sorted(set: &Set) -> Vec<&Element> {
    let mut elements: Vec<&Element> = set.elements.iter().collect();
    elements.sort_by(|a, b| a.first.cmp(&b.first));
    elements
}
