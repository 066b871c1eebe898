//! Where things are kept: the state folder and the admin socket. Names only; nothing is created here.

use crate::failure::Failure;
use model::plan::Plan;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What begins the reason where what is in force is kept in a folder that is not looked into.
pub(crate) const UNKNOWN: &str = "it cannot be told what is in force: ";

/// The state folder of root where none is named.
const OF_ROOT: &str = "/var/lib/portcullis";

/// The admin socket in a state folder.
const ADMIN_SOCKET: &str = "admin/socket";

/// Where the gate keeps things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The state folder.
    pub(crate) state: PathBuf,
    /// The admin socket.
    pub(crate) admin_socket: PathBuf,
}

impl Places {
    /// The places for a plan; the command line's `--state` wins over the file.
    pub(crate) fn of(plan: &Plan, flag: Option<PathBuf>) -> Self {
        Self::named(flag.or_else(|| plan.state.folder.clone()), plan.admin.socket.clone())
    }

    /// The places with these names, and the usual ones where there is none.
    pub(crate) fn named(state: Option<PathBuf>, admin_socket: Option<PathBuf>) -> Self {
        let state = state.unwrap_or_else(default_state);
        let admin_socket = admin_socket.unwrap_or_else(|| state.join(ADMIN_SOCKET));
        Self { state, admin_socket }
    }

    /// Whether anything of a gate or a firewall is in the state folder. What cannot be looked at is taken for used.
    pub(crate) fn are_used(&self) -> bool {
        ["firewall", "admin"].iter().any(|name| self.state.join(name).try_exists().unwrap_or(true))
    }

    /// The admin socket that a command asks at. Members of the operators' group ask root's gate where they named no other
    /// and have none of their own.
    pub(crate) fn socket_to_ask(&self) -> PathBuf {
        let of_root = Path::new(OF_ROOT).join(ADMIN_SOCKET);
        let is_unnamed = self.admin_socket == default_state().join(ADMIN_SOCKET);
        let is_there = |socket: &Path| socket.try_exists().unwrap_or(false);
        if is_unnamed && !is_there(&self.admin_socket) && is_there(&of_root) {
            return of_root;
        }
        self.admin_socket.clone()
    }

    /// Refuses to answer from the folder of a user who named none where root keeps the packets of this machine: that
    /// nothing is known there would be said of the machine, and be false.
    pub(crate) fn refuse_in_place_of_root(&self) -> Result<(), Failure> {
        let kept = |name: &&str| Path::new(OF_ROOT).join(name).try_exists().unwrap_or(true);
        if rustix::process::geteuid().is_root()
            || self.state != default_state()
            || !["firewall", "known"].iter().any(kept)
        {
            return Ok(());
        }
        Err(Failure::refused(format!("{UNKNOWN}{OF_ROOT} belongs to root"))
            .with_hint("run this as root; --state names the folder of a gate of your own"))
    }
}

/// The state folder where none is named.
pub(crate) fn default_state() -> PathBuf {
    default_state_for(
        rustix::process::geteuid().is_root(),
        env::var_os("XDG_STATE_HOME"),
        env::var_os("HOME"),
    )
}

/// `/var/lib/portcullis` for root, the user's state folder (XDG Base Directory Specification) for anybody else.
fn default_state_for(root: bool, state_home: Option<OsString>, home: Option<OsString>) -> PathBuf {
    if root {
        return PathBuf::from(OF_ROOT);
    }
    // The specification asks that relative values are ignored.
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(state_home)
        .or_else(|| absolute(home).map(|home| home.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp"))
        .join("portcullis")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_follows_the_user() {
        let folder = |root, state_home: Option<&str>, home: Option<&str>| {
            default_state_for(root, state_home.map(OsString::from), home.map(OsString::from))
        };
        assert_eq!(folder(true, Some("/x"), Some("/root")), PathBuf::from("/var/lib/portcullis"));
        assert_eq!(folder(false, Some("/x"), Some("/home/a")), PathBuf::from("/x/portcullis"));
        assert_eq!(
            folder(false, Some("x"), Some("/home/a")),
            PathBuf::from("/home/a/.local/state/portcullis")
        );
        assert_eq!(folder(false, None, Some("/home/a")), PathBuf::from("/home/a/.local/state/portcullis"));
    }
}
