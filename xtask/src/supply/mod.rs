//! The policy of deny.toml, checked on the graph that cargo really builds, without a tool that must be installed.
//! Advisories need a network and are left to cargo-deny.

mod floors;
mod graph;
mod licence;
mod policy;

use crate::{Outcome, workspace};
use graph::Graph;
use policy::Policy;
use std::fs;

/// Checks licences, bans, sources and lowest versions, and prints what breaks one.
pub(crate) fn run() -> Outcome {
    let problems = problems()?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(format!("{count} problems with what we build on").into()),
    }
}

fn problems() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let root = workspace::root();
    let policy = Policy::parse(&fs::read_to_string(root.join("deny.toml"))?)?;
    let lock: toml::Table = fs::read_to_string(root.join("Cargo.lock"))?.parse()?;
    let mut problems = floors::problems(&lock);
    problems.extend(policy.sources(&lock));
    for target in &policy.targets {
        let graph = Graph::read(&root, target)?;
        problems.extend(policy.licences(&graph));
        problems.extend(policy.bans(&graph));
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    #[test]
    fn what_we_build_on_keeps_the_policy() {
        let problems = super::problems().unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
