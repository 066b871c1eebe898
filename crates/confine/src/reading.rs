//! Whether an account may read what it shall serve.

use crate::account::Account;
use crate::rights::with_rights_of;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fmt::{Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};

/// Why an account cannot read a folder or file.
#[derive(Debug)]
pub enum Unreadable {
    /// Nothing is there, or not what its name says.
    Absent(io::Error),
    /// The account may not go through this folder. `chmod o+x` or a group would change it.
    Enter(PathBuf),
    /// The account may not read it, once there.
    Read,
    /// Only root, or the account itself, can tell.
    Unknown,
}

/// Tries it, as the account, so that the kernel judges, access control lists included. A folder must be readable and
/// passable, a file readable. Nothing is changed; a thread is taken for a moment.
///
/// # Errors
/// It cannot, and at which step.
pub fn can_read(account: &Account, path: &Path) -> Result<(), Unreadable> {
    if !geteuid().is_root() && geteuid() != account.user() {
        return Err(Unreadable::Unknown);
    }
    // Where links lead is asked with our own rights, to name the folder that stops the account.
    let real = std::fs::canonicalize(path).map_err(Unreadable::Absent)?;
    let tried = std::thread::scope(|scope| {
        scope.spawn(|| with_rights_of(Some(account), || read(path, &real))).join()
    });
    tried.map_err(|_| Unreadable::Unknown)?.map_err(|_| Unreadable::Unknown)?
}

fn read(path: &Path, real: &Path) -> Result<(), Unreadable> {
    let open = |path: &Path, flags| rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty());
    // Opening a FIFO for reading would wait for its writer.
    match open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY) {
        Ok(file) => match rustix::fs::statat(&file, ".", AtFlags::empty()) {
            Err(Errno::ACCESS) => Err(Unreadable::Enter(path.to_owned())),
            _ => Ok(()),
        },
        Err(Errno::ACCESS) => Err(obstacle(path, real)),
        Err(error) => Err(Unreadable::Absent(error.into())),
    }
}

/// The first folder on the way, by its name or where links lead, that the account may not go through.
fn obstacle(path: &Path, real: &Path) -> Unreadable {
    let is_closed = |folder: &&Path| {
        rustix::fs::statat(CWD, folder.join("."), AtFlags::empty()).is_err_and(|error| error == Errno::ACCESS)
    };
    let first_closed = |path: &Path| {
        let folders: Vec<PathBuf> = path.ancestors().skip(1).filter(is_closed).map(Path::to_owned).collect();
        folders.into_iter().next_back()
    };
    first_closed(path).or_else(|| first_closed(real)).map_or(Unreadable::Read, Unreadable::Enter)
}

impl Display for Unreadable {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(error) => write!(formatter, "cannot be opened: {error}"),
            Self::Enter(folder) => write!(formatter, "may not go through {}", folder.display()),
            Self::Read => formatter.write_str("may not be read"),
            Self::Unknown => formatter.write_str("only root can tell"),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Absent(error) => Some(error),
            Self::Enter(_) | Self::Read | Self::Unknown => None,
        }
    }
}
