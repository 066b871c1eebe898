//! A policy of one host, ready to judge packets.

use crate::addresses::AddressSet;
use crate::canonical::Canonical;
use crate::rule::RuleView;
use model::plan::{InterfaceName, Name, RuleId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A policy of one host: the rules as people know them, and the form that decides.
///
/// It says nothing about whether it is safe to apply: [`crate::checked::Checked`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// What decides about packets.
    pub canonical: Canonical,
    /// The rules that hold on this host, in the order of the file, derived ones last.
    pub rules: Vec<RuleView>,
    /// Which host of the file this is; `None` where the file declares none.
    pub host: Option<Name>,
    /// The addresses that names of rules had; the names themselves are in lower case.
    pub domains: BTreeMap<String, AddressSet>,
    /// What is behind each interface of containers: between two addresses there it is a switch, and judges nothing.
    #[serde(default)]
    pub bridges: BTreeMap<InterfaceName, AddressSet>,
}

impl Compiled {
    /// Essentials and the ports of sshd from anywhere: what holds where no policy was ever confirmed.
    #[must_use]
    pub fn minimum(
        sshd_ports: impl IntoIterator<Item = u16>,
        containers: impl IntoIterator<Item = InterfaceName>,
    ) -> Self {
        let canonical = Canonical::minimum(sshd_ports, containers);
        let rules = canonical.administration.iter().map(|&port| crate::canonical::sshd(port)).collect();
        Self { canonical, rules, host: None, domains: BTreeMap::new(), bridges: BTreeMap::new() }
    }

    /// The rule of an identity.
    #[must_use]
    pub fn rule(&self, id: &RuleId) -> Option<&RuleView> {
        self.rules.iter().find(|rule| rule.id == *id)
    }
}
