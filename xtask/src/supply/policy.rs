//! What deny.toml says, as far as we check it ourselves, and its verdicts. It reads no other file.

use super::graph::Graph;
use super::licence;
use toml::{Table, Value};

/// The policy.
pub(super) struct Policy {
    /// Targets that are built.
    pub(super) targets: Vec<String>,
    licences: Vec<String>,
    bans: Vec<Ban>,
    registries: Vec<String>,
}

/// A package that is not used, or only by some.
struct Ban {
    package: String,
    users: Vec<String>,
    reason: String,
}

impl Policy {
    /// Reads deny.toml. A list that is missing is an error: an empty policy would refuse nothing.
    pub(super) fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let file: Table = text.parse()?;
        let list = |section: &str, key: &str| {
            let list = file.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
            list.ok_or_else(|| format!("deny.toml: {section}.{key} is missing"))
        };
        let bans = list("bans", "deny")?.iter().map(Ban::read).collect::<Result<_, _>>()?;
        let policy = Self {
            targets: strings(list("graph", "targets")?),
            licences: strings(list("licenses", "allow")?),
            bans,
            registries: strings(list("sources", "allow-registry")?),
        };
        Ok(policy)
    }

    /// Packages whose licence cannot be satisfied.
    pub(super) fn licences(&self, graph: &Graph) -> Vec<String> {
        let accepted = |licence: &str| self.licences.iter().any(|one| one == licence);
        let refused = graph.licences.iter().filter(|(_, licence)| !licence::satisfied(licence, &accepted));
        refused.map(|(package, licence)| format!("{package}: licence `{licence}` is not accepted")).collect()
    }

    /// Packages that are used by somebody who may not.
    pub(super) fn bans(&self, graph: &Graph) -> Vec<String> {
        let mut problems = Vec::new();
        for ban in &self.bans {
            let users = graph.edges.iter().filter(|(_, used)| *used == ban.package).map(|(user, _)| user);
            for user in users.filter(|user| !ban.users.contains(user)) {
                problems.push(format!("{user} may not use {}: {}", ban.package, ban.reason));
            }
        }
        problems
    }

    /// Packages of the lock file that come from elsewhere than the registry.
    pub(super) fn sources(&self, lock: &Table) -> Vec<String> {
        let packages = lock.get("package").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut problems = Vec::new();
        for package in packages {
            let Some(source) = package.get("source").and_then(Value::as_str) else { continue };
            let known = self.registries.iter().any(|one| source.strip_prefix("registry+") == Some(one));
            if !known {
                let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
                problems.push(format!("{name} comes from {source}"));
            }
        }
        problems
    }
}

impl Ban {
    fn read(entry: &Value) -> Result<Self, String> {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let package = text("crate").ok_or("deny.toml: a ban without `crate`")?;
        let reason =
            text("reason").ok_or_else(|| format!("deny.toml: the ban of {package} gives no reason"))?;
        let users =
            entry.get("wrappers").and_then(Value::as_array).map_or_else(Vec::new, |list| strings(list));
        Ok(Self { package, users, reason })
    }
}

fn strings(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const TEXT: &str = r#"
        graph.targets = ["x"]
        licenses.allow = ["MIT"]
        bans.deny = [{ crate = "hyper", wrappers = ["http1"], reason = "the oracle" }]
        sources.allow-registry = ["https://one.test"]
    "#;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let edges = edges.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Graph { edges, ..Graph::default() }
    }

    #[test]
    fn a_wrapper_may_use_what_is_banned_and_nobody_else() {
        let policy = Policy::parse(TEXT).unwrap();
        assert!(policy.bans(&graph(&[("http1", "hyper")])).is_empty());
        assert_eq!(policy.bans(&graph(&[("gate", "hyper")])), ["gate may not use hyper: the oracle"]);
    }

    #[test]
    fn another_source_is_refused() {
        let policy = Policy::parse(TEXT).unwrap();
        let lock =
            |source: &str| format!("[[package]]\nname = \"a\"\nsource = \"{source}\"").parse().unwrap();
        assert!(policy.sources(&lock("registry+https://one.test")).is_empty());
        assert_eq!(policy.sources(&lock("git+https://one.test")).len(), 1);
    }

    #[test]
    fn a_policy_without_lists_is_an_error() {
        assert!(Policy::parse("").is_err());
    }
}
