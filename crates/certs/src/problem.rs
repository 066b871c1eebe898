//! What is wrong with a certificate that is served nevertheless.

use crate::validity::{Day, Validity};
use model::host::HostPattern;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long before its end a certificate from files is reported. Authorities on the internet renew at a third of 90
/// days, so 14 days means that a renewal was missed.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What is wrong with a certificate that is served nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It has ended.
    Expired {
        /// When.
        not_after: SystemTime,
    },
    /// It ends within 14 days.
    ExpiresSoon {
        /// When.
        not_after: SystemTime,
    },
    /// It has not begun.
    NotYetValid {
        /// When it begins.
        not_before: SystemTime,
    },
    /// It carries no name at all, so clients accept it for none.
    NoNames,
    /// A site uses it for a name that it does not carry.
    NameMissing {
        /// The name.
        name: HostPattern,
    },
    /// A certificate of the chain does not issue the one before it.
    ChainOutOfOrder {
        /// Which, from 1.
        position: usize,
    },
    /// Others than the owner can read the key.
    KeyReadable {
        /// The key.
        key: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Expired { .. } | Self::ExpiresSoon { .. } => {
                "renew it and replace the files; the change is picked up by itself".into()
            }
            Self::NotYetValid { .. } => "check the clock of this machine".into(),
            Self::NoNames | Self::NameMissing { .. } => {
                "get a certificate whose subjectAltName carries the name of the site".into()
            }
            Self::ChainOutOfOrder { .. } => {
                "put the leaf first, then each certificate's issuer after it, as in fullchain.pem".into()
            }
            Self::KeyReadable { key, .. } => format!("chmod o= {}", key.display()),
        }
    }
}

/// Problems of a validity at a moment.
pub(crate) fn of_validity(validity: &Validity, now: SystemTime) -> Option<Problem> {
    if now > validity.not_after {
        return Some(Problem::Expired { not_after: validity.not_after });
    }
    if now < validity.not_before {
        return Some(Problem::NotYetValid { not_before: validity.not_before });
    }
    (validity.remaining(now) < SOON).then_some(Problem::ExpiresSoon { not_after: validity.not_after })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { not_after } => write!(f, "expired on {}", Day(*not_after)),
            Self::ExpiresSoon { not_after } => write!(f, "expires on {}", Day(*not_after)),
            Self::NotYetValid { not_before } => write!(f, "not valid before {}", Day(*not_before)),
            Self::NoNames => f.write_str("carries no name"),
            Self::NameMissing { name } => write!(f, "does not carry the name {name}"),
            Self::ChainOutOfOrder { position } => {
                write!(f, "certificate {position} of the chain is not the issuer of the one before it")
            }
            Self::KeyReadable { key, mode } => {
                write!(f, "its key {} can be read by everybody (mode {mode:03o})", key.display())
            }
        }
    }
}
