//! The folder of the admin socket, of the lock, of the firewall's state: nobody but its owner may put a file into it.

use super::remedy::remedy;
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Why a folder is not good enough.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// It belongs to somebody else than who asks, who could replace what is in it.
    Owned(PathBuf, u32),
    /// Others than its owner may write it: its mode.
    Writable(PathBuf, u32),
    /// It is something else.
    NoFolder(PathBuf),
    /// The machine refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owned(path, owner) => {
                let path = path.display();
                write!(f, "{path} belongs to the user with id {owner}, who could replace what is in it")
            }
            Self::Writable(path, mode) => {
                write!(f, "others can put files into {} (mode {mode:04o})", path.display())
            }
            Self::NoFolder(path) => write!(f, "{} is no folder", path.display()),
            Self::Io(path, error) => write!(f, "cannot use {}: {error}", path.display()),
        }
    }
}

impl FolderError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Owned(path, owner) => {
                let caller = rustix::process::geteuid().as_raw();
                format!(
                    "run this as that user (`sudo -u '#{owner}'`), or, where it is to be yours, `chown {caller} {}`",
                    path.display()
                )
            }
            Self::Writable(path, _) => format!("`chmod go-w {}`", path.display()),
            Self::NoFolder(_) => "--state names another folder".to_owned(),
            Self::Io(path, error) => remedy(path, error),
        }
    }
}

/// Makes the folder of a file, for its owner alone, or judges the one that is there, and the one above it.
pub(crate) fn prepare(file: &Path) -> Result<(), FolderError> {
    let folder = folder_of(file);
    let above = folder_of(folder);
    match DirBuilder::new().recursive(true).mode(0o755).create(above) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(FolderError::NoFolder(above.to_owned()));
        }
        made => made.map_err(failed(above))?,
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(folder)(error)),
        _ => {}
    }
    judge_for(file)
}

/// Judges the folder of a file, and the one above it. Nothing is made.
pub(crate) fn judge_for(file: &Path) -> Result<(), FolderError> {
    let folder = folder_of(file);
    judge(folder_of(folder), is_steady)?;
    judge(folder, is_private)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    |error| FolderError::Io(path, error)
}

fn judge(folder: &Path, is_good: fn(u32, u32, u32) -> bool) -> Result<(), FolderError> {
    let facts = fs::metadata(folder).map_err(failed(folder))?;
    let caller = rustix::process::geteuid().as_raw();
    let path = folder.to_owned();
    match facts.uid() {
        _ if !facts.is_dir() => Err(FolderError::NoFolder(path)),
        owner if is_good(caller, owner, facts.mode()) => Ok(()),
        owner if owner != caller && owner != 0 => Err(FolderError::Owned(path, owner)),
        _ => Err(FolderError::Writable(path, facts.mode() & 0o7777)),
    }
}

/// Whether nobody else can put a file into a folder.
fn is_private(caller: u32, owner: u32, mode: u32) -> bool {
    (owner == caller || owner == 0) && mode & 0o022 == 0
}

/// Whether nobody else can put another folder in the place of one in it, which the sticky bit prevents as well.
fn is_steady(caller: u32, owner: u32, mode: u32) -> bool {
    const STICKY: u32 = 0o1000;
    (owner == caller || owner == 0) && (mode & 0o022 == 0 || mode & STICKY != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_no_other_can_write_is_good_enough() {
        assert!(is_private(1000, 1000, 0o700));
        assert!(is_private(1000, 0, 0o755));
        assert!(!is_private(1000, 1001, 0o700));
        assert!(!is_private(0, 1000, 0o700), "root does not work in the folder of a user");
        assert!(!is_private(0, 0, 0o777));
        assert!(!is_private(0, 0, 0o770));
    }

    #[test]
    fn above_it_the_sticky_bit_is_enough() {
        assert!(is_steady(1000, 0, 0o1777));
        assert!(is_steady(1000, 1000, 0o755));
        assert!(!is_steady(1000, 0, 0o777));
        assert!(!is_steady(0, 1000, 0o755), "its owner could put another folder there");
    }
}
