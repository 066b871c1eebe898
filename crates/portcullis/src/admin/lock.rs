//! One gate for each state folder: a locked file says that there is one, and which process it is.
//!
//! The kernel drops the lock when the process ends, however it ends, so there is nothing stale to judge.

use super::folder::{self, FolderError};
use rustix::fs::FlockOperation;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Proof that no other gate uses the state folder. It lasts as long as the value.
#[derive(Debug)]
pub(crate) struct GateLock {
    _file: File,
}

/// Why the state folder is not ours.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another gate uses it; its process id where it has written one.
    Taken { state: PathBuf, pid: Option<u32> },
    /// The folder is not good enough.
    Folder(FolderError),
    /// The machine refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { state, pid: Some(pid) } => {
                write!(f, "a gate already runs on {} (process {pid})", state.display())
            }
            Self::Taken { state, pid: None } => write!(f, "a gate already runs on {}", state.display()),
            Self::Folder(error) => error.fmt(f),
            Self::Io(path, error) => write!(f, "cannot use {}: {error}", path.display()),
        }
    }
}

impl From<LockError> for crate::failure::Failure {
    fn from(error: LockError) -> Self {
        let hint = match &error {
            LockError::Taken { .. } => {
                "`portcullis reload` changes it, `portcullis stop` ends it, --state names another folder"
                    .to_owned()
            }
            LockError::Folder(error) => error.hint(),
            LockError::Io(path, error) => super::remedy(path, error),
        };
        Self::refused(error.to_string()).with_hint(hint)
    }
}

impl GateLock {
    /// Takes the lock of a state folder, which is made when it is not there.
    pub(crate) fn take(state: &Path) -> Result<Self, LockError> {
        let path = state.join("admin/lock");
        folder::prepare(&path).map_err(LockError::Folder)?;
        let failed = |error: io::Error| LockError::Io(path.clone(), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(LockError::Taken { state: state.to_owned(), pid: read_pid(&mut file) });
            }
            Err(error) => return Err(failed(error.into())),
        }
        // The lock counts; the number is for people, and a full disk does not take it.
        let _ = write_pid(&mut file);
        Ok(Self { _file: file })
    }
}

impl GateLock {
    /// Whether a gate uses a state folder at the moment.
    pub(crate) fn is_taken(state: &Path) -> bool {
        let Ok(file) = File::open(state.join("admin/lock")) else { return false };
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
