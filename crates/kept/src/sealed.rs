//! A file whose first line proves the rest. Its owner alone can read it.

use crate::proof::{self, Flaw};
use crate::read::{self, Bytes};
use crate::write::{Access, write};
use std::io;
use std::path::Path;

/// What was found where a sealed file should be.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The content that was written.
    Whole(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that does not prove itself. It lies there until it is [set aside](crate::set_aside) or written anew.
    Flawed(Flaw),
}

/// Seals content and writes it, as [`write()`] does.
///
/// # Errors
///
/// As those of [`write()`].
pub fn write_sealed(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, &proof::seal(content), Access::Private)
}

/// Reads what [`write_sealed`] wrote.
///
/// # Errors
///
/// The machine refuses to read: rights, the disk. What lies there may be good.
pub fn read_sealed(path: &Path) -> io::Result<Found> {
    Ok(match read::read(path)? {
        Bytes::Absent => Found::Absent,
        Bytes::Flawed(flaw) => Found::Flawed(flaw),
        Bytes::All(bytes) => match proof::unseal(&bytes) {
            Ok(content) => Found::Whole(content.to_vec()),
            Err(flaw) => Found::Flawed(flaw),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        assert_eq!(read_sealed(&path).expect("a look"), Found::Absent);
        for content in [&b""[..], b"one", b"two\nlines\n"] {
            write_sealed(&path, content).expect("room");
            assert_eq!(read_sealed(&path).expect("a look"), Found::Whole(content.to_vec()));
        }
    }

    #[test]
    fn whatever_else_lies_there_is_told_and_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("empty"), "").expect("ours");
        fs::write(path("text"), "half").expect("ours");
        fs::create_dir(path("folder")).expect("ours");
        symlink("text", path("link")).expect("ours");
        fs::File::create(path("large"))
            .and_then(|file| file.set_len(read::LARGEST + 1))
            .expect("a sparse file");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
        for (name, flaw) in [
            ("empty", Flaw::Damaged),
            ("text", Flaw::Damaged),
            ("folder", Flaw::NotAFile),
            ("link", Flaw::NotAFile),
            ("pipe", Flaw::NotAFile),
            ("large", Flaw::TooLarge),
        ] {
            assert_eq!(read_sealed(&path(name)).expect("a look"), Found::Flawed(flaw), "{name}");
        }
    }
}
