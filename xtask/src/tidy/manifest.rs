//! Every dependency of the workspace says why it exists.

use super::Finding;
use crate::workspace::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut inside = false;
    for (index, line) in source.text.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        }
        let Some((name, rest)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) else {
            continue;
        };
        let ours = rest.contains("path = \"crates/");
        let reason = rest.rsplit_once('#').map(|(_, reason)| reason.trim());
        if !ours && reason.is_none_or(str::is_empty) {
            let reason = format!("`{}` does not say why it is needed", name.trim());
            findings.push(Finding::new(&source.path, index + 1, reason));
        }
        if rest.contains("\"*\"") || rest.contains("git =") {
            let reason = format!("`{}` is not a version from the registry", name.trim());
            findings.push(Finding::new(&source.path, index + 1, reason));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &str) -> usize {
        let text = format!("[workspace.dependencies]\n{lines}\n[other]\nx = 1\n");
        check(&Source { path: "Cargo.toml".to_owned(), text }).len()
    }

    #[test]
    fn a_dependency_says_why() {
        assert_eq!(count("toml = \"1\" # the file"), 0);
        assert_eq!(count("toml = \"1\""), 1);
        assert_eq!(count("toml = \"1\" #"), 1);
    }

    #[test]
    fn our_own_crates_need_no_reason() {
        assert_eq!(count("gate = { path = \"crates/gate\" }"), 0);
    }
}
