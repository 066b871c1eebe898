//! The system's trust store: makes this machine trust the own authority, and undoes it.
//!
//! What will be done is a value, [`TrustPlan`], so that it can be shown before it is done.

mod step;
mod system;

pub use step::{Step, StepError};
pub use system::{System, SystemStore};

use crate::facts::Fingerprint;
use std::fmt;
use std::path::Path;

/// What has to be done to change the system's trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPlan {
    /// The kind of trust store.
    pub store: SystemStore,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// There is no trust store that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStore;

impl TrustPlan {
    /// How an authority becomes trusted. `certificate` is its PEM file, `pem` what is in it.
    ///
    /// # Errors
    ///
    /// When this system has no trust store that we know.
    pub fn install(
        system: &System,
        fingerprint: &Fingerprint,
        certificate: &Path,
        pem: &str,
    ) -> Result<Self, UnknownStore> {
        let (store, tool) = system.detect().ok_or(UnknownStore)?;
        let write = |folder| Step::Write {
            path: system.path(folder).join(file_name(fingerprint)),
            content: pem.into(),
        };
        let steps = match store {
            SystemStore::Debian => vec![write(system::DEBIAN_FOLDER), Step::run(&tool, &[])],
            SystemStore::Fedora => vec![write(system::FEDORA_FOLDER), Step::run(&tool, &["extract"])],
            SystemStore::Arch => {
                vec![Step::run(&tool, &["anchor", "--store", &certificate.to_string_lossy()])]
            }
        };
        Ok(Self { store, steps })
    }

    /// How an authority is no longer trusted.
    ///
    /// # Errors
    ///
    /// When this system has no trust store that we know.
    pub fn uninstall(
        system: &System,
        fingerprint: &Fingerprint,
        certificate: &Path,
    ) -> Result<Self, UnknownStore> {
        let (store, tool) = system.detect().ok_or(UnknownStore)?;
        let remove = |folder| Step::Remove { path: system.path(folder).join(file_name(fingerprint)) };
        let steps = match store {
            // Without --fresh the link of a certificate that is gone would stay.
            SystemStore::Debian => vec![remove(system::DEBIAN_FOLDER), Step::run(&tool, &["--fresh"])],
            SystemStore::Fedora => vec![remove(system::FEDORA_FOLDER), Step::run(&tool, &["extract"])],
            SystemStore::Arch => {
                vec![Step::run(&tool, &["anchor", "--remove", &certificate.to_string_lossy()])]
            }
        };
        Ok(Self { store, steps })
    }

    /// Does it, step by step, up to the first that fails.
    ///
    /// # Errors
    ///
    /// Says which step failed and why.
    pub fn execute(&self) -> Result<(), StepError> {
        self.steps.iter().try_for_each(Step::execute)
    }
}

/// The name of the file in the trust store. Authorities of several state folders can be trusted side by side.
fn file_name(fingerprint: &Fingerprint) -> String {
    format!("portcullis-{}.crt", fingerprint.short())
}

impl UnknownStore {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        "print the certificate and add it to the trust store of your system or browser by hand"
    }
}

impl fmt::Display for UnknownStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither update-ca-certificates nor update-ca-trust nor trust is installed")
    }
}

impl std::error::Error for UnknownStore {}

#[cfg(test)]
mod tests;
