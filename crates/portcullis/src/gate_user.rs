//! Whom the gate becomes: the user `portcullis`, where there is one and the keeper is root.

use confine::Account;
use rustix::process::geteuid;

/// The name of the user.
pub(crate) const NAME: &str = "portcullis";

/// What makes the user where systemd-sysusers does not.
pub(crate) const MADE_BY: &str =
    "useradd --system --user-group --home-dir / --no-create-home --shell /usr/sbin/nologin portcullis";

/// The account, where this machine has it.
pub(crate) fn account() -> Option<Account> {
    confine::account(NAME)
}

/// The same, where a keeper that is started by this user makes the gate become it.
pub(crate) fn other_than_caller() -> Option<Account> {
    account().filter(|_| geteuid().is_root())
}

/// The number of the user that the gate of a keeper runs as that is started by this user. Packets let it alone to the
/// instances.
pub(crate) fn number() -> u32 {
    other_than_caller().map_or_else(|| geteuid().as_raw(), |account| account.uid())
}
