//! The own authority: issues the certificates of sites that have none from files.
//!
//! Its certificate is an ECDSA P-256 root for ten years that may issue leaves and nothing else (`pathlen` 0), for TLS
//! servers and nothing else (extended key usage). It has no name constraints (RFC 5280, 4.2.1.10): which names the
//! sites have changes with the configuration, names of one label cannot be written as a finite list of constraints,
//! and a root that was trusted once cannot be changed without being trusted again. What bounds the harm of a stolen
//! key instead is that it never leaves this machine, that its owner alone can read it, and that nobody trusts it
//! until the operator says so.

mod issue;
mod root;

pub use issue::IssueError;
pub(crate) use issue::Issued;

use crate::certificate::Certificate;
use crate::event::Event;
use crate::facts::Fingerprint;
use crate::files::FileError;
use crate::state::{StateError, StateFolder};
use crate::validity::{Validity, seconds};
use model::host::HostPattern;
use rcgen::{Issuer, KeyPair};
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The own authority, with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// A client that trusts this authority and no other.
    client: Arc<dyn ServerCertVerifier>,
    facts: AuthorityFacts,
}

/// What can be told about the own authority.
#[derive(Clone, Debug)]
pub struct AuthorityFacts {
    /// Its name, as the lists of trusted authorities show it.
    pub name: String,
    /// From when until when it is valid.
    pub validity: Validity,
    /// SHA-256 of its certificate.
    pub fingerprint: Fingerprint,
    /// Its certificate, to be given to clients; PEM.
    pub pem: String,
    /// Where its certificate lies.
    pub path: PathBuf,
}

/// Why there is no own authority.
#[derive(Debug)]
pub enum AuthorityError {
    /// Its files are there and cannot be read.
    Unreadable(FileError),
    /// Its files cannot be written.
    State(StateError),
    /// It cannot be made.
    Make(rcgen::Error),
}

impl Authority {
    /// Reads the authority from the state folder, or makes one where there is none. Damaged files are set aside: a key
    /// that is whole gets a new certificate, and only without it is the authority replaced by one that nobody trusts
    /// yet. So is one that ends within 30 days. The events say so.
    ///
    /// # Errors
    ///
    /// When its files cannot be read or written.
    pub fn open(state: &StateFolder, now: SystemTime) -> Result<(Self, Vec<Event>), AuthorityError> {
        root::open(state, now)
    }

    /// What can be told about it.
    #[must_use]
    pub fn facts(&self) -> &AuthorityFacts {
        &self.facts
    }

    /// Whether it ends so soon that another has to take its place.
    pub(crate) fn is_ending(&self, now: SystemTime) -> bool {
        self.facts.validity.remaining(now) < LAST_CALL
    }

    /// Makes a key and a certificate for names; at least one.
    pub(crate) fn issue(&self, names: &[HostPattern], now: SystemTime) -> Result<Issued, IssueError> {
        issue::issue(&self.issuer, &self.facts.validity, names, now)
    }

    /// Whether a client that trusts this authority would accept a leaf for every one of the names.
    pub(crate) fn vouches_for(
        &self,
        leaf: &CertificateDer<'_>,
        names: &[HostPattern],
        now: SystemTime,
    ) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds(now)));
        let accepts = |pattern: &HostPattern| {
            let name = match pattern {
                HostPattern::Exact(name) => name.as_str().to_owned(),
                HostPattern::Wildcard(base) => format!("x.{base}"),
            };
            let Ok(name) = ServerName::try_from(name) else { return false };
            self.client.verify_server_cert(leaf, &[], &name, &[], now).is_ok()
        };
        names.iter().all(accepts)
    }
}

/// An authority with less life than this is replaced: leaves must not outlive it, and lists of trusted authorities
/// take time to follow.
const LAST_CALL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl AuthorityFacts {
    fn new(parsed: &Certificate, der: &CertificateDer<'_>, pem: String, path: &Path) -> Self {
        Self {
            name: parsed.issuer.clone(),
            validity: parsed.validity,
            fingerprint: Fingerprint::of(der),
            pem,
            path: path.to_owned(),
        }
    }
}

impl AuthorityError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable(error) => error.hint(),
            Self::State(error) => error.hint(),
            Self::Make(_) => "check that the system has random numbers".into(),
        }
    }
}

impl fmt::Debug for Authority {
    /// Tells nothing of the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable(_) => "the own authority cannot be read",
            Self::State(_) => "the own authority cannot be kept",
            Self::Make(_) => "the own authority cannot be made",
        })
    }
}

impl std::error::Error for AuthorityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::State(error) => Some(error),
            Self::Make(error) => Some(error),
        }
    }
}
