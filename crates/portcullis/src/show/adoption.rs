//! What another firewall admits: rules for the file on one side, what a person must read on the other.

use super::plan::bounded;
use crate::keeper::{Adoption, ComparedWith};
use model::printable::one_line;

/// What is for reading. The rules themselves are data, and printed by the command.
pub(crate) fn adoption(adoption: &Adoption) -> String {
    let name = &adoption.name;
    let files: Vec<_> = adoption.read_from.iter().map(|path| one_line(&path.display().to_string())).collect();
    let mut text = format!("{name}: read from {}\n", files.join(", "));
    let to = match adoption.compared_with {
        ComparedWith::InForce => "the policy that is in force",
        ComparedWith::Imported => "these rules as a policy",
    };
    text += &bounded(&format!("what {to} judges otherwise than {name}"), &adoption.differences, |list| {
        super::lines_of(list)
    });
    if adoption.differences.is_empty() {
        text +=
            &format!("\n{to} and {name} judge inbound packets alike, as far as its rules were taken over\n");
    }
    text += &bounded("not taken over", &adoption.left_out, super::lines_of);
    text += &match adoption.disabled {
        true => format!("\n{name} is switched off\n"),
        false => format!(
            "\n{name} is still on: put the rules into the file, `portcullis apply`, `portcullis confirm`, then\n\
             `portcullis firewall adopt --disable` switches it off\n"
        ),
    };
    text
}
