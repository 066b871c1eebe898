//! Everything about this machine that a policy is compiled with, seen at one moment.
//!
//! It leaves out what the keeper knows itself: proved addresses, resolved names, the content of lists.

use crate::interfaces::interfaces;
use crate::netlink::NetlinkError;
use crate::settings::{self, SettingsError};
use crate::sockets::{SocketsError, listeners};
use firewall::observed::Observed;
use std::fmt;
use std::io;
use std::path::Path;

/// Why this machine could not be observed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ObserveError {
    /// Its name.
    HostName(io::Error),
    /// Its interfaces and addresses.
    Interfaces(NetlinkError),
    /// What listens on it.
    Listeners(SocketsError),
    /// Its resolvers.
    Resolvers(SettingsError),
}

impl fmt::Display for ObserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostName(_) => "cannot tell the host name",
            Self::Interfaces(_) => "cannot list the network interfaces",
            Self::Listeners(_) => "cannot tell what listens on this machine",
            Self::Resolvers(_) => "cannot tell the resolvers",
        })
    }
}

impl std::error::Error for ObserveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::HostName(error) => error,
            Self::Interfaces(error) => error,
            Self::Listeners(error) => error,
            Self::Resolvers(error) => error,
        })
    }
}

/// This machine at `now`, in seconds since 1970-01-01 UTC. `containers` are the patterns of `[firewall] containers`,
/// `gate_user` is the user that the gate runs as. Addresses of operators, names and lists stay empty.
///
/// # Errors
/// When a part cannot be seen: a policy made without it could be wrong.
pub fn observe(gate_user: u32, containers: &[String], now: u64) -> Result<Observed, ObserveError> {
    let root = Path::new("/");
    Ok(Observed {
        host_name: settings::host_name(root).map_err(ObserveError::HostName)?,
        interfaces: interfaces(containers).map_err(ObserveError::Interfaces)?,
        listeners: listeners().map_err(ObserveError::Listeners)?,
        gate_user,
        resolvers: settings::resolvers(root).map_err(ObserveError::Resolvers)?,
        forwarding: settings::forwards(root),
        now,
        ..Observed::default()
    })
}
