//! Reading what may be anything: bounded, without following a link or waiting for a pipe.

use crate::proof::Flaw;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a kept file at most. A snapshot has the texts of its configuration, which may name long lists.
pub const LARGEST: u64 = 1 << 30;

/// What was found at a path.
pub(crate) enum Bytes {
    /// All of a regular file.
    All(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that no writer of ours left there.
    Flawed(Flaw),
}

/// Reads a whole regular file.
pub(crate) fn read(path: &Path) -> io::Result<Bytes> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Bytes::Absent),
        // A link; a socket.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(Bytes::Flawed(Flaw::NotAFile)),
        Err(error) => return Err(error.into()),
    };
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Ok(Bytes::Flawed(Flaw::NotAFile));
    }
    if facts.len() > LARGEST {
        return Ok(Bytes::Flawed(Flaw::TooLarge));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(Bytes::All(bytes))
}
