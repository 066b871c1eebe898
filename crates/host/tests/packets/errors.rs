//! One error in what the kernel gives back is found by the proof.

use crate::agreement::{explain, runner};
use crate::borders::{Borders, Dice};
use crate::kernel::Kernel;
use crate::place::{LEGS, Place};
use crate::policies::policy;
use crate::seen;
use firewall::compile::{InSlot, Slot};
use firewall::nft::{Expression, Facts, Table, Verdict};
use firewall::prove;
use proptest::prelude::*;
use std::cell::RefCell;

/// Errors of a policy.
const ERRORS: usize = 25;
/// Packets of each kind that an error without effect is asked about.
const ASKED: usize = 100;

#[test]
fn an_error_in_the_table_that_is_read_back_is_found() {
    let place = Place::new();
    let tally = RefCell::new((0_usize, 0_usize));
    let done = runner(6).run(&(policy(), any::<u64>()), |(policy, seed)| {
        let mut kernel = Kernel::with(&place.server, &policy.canonical);
        let read = kernel.read();
        let generation = InSlot { slot: Slot::A, canonical: &policy.canonical };
        let mut dice = Dice(seed);
        let asked = asked(&Borders::of(&policy.canonical), &mut dice);
        for _ in 0..ERRORS {
            let mut broken = read.clone();
            let what = break_one(&mut broken, &mut dice);
            if broken == read {
                continue;
            }
            let found = prove::equal(&broken, &generation, None);
            let mut tally = tally.borrow_mut();
            tally.0 += 1;
            if found.is_ok() {
                tally.1 += 1;
                // An error that makes no packet fare otherwise is none.
                let other = asked.iter().find(|facts| read.judge(facts) != broken.judge(facts));
                prop_assert!(other.is_none(), "{} is not seen, and matters to {:?}", what, other);
            }
        }
        Ok(())
    });
    println!("errors, and those without effect: {:?}", tally.borrow());
    explain(done);
    let (errors, harmless) = *tally.borrow();
    assert!(errors > 2 * harmless, "{harmless} of {errors} are not seen");
}

/// Packets in, out, and answers.
fn asked(borders: &Borders, dice: &mut Dice) -> Vec<Facts> {
    let mut asked = Vec::new();
    for _ in 0..ASKED {
        let leg = dice.pick(&LEGS);
        let packet = borders.inbound(dice, leg);
        asked.push(seen::inbound(&packet, leg.interface).1);
        asked.push(seen::answer(&packet, leg.interface));
        asked.push(seen::outbound(&borders.outbound(dice)).1);
    }
    asked
}

/// Makes one error and says where.
fn break_one(table: &mut Table, dice: &mut Dice) -> String {
    if dice.once_in(2) {
        let filled: Vec<_> = table
            .sets
            .iter()
            .filter(|(_, set)| !set.elements.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        if !filled.is_empty() {
            return break_set(table, dice.pick(&filled).clone(), dice);
        }
    }
    let filled: Vec<_> = table
        .chains
        .iter()
        .filter(|(_, chain)| !chain.rules.is_empty())
        .map(|(name, _)| name.clone())
        .collect();
    let name = dice.pick(&filled).clone();
    let chain = table.chains.get_mut(&name).expect("just listed");
    let at = dice.below(chain.rules.len());
    match dice.below(4) {
        0 => drop(chain.rules.remove(at)),
        1 => {
            let rule = chain.rules[at].clone();
            chain.rules.insert(0, rule);
        }
        2 => {
            let rule = &mut chain.rules[at].0;
            let last = rule.len() - 1;
            rule[last] = Expression::Verdict(if rule[last] == Expression::Verdict(Verdict::Accept) {
                Verdict::Drop
            } else {
                Verdict::Accept
            });
        }
        _ => {
            let rule = &mut chain.rules[at].0;
            let compared = rule.iter_mut().find_map(|expression| match expression {
                Expression::Compare { value, .. } => Some(value),
                Expression::Range { last, .. } => Some(last),
                _ => None,
            });
            if let Some(value) = compared {
                let byte = dice.below(value.len());
                value[byte] ^= 1 << dice.below(8);
            }
        }
    }
    name
}

fn break_set(table: &mut Table, name: String, dice: &mut Dice) -> String {
    let targets: Vec<_> = table.chains.keys().cloned().collect();
    let set = table.sets.get_mut(&name).expect("just listed");
    let at = dice.below(set.elements.len());
    match dice.below(3) {
        0 => drop(set.elements.remove(at)),
        1 if set.interval => {
            let last = &mut set.elements[at].last;
            let end = last.len() - 1;
            last[end] ^= 1;
        }
        _ => match &mut set.elements[at].verdict {
            Some(Verdict::Goto(to) | Verdict::Jump(to)) => to.clone_from(dice.pick(&targets)),
            _ => set.elements[at].first[0] ^= 1,
        },
    }
    name
}
