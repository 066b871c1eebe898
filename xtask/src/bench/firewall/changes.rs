//! What a change costs: a policy from the plan to the proof, and bans.

use super::RULES;
use super::ours::{Ours, Steps, plan};
use std::error::Error;
use std::fmt::Write;
use std::time::Duration;
use testkit::lab::Host;

/// Bans that are there when one more comes.
const PRESENT: u32 = 100_000;
const MANY: u32 = 1_000_000;

/// A table of the steps of the first application, and of one that replaces as many rules; medians by the total.
pub(super) fn steps(rounds: usize) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("| ms to apply | compile | transaction | read back | proof | all |\n|---|");
    text += &"---:|".repeat(5);
    for rules in RULES {
        let plan = plan(rules);
        let (mut first, mut next) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let mut ours = Ours::new(&Host::new("server"))?;
            first.push(ours.apply(&plan)?);
            next.push(ours.apply(&plan)?);
        }
        for (what, measured) in [("first", first), ("replaced", next)] {
            let Steps { compile, transaction, read, proof } = middle(measured);
            _ = write!(text, "\n| {rules} rules, {what} |");
            for step in [compile, transaction, read, proof, compile + transaction + read + proof] {
                _ = write!(text, " {:.1} |", milliseconds(step));
            }
        }
    }
    Ok(text + "\n")
}

/// A table of bans; medians.
pub(super) fn bans(rounds: usize) -> Result<String, Box<dyn Error>> {
    let (mut some, mut one, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut ours = Ours::new(&Host::new("server"))?;
        ours.apply(&plan(10))?;
        some.push(ours.ban(0, PRESENT)?);
        for number in 0..20 {
            one.push(ours.ban(PRESENT + number, 1)?);
        }
        let mut ours = Ours::new(&Host::new("server"))?;
        ours.apply(&plan(10))?;
        many.push(ours.ban(0, MANY)?);
    }
    let mut text = String::from("| bans | ms |\n|---|---:|");
    for (what, mut times) in [("100,000", some), ("one more", one), ("1,000,000", many)] {
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        _ = write!(text, "\n| {what} | {:.3} |", milliseconds(median));
    }
    Ok(text + "\n")
}

fn middle(mut measured: Vec<Steps>) -> Steps {
    measured.sort_by_key(|steps| steps.total());
    measured.get(measured.len() / 2).copied().unwrap_or(Steps::NONE)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
