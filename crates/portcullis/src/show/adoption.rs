//! What another firewall admits: rules for the file on one side, what a person must read on the other.

use super::plan::bounded;
use crate::keeper::{Adoption, ComparedWith};
use model::printable::one_line;
use std::path::PathBuf;

/// Files that are named.
const NAMED: usize = 4;

/// What is for reading, and what comes next. The rules themselves are data, and printed by the command.
pub(crate) fn adoption(adoption: &Adoption) -> String {
    let name = &adoption.name;
    let next = match (adoption.disabled, adoption.on) {
        (true, _) => format!("{name} is switched off\n"),
        (false, true) => format!(
            "{name} is still on: put the rules into the file, `portcullis apply`, `portcullis confirm`, then\n\
             `portcullis firewall adopt --disable` switches it off\n"
        ),
        (false, false) => format!(
            "{name} is off: these are the rules that it would have. Put what you want of them into the file, then\n\
             `portcullis apply`\n"
        ),
    };
    format!("{}\n{next}", differences(adoption))
}

/// What differs, and what was left out.
pub(crate) fn differences(adoption: &Adoption) -> String {
    let name = &adoption.name;
    let mut text = format!("{name}: read from {}\n", files(&adoption.read_from));
    let new = match adoption.compared_with {
        ComparedWith::InForce => "the policy that is in force",
        ComparedWith::Imported => "these rules",
    };
    text += &bounded(&format!("inbound, other under {new} than under {name}"), &adoption.summary, |list| {
        super::lines_of(list)
    });
    if adoption.summary.is_empty() {
        text += &format!(
            "\ninbound packets fare alike under {new} and under {name}, as far as its rules were taken over\n"
        );
    }
    text += &bounded("not taken over", &adoption.left_out, super::lines_of);
    text
}

/// Files of the administrator, the first few by name; those of packages are many and alike.
fn files(paths: &[PathBuf]) -> String {
    let own: Vec<&PathBuf> = paths.iter().filter(|path| path.starts_with("/etc")).collect();
    let named: Vec<String> =
        own.iter().take(NAMED).map(|path| one_line(&path.display().to_string())).collect();
    match paths.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
