//! Links between our documents lead somewhere. Links to the outside are not followed.

use super::Finding;
use crate::workspace::Source;
use std::path::Path;

pub(super) fn check(source: &Source, root: &Path) -> Vec<Finding> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = root.join(&source.path).parent().map_or_else(|| root.to_path_buf(), Path::to_path_buf);
    let mut findings = Vec::new();
    for (line, target) in targets(&source.text) {
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if file.is_empty() { root.join(&source.path) } else { folder.join(file) };
        if !path.exists() {
            findings.push(Finding::new(&source.path, line, format!("`{file}` does not exist")));
        } else if !anchor.is_empty() && !has_anchor(&path, anchor) {
            findings.push(Finding::new(&source.path, line, format!("`{target}` has no such heading")));
        }
    }
    findings
}

/// Targets of inline links that point into the repository, with their lines. Blocks of code are skipped.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target));
            }
        }
    }
    found
}

fn has_anchor(path: &Path, anchor: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor)
}

/// The anchor that renderers of Markdown give a heading.
fn slug(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_into_the_repository_are_targets() {
        let text = "[a](b.md) [c](https://d) ![e](f.png \"g\")\n```\n[h](i.md)\n```\n[j](#k)\n";
        assert_eq!(targets(text), [(1, "b.md"), (1, "f.png"), (5, "#k")]);
    }

    #[test]
    fn a_heading_has_its_anchor() {
        assert_eq!(slug("## What it is, and is `not`"), "what-it-is-and-is-not");
    }
}
