//! One writer: who changes the table of this machine holds a locked file. The kernel drops the lock with the process.

use rustix::fs::{FlockOperation, flock};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a command waits for another one. Their changes take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Proof that nobody else changes the table. It lasts as long as the value.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

/// Why somebody may not write.
#[derive(Debug)]
pub(crate) enum WriterLockError {
    /// Another process does.
    Taken,
    /// The machine refused.
    Io(PathBuf, io::Error),
}

impl fmt::Display for WriterLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("another process changes the firewall at the moment"),
            Self::Io(path, _) => write!(f, "cannot use {}", path.display()),
        }
    }
}

impl WriterLockError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Taken => "try again; if a gate has it whose admin socket has a name of its own, --config names its file"
                .to_owned(),
            Self::Io(path, error) => crate::admin::remedy(path, error),
        }
    }
}

impl std::error::Error for WriterLockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Taken => None,
            Self::Io(_, error) => Some(error),
        }
    }
}

impl WriterLock {
    /// Takes the lock of a folder, and waits for another command that has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, WriterLockError> {
        let path = folder.join("lock");
        let failed = |error: io::Error| WriterLockError::Io(path.clone(), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        // What cannot be written can be asked all the same.
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&path),
            opened => opened,
        };
        let file = file.map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(BETWEEN_LOOKS);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(WriterLockError::Taken),
                Err(error) => return Err(failed(error.into())),
            }
        }
    }
}
