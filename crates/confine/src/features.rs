//! What this machine has for confining a process, for `doctor`.

use serde::{Deserialize, Serialize};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The kernel's release, such as `6.1.0-18-amd64`.
    pub kernel: String,
    /// The version of landlock's interface, at most the newest that we know. From 6 on, all that is asked of it holds.
    pub landlock: Option<i32>,
    /// Filters of system calls that can kill a process.
    pub seccomp: bool,
    /// Mount namespaces.
    pub mount_namespaces: bool,
    /// User namespaces, which others on this machine may use; nothing here needs them.
    pub user_namespaces: bool,
}

/// Looks. Takes a thread for a moment.
#[must_use]
pub fn features() -> Features {
    let limit = std::fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    Features {
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        landlock: crate::access::version(),
        seccomp: crate::calls::is_supported(),
        mount_namespaces: std::path::Path::new("/proc/self/ns/mnt").exists(),
        user_namespaces: limit.trim().parse().is_ok_and(|limit: u64| limit > 0),
    }
}
