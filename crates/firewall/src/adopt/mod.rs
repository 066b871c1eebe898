//! Importing another firewall's rules: texts in, rules and everything that could not be taken over out.
//!
//! Pure: no file is opened here, and none is changed. What cannot be said exactly is listed, never dropped in silence.

mod built_in;
mod compare;
mod firewalld;
mod needed;
mod ordered;
mod tuple;
mod ufw;
mod written;

pub use built_in::BuiltIn;
pub use compare::{Change, PacketDifference, compare, summary};
pub use firewalld::{FirewalldFiles, Named, firewalld};
pub use ufw::{RulesFile, UfwFiles, ufw};
pub use written::to_toml;

use crate::addresses::AddressSet;
use model::plan::{InterfaceName, RuleLimit, Traffic};

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Inbound rules: allow-only, in the order of the source; their traffic and sources do not overlap where one has a
    /// limit and another has not.
    pub rules: Vec<ImportedRule>,
    /// Outbound rules; `None` where everything may leave.
    pub outbound: Option<Vec<ImportedRule>>,
    /// Sources that are refused before any rule.
    pub deny: AddressSet,
    /// What the other firewall admits without a rule of the user.
    pub built_in: Vec<BuiltIn>,
    /// What was not taken over, in the order of the source.
    pub not_imported: Vec<NotImported>,
    /// What to know beside that.
    pub notes: Vec<String>,
}

/// A rule that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedRule {
    /// What it is about; never empty.
    pub traffic: Vec<Traffic>,
    /// The other end.
    pub peers: AddressSet,
    /// The only interface that it is about.
    pub interface: Option<InterfaceName>,
    /// New connections of each source.
    pub limit: Option<RuleLimit>,
    /// The comment it had.
    pub note: Option<String>,
}

/// Something that was not taken over, or not exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotImported {
    /// Where it stands: the name of the file, and the line from 1 (0 is the whole file).
    pub file: String,
    /// The line.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// Why.
    pub why: String,
    /// What that means for packets.
    pub effect: Effect,
}

/// What leaving something out means for packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing changes.
    None,
    /// Less is admitted than before.
    Narrower,
    /// More is admitted than before.
    Wider,
    /// It is not known: a person has to read it.
    Unknown,
}

/// The name of an interface, where the kernel could have one of that name; `+` and `*` at its end stand for any rest,
/// which no rule here can say.
fn interface(name: &str) -> Option<InterfaceName> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'+' | b'*' | b'"' | b'\\');
    ((1..=15).contains(&name.len()) && name.bytes().all(plain)).then(|| InterfaceName(name.to_owned()))
}

#[cfg(test)]
mod tests;
