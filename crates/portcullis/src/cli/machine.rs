//! The commands about the machine that the gate runs on: its service, its health, its logs.

use clap::Args;

/// `portcullis install-service`.
#[derive(Debug, Args)]
pub(crate) struct InstallService {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take the units away; configuration, state, logs and users stay
    #[arg(long)]
    pub(crate) uninstall: bool,
}
