//! What the keeper answers: facts for programs, from which the commands make texts for people. The fields are what
//! `--json` prints.

use super::bans::Ban;
use super::caller::Who;
use super::kernel::Features;
use super::request::Granted;
use super::state::{Entry, Number};
use firewall::connections::Opener;
use model::problem::{Problem, Severity};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Planned {
    /// The name of this very plan: an apply that carries it is refused when the plan has become another one.
    pub(crate) name: String,
    /// Where the configuration comes from, for people.
    pub(crate) origin: String,
    /// Which host of the file this machine is.
    pub(crate) host: Option<String>,
    /// The snapshot that it is compared with, trials left out; `None` where no packets are in force.
    pub(crate) compared_with: Option<Number>,
    /// The trial that nobody has ended yet: until then nothing else can be applied.
    pub(crate) trial: Option<TrialStatus>,
    /// Whether packets change.
    pub(crate) packets_change: bool,
    /// Rules, where they change.
    pub(crate) rules: Vec<RuleChange>,
    /// What becomes reachable.
    pub(crate) opens: Vec<Reach>,
    /// What is not reachable any more.
    pub(crate) closes: Vec<Reach>,
    /// What else decides about packets and changes, one line each.
    pub(crate) other: Vec<String>,
    /// Sites and services, where they change.
    pub(crate) routes: Vec<RouteChange>,
    /// Live connections that the new packets forbid.
    #[serde(flatten)]
    pub(crate) cut: Cuts,
    /// What listens and will not be reachable from everywhere, where no packets are in force yet.
    pub(crate) closing: Vec<OpenListener>,
    /// What should be looked at.
    pub(crate) findings: Vec<Finding>,
    /// For how long the packets are on trial, in seconds.
    pub(crate) confirm_seconds: u64,
}

/// How something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    /// It is new.
    Added,
    /// It goes.
    Removed,
    /// It becomes another one.
    Changed,
}

impl Change {
    /// Its sign in a plan.
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
        }
    }
}

/// A rule that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleChange {
    /// How.
    pub(crate) change: Change,
    /// Its identity.
    pub(crate) rule: String,
    /// What it says, as a short text: `allow 8080/tcp from frontend`.
    pub(crate) text: String,
    /// The other end as prefixes.
    pub(crate) prefixes: Vec<String>,
    /// What it said before, where it changed.
    pub(crate) before: Option<String>,
    /// Who says it: a group, the machine, or what it follows from.
    pub(crate) owner: String,
    /// What it is for.
    pub(crate) note: Option<String>,
}

/// Something that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reach {
    /// What: `inbound 80/tcp`.
    pub(crate) what: String,
    /// From where, or to where, as a short text.
    pub(crate) peers: String,
    /// All of that as prefixes.
    pub(crate) prefixes: Vec<String>,
}

/// A site or a service that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteChange {
    /// How.
    pub(crate) change: Change,
    /// `site` or `service`.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
}

/// Live connections that new packets forbid: those of who asks first, and only so many by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cuts {
    /// Some of them.
    #[serde(rename = "cut")]
    pub(crate) named: Vec<Cut>,
    /// How many more there are.
    #[serde(rename = "cut_more")]
    pub(crate) more: usize,
}

/// A live connection that new packets forbid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Cut {
    /// `tcp`, `udp`, another one's name or number.
    pub(crate) protocol: String,
    /// This machine's end: the port that was asked for, or the end of a container or a host behind this one.
    pub(crate) local: SocketAddr,
    /// The other end.
    pub(crate) peer: SocketAddr,
    /// Who opened it: `peer`, `this-host`, or `behind` for a container or a host behind this one.
    pub(crate) opened_by: Opener,
    /// The program that has it, where it could be found.
    pub(crate) program: Option<String>,
    /// Whether it is a session of who asks.
    pub(crate) yours: bool,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Weight {
    /// Worth knowing.
    Note,
    /// Probably not what was meant.
    Warning,
    /// Something that is written would not be enforced or served, so nothing is applied.
    Error,
}

/// Something that should be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// How much it matters.
    pub(crate) weight: Weight,
    /// What.
    pub(crate) text: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Finding {
    /// Something worth knowing.
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self { weight: Weight::Note, text: text.into(), hint: None }
    }

    /// A problem of the configuration, in one line.
    pub(crate) fn of_problem(problem: Problem) -> Self {
        let weight = match problem.severity {
            Severity::Error => Weight::Error,
            Severity::Warning => Weight::Warning,
        };
        let notes =
            if problem.notes.is_empty() { String::new() } else { format!(" ({})", problem.notes.join("; ")) };
        Self { weight, text: problem.title + &notes, hint: problem.hints.into_iter().next() }
    }

    /// Something that is probably not as it should be.
    pub(crate) fn warning(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, text: text.into(), hint: Some(hint.into()) }
    }
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Applied {
    /// The snapshot.
    pub(crate) snapshot: Number,
    /// What became of the packets.
    pub(crate) packets: Packets,
    /// Whether a running gate serves the routes.
    pub(crate) routes: bool,
    /// What was cut, where it is final at once.
    #[serde(flatten)]
    pub(crate) cut: Cuts,
}

/// What became of the packets of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Packets {
    /// They are as before.
    Unchanged,
    /// They are on trial.
    Trial {
        /// For how many seconds.
        seconds: u64,
        /// Whether nothing was enforced before, which is what the machine goes back to.
        first: bool,
    },
    /// They are in force.
    InForce,
}

/// What a confirmation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    /// The snapshot.
    pub(crate) snapshot: Number,
    /// Connections that the new packets forbid.
    #[serde(flatten)]
    pub(crate) cut: Cuts,
}

/// What the end of a trial led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The snapshot that was on trial.
    pub(crate) snapshot: Number,
    /// The one that is in force; `None` where nothing is enforced.
    pub(crate) back_to: Option<Number>,
    /// Whether a running gate serves other sites and services for it.
    #[serde(default)]
    pub(crate) routes_back: bool,
}

/// The history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// The snapshot that is in force, trials left out.
    pub(crate) confirmed: Option<Number>,
    /// Oldest first.
    pub(crate) entries: Vec<Entry>,
    /// Whether packets of ours are in force that the state folder does not know.
    #[serde(default)]
    pub(crate) unknown_table: bool,
}

/// What a ban or an unban did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Banned {
    /// How many sources.
    pub(crate) sources: usize,
    /// How many of them were banned for longer already, and stay so.
    #[serde(default)]
    pub(crate) longer: usize,
    /// How many of those that are banned no more are on a deny list, and stay refused.
    #[serde(default)]
    pub(crate) denied: usize,
    /// How many bans there are.
    pub(crate) total: usize,
    /// Whether the kernel refuses them now; otherwise they wait for a policy.
    pub(crate) enforced: bool,
}

/// The bans.
pub(crate) type BanList = Vec<Ban>;

/// A grant that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantInForce {
    /// What.
    pub(crate) granted: Granted,
    /// When it ends, in seconds since 1970-01-01 UTC.
    pub(crate) until: u64,
    /// Who granted it.
    pub(crate) who: Who,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Restored {
    /// The confirmed packets are in force.
    Snapshot(Number),
    /// The packets were in force already, or on trial.
    Already(Number),
    /// There is nothing that could be restored, so nothing but logging in is possible.
    Minimum {
        /// Why.
        reason: String,
    },
    /// There is nothing that could be restored, and a table of ours is in force, which stays.
    Left {
        /// Why.
        reason: String,
    },
    /// The firewall was switched off.
    Off,
}

/// What is open when the firewall is switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Openings {
    /// Whether it is enforced now.
    pub(crate) enforced: bool,
    /// What listens and cannot be reached from everywhere now.
    pub(crate) listeners: Vec<OpenListener>,
    /// Bans that are not enforced until it is on again.
    pub(crate) bans: usize,
}

/// A listener that becomes reachable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenListener {
    /// Address and protocol.
    pub(crate) what: String,
    /// Its program, where it could be found.
    pub(crate) program: Option<String>,
}

/// Whether the firewall is enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Whether a policy of ours decides about packets.
    pub(crate) enforced: bool,
    /// Whether the kernel's packet filter can be reached: rights, nf_tables.
    pub(crate) reachable: bool,
    /// Whether packets of ours are in force that the state folder does not know, so that it cannot be said what they are.
    #[serde(default)]
    pub(crate) unknown_table: bool,
    /// Whether the operator switched it off.
    pub(crate) switched_off: bool,
    /// Why not, or what is not as it should be.
    pub(crate) problems: Vec<Finding>,
    /// The snapshot in force.
    pub(crate) snapshot: Option<Number>,
    /// The trial that runs.
    pub(crate) trial: Option<TrialStatus>,
    /// What the kernel can do.
    pub(crate) features: Features,
    /// How many bans there are.
    pub(crate) bans: usize,
    /// How many grants there are.
    pub(crate) grants: usize,
    /// How full the kernel's table of connections is.
    pub(crate) connection_table: Option<ConnectionTable>,
    /// What was refused for which reason.
    pub(crate) refused: Vec<Refusals>,
    /// What each rule has admitted.
    pub(crate) rules: Vec<RuleCount>,
}

/// A trial that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrialStatus {
    /// The snapshot that is on trial.
    pub(crate) snapshot: Number,
    /// Seconds until the kernel goes back.
    pub(crate) seconds_left: u64,
}

/// The kernel's table of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectionTable {
    /// Entries.
    pub(crate) count: u64,
    /// Entries that fit.
    pub(crate) max: u64,
}

/// Packets that were refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusals {
    /// Why.
    pub(crate) reason: String,
    /// How many.
    pub(crate) packets: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// What a rule has admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuleCount {
    /// Its identity.
    pub(crate) rule: String,
    /// What it says.
    pub(crate) text: String,
    /// Packets.
    pub(crate) packets: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// What it is for.
    pub(crate) note: Option<String>,
}

/// What another firewall admits, and how that would look here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adoption {
    /// The firewall that was found: `ufw`, `firewalld`.
    pub(crate) name: String,
    /// Its rules as a part of a file.
    pub(crate) toml: String,
    /// What the differences are to.
    pub(crate) compared_with: Source,
    /// What is judged otherwise, packet by packet.
    pub(crate) differences: Vec<String>,
    /// The same in a few lines.
    pub(crate) summary: Vec<String>,
    /// What could not be taken over, and what that means.
    pub(crate) left_out: Vec<String>,
    /// Whether its rules are in the kernel.
    pub(crate) on: bool,
    /// Whether it was switched off now.
    pub(crate) disabled: bool,
    /// The files that were read.
    pub(crate) read_from: Vec<PathBuf>,
}

/// What another firewall is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// The policy that is in force.
    InForce,
    /// The rules that were taken over.
    Imported,
}
