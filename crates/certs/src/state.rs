//! The state folder on disk: private folders and files. Knows nothing of certificates.

use rustix::fs::{Mode, OFlags};
use std::fmt;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of folders with keys.
const PRIVATE_FOLDER: u32 = 0o700;

/// The folder where state is kept. The certificates of this crate lie in `authority` and `certificates` beneath it,
/// each readable by its owner alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

/// Why something could not be kept in the state folder.
#[derive(Debug)]
pub struct StateError {
    /// What was being done: `create`, `write`, `read`, `rename`.
    pub action: &'static str,
    /// With which path.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

impl StateFolder {
    /// Names a state folder. It is created with the first thing that is kept in it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of the own authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.join("authority")
    }

    /// The folder of one certificate. `name` has been made safe by the caller.
    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.0.join("certificates").join(name)
    }

    /// The folder of a certificate that was obtained elsewhere. The first underscore keeps it apart from every host's.
    pub(crate) fn obtained(&self, name: &str) -> PathBuf {
        self.certificate("_obtained").join(name)
    }

    /// Creates a folder beneath the state folder, and those between, so that only the owner may enter, whatever the
    /// umask is and whatever their mode was. Nothing outside of the state folder is changed.
    pub(crate) fn create_private(&self, folder: &Path) -> Result<(), StateError> {
        let error = |path: &Path| {
            let path = path.to_owned();
            move |source| StateError { action: "create", path, source }
        };
        DirBuilder::new().recursive(true).mode(0o755).create(&self.0).map_err(error(&self.0))?;
        let mut path = self.0.clone();
        for part in folder.strip_prefix(&self.0).unwrap_or(Path::new("")).components() {
            path.push(part);
            match DirBuilder::new().mode(PRIVATE_FOLDER).create(&path) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error(&path)(source));
                }
                _ => make_private(&path).map_err(error(&path))?,
            }
        }
        Ok(())
    }
}

/// Sets the mode of an existing folder; refuses a symbolic link in its place.
fn make_private(folder: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::open(folder, flags, Mode::empty())?);
    if folder.metadata()?.permissions().mode() & 0o777 != PRIVATE_FOLDER {
        folder.set_permissions(Permissions::from_mode(PRIVATE_FOLDER))?;
    }
    Ok(())
}

/// Writes a file that its owner alone can read, so that its old or its new content is there after any interruption.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), StateError> {
    kept::write(path, content, kept::Access::Private).map_err(|source| StateError {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Writes two such files that belong together, in this order. Where one is refused, both are what they were.
pub(crate) fn write_private_pair(pair: [(&Path, &[u8]); 2]) -> Result<(), StateError> {
    let before = pair.map(|(path, _)| (path, crate::files::read(path).ok()));
    let written = pair.iter().try_for_each(|(path, content)| write_private(path, content));
    if written.is_err() {
        for (path, before) in before {
            // The first refusal is what is told.
            let _ = match before {
                Some((content, _)) => kept::write(path, &content, kept::Access::Private),
                None => kept::remove(path),
            };
        }
    }
    written
}

/// Renames something damaged so that it is out of the way and can be looked at. Returns where it is now.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, StateError> {
    kept::set_aside(path).map_err(|source| StateError { action: "rename", path: path.to_owned(), source })
}

impl StateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk".into(),
            io::ErrorKind::ReadOnlyFilesystem => "name a writable folder as [state] folder".into(),
            _ => "let the user that runs portcullis own the state folder, or name another as [state] folder"
                .into(),
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.action, self.path.display())
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        std::os::unix::fs::symlink(elsewhere.path(), state.authority()).unwrap();
        assert!(state.create_private(&state.authority()).is_err());
    }
}
