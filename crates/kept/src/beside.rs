//! The file that a writer fills before it takes its place: made anew, for its owner alone, and locked, so that what a
//! writer left that was killed is told from what another one is filling.

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

/// How long a writer waits for another one of the same file. They take milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Makes an empty file of a name in a folder. Whatever has the name already, and is of nobody who writes now, goes away;
/// a link is not followed.
pub(crate) fn create(folder: &File, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match openat(folder, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                let file = File::from(file);
                // Until it is locked, another writer may take it for what was left.
                if is_locked(&file)? && is_still(folder, name, &file)? {
                    return Ok(file);
                }
            }
            Err(Errno::EXIST) if take_away(folder, name)? => {}
            Err(Errno::EXIST) => thread::sleep(BETWEEN_LOOKS),
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing it"));
        }
    }
}

/// Removes what was left; answers whether nobody is filling it.
fn take_away(folder: &File, name: &str) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::empty()) {
        Ok(left) => {
            let left = File::from(left);
            let is_left = is_locked(&left)? && is_still(folder, name, &left)?;
            // The lock is held until it is gone.
            if is_left { unlink(folder, name).map(|()| true) } else { Ok(false) }
        }
        // It has taken its place.
        Err(Errno::NOENT) => Ok(true),
        // Something that cannot be opened, such as a link, is nothing that a writer fills.
        Err(_) => unlink(folder, name).map(|()| true),
    }
}

/// Removes a name, where there is one.
pub(crate) fn unlink(folder: &File, name: &str) -> io::Result<()> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Err(error) if error != Errno::NOENT => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_locked(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        // A file system without locks: whoever writes there writes alone.
        Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Whether a name still means this file.
fn is_still(folder: &File, name: &str, file: &File) -> io::Result<bool> {
    let facts = file.metadata()?;
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(named.st_ino == facts.ino() && named.st_dev == facts.dev()),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
