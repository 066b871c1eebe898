//! What the store did or found, for the operator's log. Never a key.

use crate::authority::{AuthorityError, IssueError};
use crate::facts::Fingerprint;
use crate::files::FileError;
use crate::problem::Problem;
use crate::state::StateError;
use crate::validity::Day;
use model::host::HostPattern;
use model::plan::CertificateFiles;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

/// What the store did or found. Its text is one line; an error has its causes as [`std::error::Error::source`].
#[derive(Debug)]
pub enum Event {
    /// Files cannot be served.
    FilesBroken {
        /// The files.
        files: CertificateFiles,
        /// Why.
        error: FileError,
        /// Whether what was in them before is still served.
        kept: bool,
    },
    /// Files changed, and what is in them now is served.
    FilesChanged {
        /// The files.
        files: CertificateFiles,
        /// The names that the certificate carries.
        names: Vec<HostPattern>,
        /// When it ends.
        not_after: SystemTime,
    },
    /// Something is wrong with a certificate from files that is served nevertheless.
    FilesProblem {
        /// The files.
        files: CertificateFiles,
        /// What.
        problem: Problem,
    },
    /// Two sites want different files for one host. SNI does not tell the port, so only the first gets its own.
    Shadowed {
        /// The host; `None` is any.
        host: Option<HostPattern>,
        /// The site whose files are not used.
        site: String,
    },
    /// The own authority was made. Clients trust it once its certificate is in their trust store.
    AuthorityMade {
        /// Its certificate.
        certificate: PathBuf,
        /// SHA-256 of it.
        fingerprint: Fingerprint,
    },
    /// The own authority has a new certificate of the key that it had, because the one before was damaged.
    AuthorityMended {
        /// The certificate.
        certificate: PathBuf,
    },
    /// Another own authority took the place of the one before, which clients may have trusted.
    AuthorityReplaced {
        /// What was wrong with the one before.
        reason: String,
        /// Whether its files are lost, so that a backup would bring it back.
        is_lost: bool,
    },
    /// The own authority ends soon, and the next one cannot be kept.
    AuthorityNotReplaced {
        /// When it ends.
        reason: String,
        /// Why the next one cannot be kept.
        error: AuthorityError,
    },
    /// There is no own authority, so sites without certificate files are not served over HTTPS.
    AuthorityFailed(AuthorityError),
    /// A file of the state folder was renamed and is replaced.
    SetAside {
        /// Where it was.
        path: PathBuf,
        /// Where it is now.
        to: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The own authority issued a certificate.
    Issued {
        /// The names that it carries.
        names: Vec<HostPattern>,
        /// When it ends.
        not_after: SystemTime,
        /// Why now.
        reason: IssueReason,
    },
    /// The own authority could not issue; what was served before still is.
    IssueFailed {
        /// The names.
        names: Vec<HostPattern>,
        /// Why.
        error: IssueError,
    },
    /// A certificate is served from memory and will be another after a restart.
    NotKept {
        /// The names that it carries.
        names: Vec<HostPattern>,
        /// Why.
        error: StateError,
    },
    /// A public name is served with a certificate of the own authority.
    PublicName {
        /// The name.
        host: HostPattern,
    },
}

/// Why the own authority issued a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueReason {
    /// There was none.
    First,
    /// At most a third of the old one's life remained.
    Renewal,
    /// The names changed.
    Names,
    /// No client would accept the old one: another authority issued it, or it is damaged.
    Unacceptable,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Information,
    /// It works, and somebody should look.
    Warning,
    /// Something that the configuration asks for does not happen.
    Error,
}

impl Event {
    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::FilesChanged { .. } | Self::AuthorityMade { .. } | Self::Issued { .. } => {
                Severity::Information
            }
            Self::FilesBroken { kept: true, .. }
            | Self::FilesProblem { .. }
            | Self::SetAside { .. }
            | Self::AuthorityMended { .. }
            | Self::AuthorityReplaced { .. }
            | Self::AuthorityNotReplaced { .. }
            | Self::NotKept { .. }
            | Self::PublicName { .. } => Severity::Warning,
            Self::FilesBroken { kept: false, .. }
            | Self::Shadowed { .. }
            | Self::AuthorityFailed(_)
            | Self::IssueFailed { .. } => Severity::Error,
        }
    }

    /// What to do about it, where something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::FilesBroken { error, .. } => Some(error.hint()),
            Self::FilesProblem { problem, .. } => Some(problem.hint()),
            Self::Shadowed { .. } => Some("give both sites the same certificate".into()),
            Self::AuthorityMade { .. } => {
                Some("`portcullis cert trust --install` makes this machine trust it".into())
            }
            Self::AuthorityMended { .. } => Some("whoever trusts a certificate of this key goes on trusting it".into()),
            Self::AuthorityReplaced { is_lost: true, .. } => Some(
                "put root.key and root.pem back from a backup and start again, or have every client trust the new one: \
                 `portcullis cert trust`"
                    .into(),
            ),
            Self::AuthorityReplaced { is_lost: false, .. } => {
                Some("have every client trust the new one: `portcullis cert trust`".into())
            }
            Self::AuthorityNotReplaced { error, .. } => Some(error.hint()),
            Self::AuthorityFailed(error) => Some(error.hint()),
            Self::NotKept { error, .. } => Some(error.hint()),
            Self::PublicName { .. } => {
                Some("give the site certificate files, or let clients trust the own authority".into())
            }
            Self::FilesChanged { .. }
            | Self::SetAside { .. }
            | Self::Issued { .. }
            | Self::IssueFailed { .. } => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilesBroken { error, kept: true, .. } => {
                write!(f, "{error}; the certificate before it stays")
            }
            Self::FilesBroken { error, kept: false, .. } => write!(f, "{error}; it is served for nothing"),
            Self::FilesChanged { files, names, not_after } => {
                write!(
                    f,
                    "{} changed: {}, until {}",
                    files.certificate.display(),
                    List(names),
                    Day(*not_after)
                )
            }
            Self::FilesProblem { files, problem } => write!(f, "{} {problem}", files.certificate.display()),
            Self::Shadowed { host, site } => {
                let host = host.as_ref().map_or_else(|| "any host".to_owned(), ToString::to_string);
                write!(
                    f,
                    "the certificate of site {site} is not used: an earlier site has another for {host}"
                )
            }
            Self::AuthorityMade { certificate, .. } => {
                write!(f, "made the own authority {}", certificate.display())
            }
            Self::AuthorityMended { certificate } => {
                write!(f, "made {} anew, with the key of the own authority", certificate.display())
            }
            Self::AuthorityReplaced { reason, .. } => write!(
                f,
                "the own authority is another one now, which no client trusts yet: of the one before, {reason}"
            ),
            Self::AuthorityNotReplaced { reason, error } => {
                write!(f, "the own authority goes on although {reason}: {error}")
            }
            Self::AuthorityFailed(error) => {
                write!(f, "{error}; sites without certificate files are not served")
            }
            Self::SetAside { path, to, reason } => {
                write!(f, "set {} aside as {}: {reason}", path.display(), to.display())
            }
            Self::Issued { names, not_after, reason } => {
                write!(f, "issued a certificate for {}, until {} ({reason})", List(names), Day(*not_after))
            }
            Self::IssueFailed { names, error } => write!(f, "{error} for {}", List(names)),
            Self::NotKept { names, error } => {
                write!(f, "the certificate for {} is not kept: {error}", List(names))
            }
            Self::PublicName { host } => write!(
                f,
                "{host} is a public name and is served with a certificate of the own authority, \
                 until certificates from a public authority are served"
            ),
        }
    }
}

impl std::error::Error for Event {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::FilesBroken { error, .. } => std::error::Error::source(error),
            Self::AuthorityFailed(error) | Self::AuthorityNotReplaced { error, .. } => {
                std::error::Error::source(error)
            }
            Self::IssueFailed { error, .. } => std::error::Error::source(error),
            Self::NotKept { error, .. } => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl fmt::Display for IssueReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "there was none",
            Self::Renewal => "renewal",
            Self::Names => "the names changed",
            Self::Unacceptable => "no client would accept the one before",
        })
    }
}

/// Names in a row; certificates with a hundred of them exist.
struct List<'a>(&'a [HostPattern]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (index, name) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { ", " })?;
        }
        match self.0.len() {
            0 => f.write_str("no name"),
            count if count > SHOWN => write!(f, " and {} more", count - SHOWN),
            _ => Ok(()),
        }
    }
}
