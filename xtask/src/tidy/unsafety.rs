//! `unsafe` stands only in files that are named here with the need for it.

use super::Finding;
use crate::workspace::Source;

/// Files that may hold `unsafe`, and why nothing safe would do.
const NEEDED: [(&str, &str); 3] = [
    ("crates/confine/tests/cage/raw.rs", "calls that no library makes are tried from within the cage"),
    ("crates/gate/tests/allocations.rs", "counting allocations needs a global allocator"),
    ("crates/portcullis/tests/allocations.rs", "counting allocations needs a global allocator"),
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || NEEDED.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate();
    let found = lines.filter(|(_, line)| begins_one(line.split("//").next().unwrap_or_default()));
    let reason = format!("`{WORD}` needs an entry with its reason in xtask/src/tidy/unsafety.rs");
    found.map(|(index, _)| Finding::new(&source.path, index + 1, reason.as_str())).collect()
}

/// The keyword, put together so that this file does not break its own rule.
const WORD: &str = concat!("uns", "afe");

/// Whether a line begins something of the kind: a block, a function, an implementation, a trait, an attribute, a block
/// of foreign items.
fn begins_one(line: &str) -> bool {
    line.match_indices(WORD).any(|(at, word)| {
        let rest = &line[at + word.len()..];
        rest.starts_with('(')
            || [" {", " fn", " impl", " trait", " extern"].iter().any(|next| rest.starts_with(next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_seen() {
        for form in ["{ x }", "fn f()", "impl S for T", "extern \"C\" {"] {
            assert!(begins_one(&format!("{WORD} {form}")), "{form}");
        }
        assert!(begins_one(&format!("#[{WORD}(no_mangle)]")));
        assert!(!begins_one(&format!("{WORD}_code = \"deny\"")));
    }
}
