//! One certificate of the own authority, on disk and in memory.

use crate::authority::Authority;
use crate::event::{Event, IssueReason};
use crate::facts::Fingerprint;
use crate::files::{self, FileError, Loaded};
use crate::state::{StateError, StateFolder, set_aside, write_private_pair};
use model::host::HostPattern;
use model::plan::CertificateFiles;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// A certificate of the own authority.
pub(crate) struct OwnCertificate {
    /// Where it is kept.
    pub(crate) folder: PathBuf,
    /// The names that it was asked to carry.
    names: Vec<HostPattern>,
    /// The authority that was asked.
    issuer: Fingerprint,
    /// The certificate and its key.
    pub(crate) loaded: Loaded,
}

/// What lies in a certificate's folder.
enum Found {
    Nothing,
    /// Files that make no certificate.
    Damaged(FileError),
    Certificate(Loaded),
}

impl OwnCertificate {
    /// The certificate for names from its folder, or a new one. `None` when none can be issued.
    pub(crate) fn obtain(
        state: &StateFolder,
        authority: &Authority,
        (folder, names): (&str, &[HostPattern]),
        now: SystemTime,
        events: &mut Vec<Event>,
    ) -> Option<Self> {
        let folder = state.certificate(folder);
        let reason = match find(&paths(&folder)) {
            Found::Certificate(loaded) => {
                let issuer = authority.facts().fingerprint;
                let own = Self { folder: folder.clone(), names: names.to_vec(), issuer, loaded };
                match own.flaw(authority, now) {
                    None => return Some(own),
                    Some(reason) => reason,
                }
            }
            Found::Nothing => IssueReason::First,
            Found::Damaged(error) => {
                put_away(&paths(&folder), &error, events);
                IssueReason::First
            }
        };
        Self::issue(state, authority, (folder, names), now, events, reason)
    }

    /// Why it has to be issued anew, if it has to.
    fn flaw(&self, authority: &Authority, now: SystemTime) -> Option<IssueReason> {
        let leaf = &self.loaded.leaf;
        let mut carried = leaf.names.clone();
        carried.sort();
        if carried != self.names {
            return Some(IssueReason::Names);
        }
        if leaf.validity.is_renewal_due(now) {
            return Some(IssueReason::Renewal);
        }
        let accepted = authority.vouches_for(&self.loaded.pair.chain()[0], &self.names, now);
        (!accepted).then_some(IssueReason::Unacceptable)
    }

    /// Whether it serves these names until further notice. It was looked at closely when it was read.
    pub(crate) fn is_good(&self, authority: &Authority, names: &[HostPattern], now: SystemTime) -> bool {
        self.names == names
            && self.issuer == authority.facts().fingerprint
            && !self.loaded.leaf.validity.is_renewal_due(now)
    }

    fn issue(
        state: &StateFolder,
        authority: &Authority,
        (folder, names): (PathBuf, &[HostPattern]),
        now: SystemTime,
        events: &mut Vec<Event>,
        reason: IssueReason,
    ) -> Option<Self> {
        let issued = match authority.issue(names, now) {
            Ok(issued) => issued,
            Err(error) => {
                events.push(Event::IssueFailed { names: names.to_vec(), error });
                return None;
            }
        };
        let paths = paths(&folder);
        let loaded = files::from_pem(&paths, issued.certificate.as_bytes(), issued.key.as_bytes()).ok()?;
        let not_after = loaded.leaf.validity.not_after;
        events.push(Event::Issued { names: names.to_vec(), not_after, reason });
        if let Err(error) = keep(state, &folder, &paths, &issued.certificate, &issued.key) {
            events.push(Event::NotKept { names: names.to_vec(), error });
        }
        let issuer = authority.facts().fingerprint;
        Some(Self { folder, names: names.to_vec(), issuer, loaded })
    }

    /// Where it is kept, as files.
    pub(crate) fn files(&self) -> CertificateFiles {
        paths(&self.folder)
    }
}

/// The files in a certificate's folder.
pub(crate) fn paths(folder: &std::path::Path) -> CertificateFiles {
    CertificateFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

fn find(paths: &CertificateFiles) -> Found {
    let is_absent = |path: &std::path::Path| {
        path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    match files::load(paths) {
        Ok((loaded, _)) => Found::Certificate(loaded),
        // A key alone is what an interruption leaves.
        Err(_) if is_absent(&paths.certificate) => Found::Nothing,
        Err(error) => Found::Damaged(error),
    }
}

/// Sets aside what is there. When that fails, writing will fail too, and says why.
fn put_away(paths: &CertificateFiles, reason: &FileError, events: &mut Vec<Event>) {
    for path in [&paths.certificate, &paths.key] {
        if path.symlink_metadata().is_err() {
            continue;
        }
        if let Ok(to) = set_aside(path) {
            events.push(Event::SetAside { path: path.clone(), to, reason: reason.to_string() });
        }
    }
}

/// Writes both files, the key first. A crash between the two leaves a pair that does not belong together, which is
/// found and replaced at the next start.
pub(crate) fn keep(
    state: &StateFolder,
    folder: &std::path::Path,
    paths: &CertificateFiles,
    certificate: &str,
    key: &str,
) -> Result<(), StateError> {
    state.create_private(folder)?;
    write_private_pair([(&paths.key, key.as_bytes()), (&paths.certificate, certificate.as_bytes())])
}
