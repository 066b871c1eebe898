//! Files that are whole or not there: written beside, made durable, renamed. The first line proves the rest.
//!
//! A file that does not prove itself is moved aside, so that it can be looked at and never stops the keeper.

use super::digest;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What every such file begins with, before the digest of what follows the first line.
const MAGIC: &str = "portcullis-state 1 sha256:";
/// What the name of a damaged file ends with.
const ASIDE: &str = ".corrupt";
/// Larger files are not ours.
const MAX_BYTES: u64 = 1 << 30;

/// What was found where a file should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The content that was written.
    Whole(Vec<u8>),
    /// Nothing.
    Absent,
    /// Something that does not prove itself; it was moved here.
    Corrupt(PathBuf),
}

/// Writes a file so that after any interruption its old or its new content is there. Only its owner can read it.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = with_ending(path, ".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(format!("{MAGIC}{}\n", digest::hex(content)).as_bytes())?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// Reads a file that [`write()`] wrote.
///
/// # Errors
///
/// The machine refuses to read, or to move a corrupt file aside.
pub(crate) fn read(path: &Path) -> io::Result<Found> {
    let bytes = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        Err(error) => return Err(error),
        Ok(bytes) => bytes,
    };
    match proved(&bytes) {
        Some(content) => Ok(Found::Whole(content.to_vec())),
        None => set_aside(path).map(Found::Corrupt),
    }
}

/// Moves a file out of the way, in place of an earlier one.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = with_ending(path, ASIDE);
    fs::rename(path, &aside)?;
    sync_folder_of(path)?;
    Ok(aside)
}

/// What was moved out of the way in a folder, by name; nothing where it cannot be read.
pub(crate) fn those_set_aside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ASIDE));
    paths.sort();
    paths
}

/// Removes a file, where there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_folder_of(path),
    }
}

/// Makes names in the folder of a file durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn open(path: &Path) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(path)?.len() > MAX_BYTES {
        return Err(io::Error::other("it is larger than 1 GiB"));
    }
    fs::read(path)
}

fn proved(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let digest = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix(MAGIC)?;
    let content = &bytes[end + 1..];
    (digest == digest::hex(content)).then_some(content)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// A file that was moved aside, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// What it was.
    pub(crate) what: String,
    /// Where it is now.
    pub(crate) aside: PathBuf,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was damaged and is set aside as {}", self.what, self.aside.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use testkit::Folder;

    #[test]
    fn what_was_written_is_read_and_belongs_to_its_owner() {
        let folder = Folder::new();
        let path = folder.join("a");
        assert_eq!(read(&path).expect("a look"), Found::Absent);
        for content in [&b""[..], b"one", b"two\nlines\n"] {
            write(&path, content).expect("a file");
            assert_eq!(read(&path).expect("a file"), Found::Whole(content.to_vec()));
        }
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(!folder.join("a.new").exists());
    }

    #[test]
    fn a_file_that_was_cut_or_changed_is_set_aside() {
        let folder = Folder::new();
        let path = folder.join("a");
        write(&path, b"a content of some length").expect("a file");
        let whole = fs::read(&path).expect("there");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("our file");
            assert_eq!(
                read(&path).expect("a look"),
                Found::Corrupt(folder.join("a.corrupt")),
                "cut at {cut}"
            );
            assert_eq!(read(&path).expect("a look"), Found::Absent);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).expect("our file");
            assert_eq!(
                read(&path).expect("a look"),
                Found::Corrupt(folder.join("a.corrupt")),
                "flip at {at}"
            );
        }
    }

    #[test]
    fn what_an_interrupted_write_left_is_replaced() {
        let folder = Folder::new();
        let path = folder.join("a");
        write(&path, b"old").expect("a file");
        fs::write(folder.join("a.new"), "half").expect("our file");
        assert_eq!(read(&path).expect("there"), Found::Whole(b"old".to_vec()));
        write(&path, b"new").expect("a file");
        assert_eq!(read(&path).expect("there"), Found::Whole(b"new".to_vec()));
    }
}
