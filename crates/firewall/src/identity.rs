//! Which host of the file this machine is.

use crate::observed::Observed;
use ipnet::IpNet;
use model::plan::{Host, Name, Policy};
use std::fmt;

/// Why it is not known which host of the file this machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// A host was asked for that the file does not declare.
    Unknown {
        /// The name that was asked for.
        wanted: String,
        /// The names that there are.
        declared: Vec<Name>,
    },
    /// Neither the host name nor an address is one of a declared host.
    NoMatch {
        /// The name of this machine.
        host_name: String,
        /// The names that there are.
        declared: Vec<Name>,
    },
    /// Addresses of this machine are those of more than one declared host.
    Ambiguous {
        /// The hosts that match.
        matching: Vec<Name>,
    },
}

impl IdentityError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { declared, .. } => format!("the file declares {}", list(declared)),
            Self::NoMatch { declared, .. } => {
                format!("say which of {} this is: `--host NAME`", list(declared))
            }
            Self::Ambiguous { .. } => "say which of them this is: `--host NAME`".to_owned(),
        }
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { wanted, .. } => write!(f, "the file declares no host `{wanted}`"),
            Self::NoMatch { host_name, .. } => {
                write!(f, "no host of the file has the name `{host_name}` or an address of this machine")
            }
            Self::Ambiguous { matching } => {
                write!(f, "this machine has addresses of {}", list(matching))
            }
        }
    }
}

impl std::error::Error for IdentityError {}

/// Names for people.
fn list(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Which host of the file this machine is: the one that `wanted` (`--host`) names, else the one with this machine's
/// host name, else the only one with one of its addresses. `None` where the file declares no host and is about this
/// machine.
///
/// # Errors
///
/// Where the file declares hosts and none, or more than one, is this machine: a policy of another host is never
/// enforced by guess.
pub fn this_host(
    policy: &Policy,
    observed: &Observed,
    wanted: Option<&str>,
) -> Result<Option<Name>, IdentityError> {
    let declared = || policy.hosts.iter().map(|host| host.name.clone()).collect();
    let named = |name: &str| policy.hosts.iter().find(|host| host.name.0.eq_ignore_ascii_case(name));
    if let Some(wanted) = wanted {
        let unknown = || IdentityError::Unknown { wanted: wanted.to_owned(), declared: declared() };
        return named(wanted).map(|host| Some(host.name.clone())).ok_or_else(unknown);
    }
    if policy.hosts.is_empty() {
        return Ok(None);
    }
    if let Some(host) = named(&observed.host_name) {
        return Ok(Some(host.name.clone()));
    }
    let matching: Vec<Name> =
        policy.hosts.iter().filter(|host| is_here(host, observed)).map(|host| host.name.clone()).collect();
    match matching.as_slice() {
        [] => Err(IdentityError::NoMatch { host_name: observed.host_name.clone(), declared: declared() }),
        [one] => Ok(Some(one.clone())),
        _ => Err(IdentityError::Ambiguous { matching }),
    }
}

/// Whether an interface of this machine has an address of a host. Loopback is everybody's.
pub(crate) fn is_here(host: &Host, observed: &Observed) -> bool {
    let own = observed.interfaces.iter().flat_map(|interface| &interface.addresses).map(IpNet::addr);
    own.filter(|address| !address.is_loopback())
        .any(|address| host.addresses.contains(&address) || host.public.contains(&address))
}
