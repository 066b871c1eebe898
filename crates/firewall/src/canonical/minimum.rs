//! What is loaded where no policy was ever confirmed: enough to log in, and nothing else.

use super::{Canonical, Facts};
use crate::addresses::AddressSet;
use crate::rule::{Derived, Direction, Owner, RuleView};
use model::plan::{Essential, InterfaceName, Place, RuleId, Traffic, Transport};
use std::collections::BTreeSet;

impl Canonical {
    /// Essentials and the ports of sshd from anywhere.
    #[must_use]
    pub fn minimum(
        sshd_ports: impl IntoIterator<Item = u16>,
        containers: impl IntoIterator<Item = InterfaceName>,
    ) -> Self {
        let administration: BTreeSet<u16> = sshd_ports.into_iter().collect();
        let rules: Vec<RuleView> = administration.iter().map(|&port| sshd(port)).collect();
        let facts = Facts {
            essentials: Essential::ALL.into_iter().collect(),
            administration,
            containers: containers.into_iter().collect(),
            ..Facts::default()
        };
        Self::of(&rules, facts)
    }
}

/// The rule for a port where sshd was seen.
pub(crate) fn sshd(port: u16) -> RuleView {
    RuleView {
        id: RuleId(format!("sshd-{port}")),
        label: format!("{port}/tcp"),
        owner: Owner::Derived(Derived::Sshd { port }),
        direction: Direction::Inbound,
        traffic: vec![Traffic::Ports { transport: Transport::Tcp, first: port, last: port }],
        peers_text: "anywhere".to_owned(),
        peers: AddressSet::everything(),
        domains: Vec::new(),
        this_host: false,
        interface: None,
        limit: None,
        expires: None,
        note: None,
        place: Place::default(),
    }
}
