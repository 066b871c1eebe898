//! What a person should know about a policy that compiles.

use model::plan::{InterfaceName, Name, Place, RuleId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Something that is written is not enforced.
    Error,
}

/// What a person should know about a policy that compiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Where it is in the file; the default where nothing there is the cause.
    pub place: Place,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindingKind {
    /// A peer that resolves to no address now.
    StalePeer {
        /// Who asks for it: `rule ID` or what else names it.
        subject: String,
        /// The peer as written.
        peer: String,
    },
    /// A rule that adds nothing to another one.
    Redundant {
        /// The rule.
        rule: RuleId,
        /// The rule that admits all of it.
        by: RuleId,
    },
    /// A limit or end of a rule that another rule makes void.
    ConditionWithoutEffect {
        /// The rule with the condition.
        rule: RuleId,
        /// The rule that admits all of it without one.
        by: RuleId,
    },
    /// A rule whose time is over.
    Expired {
        /// The rule.
        rule: RuleId,
        /// What it was about.
        label: String,
    },
    /// Nobody can log in over ssh, because every rule for it has expired.
    WayInExpired,
    /// The policy is that of a declared host, none of whose addresses this machine has.
    OtherHost {
        /// The host.
        host: Name,
    },
    /// sshd can be reached from anywhere because no rule names its port.
    SshOpen {
        /// The port.
        port: u16,
    },
    /// A limit of a rule for a port of sshd counts sources that anybody can forge.
    LimitForAnybody {
        /// The rule.
        rule: RuleId,
        /// The port.
        port: u16,
    },
    /// The kernel forwards packets, but neither `[nat]` nor containers are there.
    ForwardingRefused,
    /// An interface with addresses belongs to a VRF. The kernel's test for addresses of this host (`fib daddr type local`
    /// of nf_tables) does not know them, so packets to them would be refused as going through this host.
    Vrf {
        /// The interface.
        interface: InterfaceName,
    },
    /// A deny list whose file was not read.
    ListNotRead {
        /// The file.
        path: PathBuf,
        /// Why not, with the line where one is wrong; empty where that is not known.
        reason: String,
    },
    /// A rule to a DNS name with a limit, an end or an interface, which holds for its addresses alone.
    ConditionOnName {
        /// The rule.
        rule: RuleId,
    },
    /// A forward whose ports another forward has already.
    ForwardOverlaps {
        /// The rule of the forward.
        rule: RuleId,
    },
    /// An interface that is not there.
    MissingInterface {
        /// Who names it: `rule ID` or what else.
        subject: String,
        /// The interface.
        interface: InterfaceName,
    },
}

impl Finding {
    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.kind {
            FindingKind::Redundant { .. }
            | FindingKind::Expired { .. }
            | FindingKind::MissingInterface { .. } => Severity::Note,
            FindingKind::StalePeer { .. }
            | FindingKind::WayInExpired
            | FindingKind::OtherHost { .. }
            | FindingKind::ConditionWithoutEffect { .. }
            | FindingKind::SshOpen { .. }
            | FindingKind::LimitForAnybody { .. }
            | FindingKind::ForwardingRefused => Severity::Warning,
            FindingKind::ListNotRead { .. }
            | FindingKind::Vrf { .. }
            | FindingKind::ConditionOnName { .. }
            | FindingKind::ForwardOverlaps { .. } => Severity::Error,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.kind {
            FindingKind::StalePeer { peer, .. } if peer == "my-ip" => {
                "`portcullis apply` over a login with SSH notes where you are; or write your address"
                    .to_owned()
            }
            FindingKind::StalePeer { peer, .. } => format!("give `{peer}` members, or remove it"),
            FindingKind::Redundant { .. } => "remove it, or narrow the other rule".to_owned(),
            FindingKind::ConditionWithoutEffect { by, .. } => format!("narrow or remove rule {by}"),
            FindingKind::Expired { .. } => "remove it, or give it a later `expires`".to_owned(),
            FindingKind::WayInExpired => "keep a rule without `expires`".to_owned(),
            FindingKind::OtherHost { .. } => {
                "apply it on that machine, or correct the host's `addresses`".to_owned()
            }
            FindingKind::SshOpen { port: 22 } => "write a rule that names it: `allow = \"ssh\"`".to_owned(),
            FindingKind::SshOpen { port } => format!("write a rule that names it: `allow = \"{port}/tcp\"`"),
            FindingKind::LimitForAnybody { .. } => "narrow `from`, or leave `limit` out".to_owned(),
            FindingKind::ForwardingRefused => {
                "write `[nat]` if this host is a gateway, else set net.ipv4.ip_forward to 0".to_owned()
            }
            FindingKind::Vrf { .. } => {
                "take it out of the VRF, or leave [firewall] out on this host: a VRF cannot be filtered here"
                    .to_owned()
            }
            FindingKind::ListNotRead { .. } => "repair the file, or take it out of `deny`".to_owned(),
            FindingKind::ConditionOnName { .. } => {
                "take `limit`, `expires` and `on` off the rule, or write addresses".to_owned()
            }
            FindingKind::ForwardOverlaps { .. } => "give each port one forward".to_owned(),
            FindingKind::MissingInterface { .. } => {
                "check the spelling; the rule holds as soon as the interface is there".to_owned()
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FindingKind::StalePeer { subject, peer } => {
                write!(f, "`{peer}` in {subject} is nobody at present")
            }
            FindingKind::Redundant { rule, by } => {
                write!(f, "rule {rule} adds nothing: rule {by} admits all of it")
            }
            FindingKind::ConditionWithoutEffect { rule, by } => {
                write!(
                    f,
                    "the condition of rule {rule} has no effect: rule {by} admits all of it without one"
                )
            }
            FindingKind::Expired { rule, label } => write!(f, "rule {rule} ({label}) has expired"),
            FindingKind::WayInExpired => {
                f.write_str("nobody can log in over ssh: every rule for it has expired")
            }
            FindingKind::OtherHost { host } => {
                write!(f, "none of the addresses of {host} is on this machine")
            }
            FindingKind::SshOpen { port } => {
                write!(f, "ssh on port {port} is open to anywhere, since no rule names it")
            }
            FindingKind::LimitForAnybody { rule, port } => {
                write!(f, "forged sources can use up the limit of rule {rule} for ssh on port {port}")
            }
            FindingKind::ForwardingRefused => {
                f.write_str("this host forwards packets, and traffic through it will be refused")
            }
            FindingKind::Vrf { interface } => write!(
                f,
                "{interface} belongs to a VRF: no packet to its addresses would pass, whatever the rules say"
            ),
            FindingKind::ListNotRead { path, reason } if reason.is_empty() => {
                write!(f, "the deny list {} was not read", path.display())
            }
            FindingKind::ListNotRead { path, reason } => {
                write!(f, "the deny list {} cannot be used: {reason}", path.display())
            }
            FindingKind::ConditionOnName { rule } => {
                write!(f, "rule {rule} does not hold for names: a name cannot have a condition")
            }
            FindingKind::ForwardOverlaps { rule } => {
                write!(f, "the forward of rule {rule} is left out: its port leads elsewhere already")
            }
            FindingKind::MissingInterface { subject, interface } => {
                write!(f, "{subject} names the interface {interface}, which is not there")
            }
        }
    }
}
