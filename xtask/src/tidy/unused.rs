//! Nothing is declared that nobody uses: no dependency of a crate, and none of the workspace.

use super::Finding;
use crate::workspace::{Member, Source};
use std::collections::BTreeSet;

pub(super) fn check(members: &[Member], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        let manifest = format!("{}/Cargo.toml", member.folder);
        let inside = format!("{}/", member.folder);
        let texts: Vec<&str> =
            rust(sources).filter(|one| one.path.starts_with(&inside)).map(|one| &*one.text).collect();
        for dependency in member.dependencies.iter().chain(&member.test_dependencies) {
            if !texts.iter().any(|text| mentions(text, dependency)) {
                findings.push(Finding::new(&manifest, 0, format!("`{dependency}` is not used")));
            }
        }
    }
    let declared =
        sources.iter().find(|source| source.path == "Cargo.toml").map_or("", |source| &source.text);
    let used: BTreeSet<&String> = members
        .iter()
        .flat_map(|member| member.dependencies.iter().chain(&member.test_dependencies))
        .collect();
    let unused = workspace_dependencies(declared).filter(|(_, name)| !used.iter().any(|one| one == name));
    let reason = |name: &str| format!("no crate asks for `{name}`");
    findings.extend(unused.map(|(line, name)| Finding::new("Cargo.toml", line, reason(name))));
    findings
}

fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.is_rust())
}

/// Whether a source names a crate: a path that starts with it, or an import.
fn mentions(text: &str, dependency: &str) -> bool {
    let name = dependency.replace('-', "_");
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = &text[at + name.len()..];
        let starts = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_'));
        starts
            && (after.starts_with("::")
                || after.starts_with(';')
                || after.starts_with(" as ")
                || after.starts_with('!'))
    })
}

/// Names of `[workspace.dependencies]` with their lines.
fn workspace_dependencies(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines =
        manifest.lines().enumerate().skip_while(|(_, line)| *line != "[workspace.dependencies]").skip(1);
    let section = lines.take_while(|(_, line)| !line.starts_with('['));
    section
        .filter_map(|(index, line)| Some((index + 1, line.split_once('=')?.0.trim())))
        .filter(|(_, name)| !name.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_an_import_is_a_mention() {
        assert!(mentions("use aws_lc_rs::rand;", "aws-lc-rs"));
        assert!(mentions("let x = toml::Table::new();", "toml"));
        assert!(mentions("use toml;", "toml"));
        assert!(!mentions("use my_toml::x; // toml", "toml"));
    }

    #[test]
    fn the_section_ends_with_the_next() {
        let manifest = "[a]\nx = 1\n[workspace.dependencies]\n# ours\ntoml = \"1\" # the file\n[b]\ny = 1\n";
        assert_eq!(workspace_dependencies(manifest).collect::<Vec<_>>(), [(5, "toml")]);
    }
}
