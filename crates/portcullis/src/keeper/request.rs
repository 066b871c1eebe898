//! What can be asked of the keeper, and how it refuses. One JSON message each, the same over the admin socket and within
//! one process.

use super::caller::Caller;
use super::state::StateError;
use crate::admin::FolderError;
use crate::failure::{Exit, Failure};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// A request and who makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// Who asks.
    pub(crate) caller: Caller,
    /// What.
    pub(crate) request: Request,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// What would change.
    Plan(Wanted),
    /// Put it in force.
    Apply(Apply),
    /// Keep what is on trial.
    Confirm,
    /// End the trial at once.
    EndTrial,
    /// What was applied.
    History,
    /// Whether the firewall is enforced, and what it counts.
    Status,
    /// Refuse sources.
    Ban(Ban),
    /// Take bans back.
    Unban {
        /// Which; none stands for all.
        sources: Vec<IpNet>,
    },
    /// The bans.
    Bans,
    /// Open a port for an address.
    Grant(Grant),
    /// Take a grant back.
    Ungrant(Granted),
    /// The grants.
    Grants,
    /// Put the confirmed packets in force again.
    Restore,
    /// Close a machine that has no table of ours to all but logins; answers whether it had none.
    CloseOpen,
    /// What is open when the firewall is off.
    OffWouldOpen,
    /// Take the table out of the kernel.
    Off,
    /// The table as the kernel has it, as text.
    Show,
    /// The table that a configuration would make, as text.
    ShowPlanned(Wanted),
    /// What another firewall of this machine admits, and whether to switch it off.
    Adopt(Adopt),
}

/// A configuration that is to be in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Where it comes from.
    pub(crate) source: Source,
    /// Which host of the file this machine is, where it was said.
    pub(crate) host: Option<String>,
    /// Risks that are taken.
    pub(crate) risks: Risks,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Source {
    /// A file, by its absolute path.
    File(PathBuf),
    /// A snapshot, by its number; `None` is the one that was confirmed before the present one.
    Snapshot(Option<u64>),
}

/// Risks that are taken only by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Risks {
    /// The session of who asks may be cut.
    pub(crate) cut_my_session: bool,
    /// Nobody may be able to log in over the network afterwards.
    pub(crate) close_last_way_in: bool,
    /// Everybody may reach ssh because no rule names its port any more.
    #[serde(default)]
    pub(crate) open_ssh: bool,
}

/// Put a configuration in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Apply {
    /// What.
    pub(crate) wanted: Wanted,
    /// How it becomes final.
    pub(crate) trial: Trial,
    /// The name of the plan that was shown, which must still be the plan.
    pub(crate) shown: Option<String>,
}

/// How a change becomes final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trial {
    /// It goes back by itself after the time that the file says.
    AsConfigured,
    /// It goes back by itself after so many seconds.
    Seconds(u64),
    /// At once.
    None,
}

/// Refuse sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    /// Addresses and prefixes.
    pub(crate) sources: Vec<IpNet>,
    /// A file with more of them, one a line, by its absolute path.
    pub(crate) file: Option<PathBuf>,
    /// For how many seconds; `None` until it is taken back.
    pub(crate) seconds: Option<u64>,
    /// Why; where nothing is said, an earlier note stays.
    pub(crate) note: Option<String>,
    /// Whether a source that is banned for longer is banned for less from now on.
    #[serde(default)]
    pub(crate) replace: bool,
}

/// Take over from another firewall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adopt {
    /// Whether it is switched off, which needs a policy of ours that was confirmed.
    pub(crate) disable: bool,
}

/// What is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granted {
    /// To whom.
    pub(crate) address: IpAddr,
    /// The protocol's number.
    pub(crate) protocol: u8,
    /// The port.
    pub(crate) port: u16,
}

/// Open a port for an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// What.
    pub(crate) granted: Granted,
    /// For how many seconds.
    pub(crate) seconds: u64,
}

/// Why the keeper did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// Whose fault it is.
    pub(crate) blame: Blame,
    /// Why, in one line.
    pub(crate) reason: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Every problem of the file, rendered without colours, or nothing.
    pub(crate) problems: String,
}

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Blame {
    /// The answer is no, or the file has problems.
    Request,
    /// The machine does not let us.
    Machine,
    /// We made something that does not hold.
    Portcullis,
}

impl Refused {
    /// The answer is no.
    pub(crate) fn no(reason: impl Into<String>) -> Self {
        Self { blame: Blame::Request, reason: reason.into(), hint: None, problems: String::new() }
    }

    /// The machine refused.
    pub(crate) fn machine(error: &dyn std::error::Error) -> Self {
        Self { blame: Blame::Machine, ..Self::no(crate::failure::with_causes(error)) }
    }

    /// The state cannot be written, so everything is as it was.
    pub(crate) fn unchanged(error: StateError) -> Self {
        Self::from(error).because("nothing is changed")
    }

    /// The same, with what it leads to before it.
    pub(crate) fn because(self, outcome: &str) -> Self {
        Self { reason: format!("{outcome}: {}", self.reason), ..self }
    }

    /// The same with advice.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

impl From<FolderError> for Refused {
    fn from(error: FolderError) -> Self {
        let hint = error.hint();
        Self { blame: Blame::Machine, ..Self::no(error.to_string()).with_hint(hint) }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        let blame = match failure.exit {
            Exit::Refused => Blame::Machine,
            Exit::Bug => Blame::Portcullis,
            Exit::No | Exit::Usage | Exit::Done => Blame::Request,
        };
        Self { blame, reason: failure.reason, hint: failure.hint, problems: String::new() }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let exit = match refused.blame {
            Blame::Request => Exit::No,
            Blame::Machine => Exit::Refused,
            Blame::Portcullis => Exit::Bug,
        };
        Self { exit, reason: refused.reason, hint: refused.hint }
    }
}
