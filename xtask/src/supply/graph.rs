//! What cargo builds for one target, tests included: packages with their licences, and who uses whom. Read from
//! `cargo tree`, which resolves features as a build does; `cargo metadata` also names what no feature turns on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Packages and the edges between them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Graph {
    /// `name version` to the licence expression.
    pub(super) licences: BTreeMap<String, String>,
    /// User and used, by name.
    pub(super) edges: BTreeSet<(String, String)>,
}

impl Graph {
    /// The graph of the workspace in `root` for a target.
    pub(super) fn read(root: &Path, target: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--workspace", "--locked", "--edges", "normal,build,dev", "--target", target])
            .args(["--prefix", "depth", "--format", "\t{p}\t{l}\t"])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads lines of depth, package and licence, divided by tabs.
    fn parse(text: &str) -> Self {
        let mut graph = Self::default();
        let mut above: Vec<String> = Vec::new();
        for line in text.lines() {
            let mut fields = line.split('\t');
            let depth = fields.next().and_then(|depth| depth.parse::<usize>().ok());
            let (Some(depth), Some(package), Some(licence)) = (depth, fields.next(), fields.next()) else {
                continue;
            };
            let mut words = package.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            above.truncate(depth);
            if let Some(user) = above.last() {
                graph.edges.insert((user.clone(), name.to_owned()));
            }
            above.push(name.to_owned());
            graph.licences.insert(format!("{name} {version}"), licence.to_owned());
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_makes_edges() {
        let graph = Graph::parse("0\ta v1 (/a)\tMIT\t\n1\tb v2\tISC\t\n2\tc v3\tMIT\t\n1\tc v3\tMIT\t (*)\n");
        let edge = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(graph.edges, BTreeSet::from([edge("a", "b"), edge("b", "c"), edge("a", "c")]));
        assert_eq!(graph.licences["b v2"], "ISC");
    }
}
