//! How gates are started.

use super::offer::Offer;
use super::sight;
use std::ffi::OsString;
use std::path::PathBuf;

/// How gates are started.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The program.
    pub(crate) program: OsString,
    /// Which build it is.
    pub(crate) build: String,
    /// Threads that serve.
    pub(crate) threads: usize,
    /// Where gates await a later keeper.
    pub(crate) folder: PathBuf,
    /// Whom a gate becomes, where this keeper is root.
    pub(crate) account: Option<confine::Account>,
}

impl Settings {
    /// How a gate is confined that serves this.
    pub(super) fn cage(&self, offer: &Offer) -> confine::Cage {
        confine::Cage {
            account: self.account.clone(),
            shown: sight::of(offer),
            unix_sockets: true,
            ..confine::Cage::default()
        }
    }
}
