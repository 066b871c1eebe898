//! Certificates that somebody else obtained for a host of the plan. Who brings them may be hostile: what is kept is a
//! certificate of that host, and where it is kept follows from the host alone.

use crate::files::{self, FileError};
use crate::names::covers;
use crate::own::{keep, paths};
use crate::state::StateError;
use crate::store::Store;
use crate::wanted::Choice;
use model::host::HostPattern;
use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Certificates of a chain at most; public authorities send up to four.
const LONGEST_CHAIN: usize = 8;
/// How far the clocks of authorities and machines may be apart.
const CLOCKS: Duration = Duration::from_secs(3600);
/// The longest life of a leaf. Public authorities may issue for 398 days at most (Baseline Requirements, 6.3.2).
const LONGEST_LIFE: Duration = Duration::from_secs(398 * 86_400);

/// Why a certificate is not kept.
#[derive(Debug)]
pub enum NotKept {
    /// No site of the plan has this host, or it has a certificate from files.
    NotAutomatic,
    /// It makes no certificate.
    Unusable(FileError),
    /// What is wrong with its chain.
    BadChain(&'static str),
    /// It does not carry the host.
    NameMissing,
    /// It is not valid now, or for longer than any.
    Validity,
    /// The machine refuses.
    State(StateError),
}

impl NotKept {
    /// The rule that refuses it.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotAutomatic => "not-automatic",
            Self::Unusable(FileError::KeyMismatch { .. }) => "key-mismatch",
            Self::Unusable(_) | Self::BadChain(_) => "bad-certificate",
            Self::NameMissing => "name-missing",
            Self::Validity => "validity",
            Self::State(_) => "state",
        }
    }
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAutomatic => f.write_str("no site has this host and an automatic certificate"),
            Self::Unusable(_) => f.write_str("chain and key cannot be used"),
            Self::BadChain(reason) => f.write_str(reason),
            Self::NameMissing => f.write_str("the certificate does not carry the host"),
            Self::Validity => f.write_str("the certificate is not valid now, or for too long"),
            Self::State(error) => error.fmt(f),
        }
    }
}

impl Error for NotKept {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unusable(error) => Some(error),
            Self::State(error) => error.source(),
            _ => None,
        }
    }
}

impl Store {
    /// Keeps a certificate for a host whose certificate is automatic, in a folder of the host's, in place of the one that
    /// was obtained before. Nothing serves it yet.
    ///
    /// # Errors
    ///
    /// The plan does not want it, it is none for this host, or it cannot be written.
    pub fn keep(&self, host: &HostPattern, chain: &str, key: &str, now: SystemTime) -> Result<(), NotKept> {
        let Some(Choice::Own(name)) = self.choice(host) else { return Err(NotKept::NotAutomatic) };
        if host.name().is_address() {
            return Err(NotKept::NotAutomatic);
        }
        let folder = self.state().obtained(name);
        let paths = paths(&folder);
        let loaded = files::from_pem(&paths, chain.as_bytes(), key.as_bytes()).map_err(NotKept::Unusable)?;
        if loaded.pair.chain().len() > LONGEST_CHAIN {
            return Err(NotKept::BadChain("the chain is longer than any"));
        }
        if loaded.leaf.is_authority {
            return Err(NotKept::BadChain("the certificate is that of an authority"));
        }
        if !loaded.leaf.names.iter().any(|carried| covers(carried, host)) {
            return Err(NotKept::NameMissing);
        }
        if !loaded.problems.is_empty() {
            return Err(NotKept::BadChain("the chain is out of order"));
        }
        let validity = loaded.leaf.validity;
        let life = validity.not_after.duration_since(validity.not_before).unwrap_or_default();
        if validity.not_before > now + CLOCKS || validity.not_after <= now || life > LONGEST_LIFE {
            return Err(NotKept::Validity);
        }
        keep(self.state(), &folder, &paths, chain, key).map_err(NotKept::State)
    }
}
