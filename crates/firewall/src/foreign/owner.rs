//! Whose a foreign table or chain is, by the names that tools give theirs.

use super::{ForeignFamily, ForeignTable};
use serde::{Deserialize, Serialize};

/// A tool that writes tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// ufw.
    Ufw,
    /// firewalld.
    Firewalld,
    /// Docker.
    Docker,
    /// Podman (netavark, CNI).
    Podman,
    /// fail2ban.
    Fail2ban,
    /// `CrowdSec`.
    CrowdSec,
    /// Tailscale.
    Tailscale,
    /// libvirt.
    Libvirt,
    /// Kubernetes and its networks.
    Kubernetes,
    /// LXD or Incus.
    Lxd,
    /// The service `nftables`, from /etc/nftables.conf.
    Nftables,
}

impl Owner {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ufw => "ufw",
            Self::Firewalld => "firewalld",
            Self::Docker => "Docker",
            Self::Podman => "Podman",
            Self::Fail2ban => "fail2ban",
            Self::CrowdSec => "CrowdSec",
            Self::Tailscale => "Tailscale",
            Self::Libvirt => "libvirt",
            Self::Kubernetes => "Kubernetes",
            Self::Lxd => "LXD",
            Self::Nftables => "nftables.service",
        }
    }

    /// Whether it is a firewall of the whole host, which ours replaces.
    #[must_use]
    pub const fn is_host_firewall(self) -> bool {
        matches!(self, Self::Ufw | Self::Firewalld | Self::Nftables)
    }
}

/// Beginnings of chains' names.
const CHAINS: &[(&str, Owner)] = &[
    ("ufw-", Owner::Ufw),
    ("ufw6-", Owner::Ufw),
    ("DOCKER", Owner::Docker),
    ("f2b-", Owner::Fail2ban),
    ("CROWDSEC", Owner::CrowdSec),
    ("crowdsec", Owner::CrowdSec),
    ("ts-", Owner::Tailscale),
    ("LIBVIRT_", Owner::Libvirt),
    ("KUBE-", Owner::Kubernetes),
    ("cali-", Owner::Kubernetes),
    ("CILIUM_", Owner::Kubernetes),
    ("FLANNEL-", Owner::Kubernetes),
    ("NETAVARK", Owner::Podman),
    ("CNI-", Owner::Podman),
    ("IN_public", Owner::Firewalld),
    ("INPUT_ZONES", Owner::Firewalld),
];

/// Beginnings of tables' names.
const TABLES: &[(&str, Owner)] = &[
    ("firewalld", Owner::Firewalld),
    ("docker", Owner::Docker),
    ("f2b-", Owner::Fail2ban),
    ("crowdsec", Owner::CrowdSec),
    ("tailscale", Owner::Tailscale),
    ("libvirt", Owner::Libvirt),
    ("kube-", Owner::Kubernetes),
    ("netavark", Owner::Podman),
    ("lxd", Owner::Lxd),
    ("incus", Owner::Lxd),
];

fn named(name: &str, names: &[(&str, Owner)]) -> Option<Owner> {
    names.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, owner)| *owner)
}

/// Whose a table is, where it is one tool's alone.
#[must_use]
pub fn of_table(table: &ForeignTable) -> Option<Owner> {
    let shared = matches!(table.family, ForeignFamily::Ip | ForeignFamily::Ip6)
        && matches!(table.name.as_str(), "filter" | "nat" | "raw" | "mangle" | "security");
    if shared { None } else { named(&table.name, TABLES) }
}

/// Everybody who has chains in a table, sorted.
#[must_use]
pub fn of_chains(table: &ForeignTable) -> Vec<Owner> {
    let mut owners: Vec<Owner> = of_table(table)
        .into_iter()
        .chain(table.table.chains.keys().filter_map(|chain| named(chain, CHAINS)))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// Whose a chain is. The policy of a base chain of iptables is a host firewall's where one has chains in the table, and
/// else the only tool's that has.
#[must_use]
pub fn of_chain(table: &ForeignTable, chain: &str) -> Option<Owner> {
    named(chain, CHAINS)
        .or_else(|| of_table(table))
        .or_else(|| {
            let owners = of_chains(table);
            let firewall = owners.iter().copied().find(|owner| owner.is_host_firewall());
            firewall.or_else(|| if owners.len() == 1 { owners.first().copied() } else { None })
        })
        .or_else(|| {
            // The examples of nftables.service name their table so, and give it no chain of another tool.
            (table.family == ForeignFamily::Inet && table.name == "filter").then_some(Owner::Nftables)
        })
}
