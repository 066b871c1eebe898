//! Names of network interfaces, and patterns of them.

use super::super::Lowering;
use crate::plan::InterfaceName;
use crate::problem::{Problem, shown};
use crate::raw::decode::{OneOrMany, Text};
use crate::source::Located;

/// The longest name (`IFNAMSIZ` of the kernel, less its NUL).
const LONGEST: usize = 15;

/// Why a text names no interface (`dev_valid_name` of the kernel; quotes and `*` are refused beyond it, since other
/// programs read them as something else).
fn refusal(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("empty"),
        "." | ".." => Some("no name for an interface"),
        _ if name.len() > LONGEST => Some("longer than 15 bytes"),
        _ if name.contains('*') => Some("one interface is expected, not a pattern"),
        _ if !name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some("has a blank or another character that is not allowed")
        }
        _ if name.contains(['/', ':', '"', '\\']) => Some("has a character that is not allowed"),
        _ => None,
    }
}

/// Reads the name of one interface.
pub(super) fn interface(text: &Text, lowering: &mut Lowering<'_>) -> Option<InterfaceName> {
    let name = text.as_str();
    match refusal(name) {
        None => Some(InterfaceName(name.to_owned())),
        Some(label) => {
            report(text, label, lowering);
            None
        }
    }
}

/// Reads names of interfaces; one that is written twice counts once.
pub(super) fn interfaces(
    raw: Option<&Located<OneOrMany<Text>>>,
    lowering: &mut Lowering<'_>,
) -> Vec<InterfaceName> {
    let mut names = Vec::new();
    for text in raw.iter().flat_map(|raw| &raw.value.0) {
        names.extend(interface(&text.value, lowering).filter(|name| !names.contains(name)));
    }
    names
}

/// Reads patterns of interfaces, where `*` at the end stands for any rest.
pub(super) fn patterns(raw: Option<&Located<OneOrMany<Text>>>, lowering: &mut Lowering<'_>) -> Vec<String> {
    let mut patterns: Vec<String> = Vec::new();
    for text in raw.iter().flat_map(|raw| &raw.value.0) {
        let written = text.value.as_str();
        let name = written.strip_suffix('*').unwrap_or(written);
        let label = match refusal(name) {
            Some("empty") if written == "*" => Some("this is every interface"),
            Some(_) if name.contains('*') => Some("`*` may only stand at the end"),
            None if name == "lo" && written == name => Some("the loopback has no containers"),
            other => other,
        };
        match label {
            Some(label) => report(&text.value, label, lowering),
            None if !patterns.iter().any(|other| other == written) => patterns.push(written.to_owned()),
            None => {}
        }
    }
    patterns
}

fn report(text: &Text, label: &str, lowering: &mut Lowering<'_>) {
    let at = if text.as_str().is_empty() { text.at } else { text.inner() };
    let title = format!("{} is not the name of an interface", shown(text.as_str()));
    lowering
        .report(Problem::error(at, title).label(label).hint("`ip link` lists the interfaces of a machine"));
}
