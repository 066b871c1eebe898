//! The state folder on disk: private folders, atomic writes, damaged files set aside. Knows nothing of certificates.

use crate::validity::seconds;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::fmt;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Mode of folders with keys.
const PRIVATE_FOLDER: u32 = 0o700;
/// Mode of files in them.
const PRIVATE_FILE: u32 = 0o600;

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

/// Writes a file that its owner alone can read, so that after a crash at any moment either the old content or the
/// new is there: a file beside it, its data on disk, a rename, the folder on disk.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let error = |source| StateError { action: "write", path: path.to_owned(), source };
    let (folder, name) = folder_and_name(path).map_err(error)?;
    let folder = open_folder(folder).map_err(error)?;
    let temporary = format!(".{name}.new");
    write_atomically(&folder, &temporary, name, content).map_err(|source| {
        // What is left of the attempt would only be in the way of the next one.
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
        error(source)
    })
}

fn write_atomically(folder: &File, temporary: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(PRIVATE_FILE);
    // A file of this name is what a crash left behind.
    let _ = rustix::fs::unlinkat(folder, temporary, AtFlags::empty());
    let mut file = File::from(rustix::fs::openat(folder, temporary, flags, mode)?);
    file.set_permissions(Permissions::from_mode(PRIVATE_FILE))?;
    file.write_all(content)?;
    file.sync_all()?;
    rustix::fs::renameat(folder, temporary, folder, name)?;
    folder.sync_all()
}

/// Renames something damaged so that it is out of the way and can be looked at. Returns where it is now.
pub(crate) fn set_aside(path: &Path, now: SystemTime) -> Result<PathBuf, StateError> {
    let error = |source| StateError { action: "rename", path: path.to_owned(), source };
    let (_, name) = folder_and_name(path).map_err(error)?;
    let base = format!("{name}.damaged-{}", seconds(now));
    let numbered = (1..).map(|number| path.with_file_name(format!("{base}-{number}")));
    let free = std::iter::once(path.with_file_name(&base))
        .chain(numbered)
        .find(|candidate| candidate.symlink_metadata().is_err())
        .unwrap_or_else(|| path.with_file_name(&base));
    std::fs::rename(path, &free).map_err(error)?;
    Ok(free)
}

fn folder_and_name(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent().zip(name).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

fn open_folder(folder: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(folder, flags, Mode::empty())?))
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
    fn a_file_set_aside_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let now = SystemTime::UNIX_EPOCH;
        let names: Vec<_> = ["one", "two", "three"]
            .into_iter()
            .map(|content| {
                std::fs::write(&path, content).unwrap();
                set_aside(&path, now).unwrap()
            })
            .collect();
        let contents: Vec<_> = names.iter().map(|name| std::fs::read_to_string(name).unwrap()).collect();
        assert_eq!(contents, ["one", "two", "three"]);
        assert_eq!(names[1].file_name().unwrap(), "key.pem.damaged-0-1");
    }

    #[test]
    fn what_a_crash_left_behind_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(folder.path().join(".key.pem.new"), "half").unwrap();
        write_private(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        std::os::unix::fs::symlink(elsewhere.path(), state.authority()).unwrap();
        assert!(state.create_private(&state.authority()).is_err());
    }
}
