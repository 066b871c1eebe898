//! What lies at a path, and a copy of it that can be mounted elsewhere.

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use rustix::mount::OpenTreeFlags;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Tells a folder or file from every other one.
pub(super) type Identity = (u64, u64);

/// What was found at a path, links followed.
#[derive(Debug)]
pub(super) struct Found {
    file: OwnedFd,
    pub(super) identity: Identity,
    pub(super) is_folder: bool,
    /// Its path without links.
    pub(super) real: PathBuf,
}

/// A copy of it with all that is mounted beneath, which is mounted nowhere yet.
#[derive(Debug)]
pub(super) struct Tree {
    /// Where it is to be seen.
    pub(super) path: PathBuf,
    pub(super) found: Found,
    pub(super) copy: OwnedFd,
}

impl Found {
    /// A file that is open as a place, and its path without links.
    pub(super) fn new(file: OwnedFd, real: PathBuf) -> Result<Self, String> {
        let stat = rustix::fs::fstat(&file).map_err(reason)?;
        let is_folder = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => true,
            FileType::RegularFile => false,
            _ => return Err("is neither a folder nor a file".to_owned()),
        };
        Ok(Self { file, identity: identity(&stat), is_folder, real })
    }
}

impl Tree {
    pub(super) fn copy(path: &Path, found: Found) -> Result<Self, String> {
        let copy = copy(&found.file, "").map_err(reason)?;
        Ok(Self { path: path.to_owned(), found, copy })
    }
}

/// A copy of the mount that `path` lies in, from there on, with all that is mounted beneath.
pub(super) fn copy(at: impl AsFd, path: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    rustix::mount::open_tree(at, path, flags)
}

pub(super) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// What is at a path now, links followed; none where nothing is.
pub(super) fn identity_at(path: &Path) -> Option<Identity> {
    rustix::fs::statat(CWD, path, AtFlags::empty()).ok().map(|stat| identity(&stat))
}

/// The path that a path leads to, if there are links on its way.
pub(super) fn without_links(path: &Path) -> PathBuf {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Err(Errno::LOOP) => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        _ => path.to_owned(),
    }
}

/// In words for the operator.
pub(super) fn reason(error: Errno) -> String {
    match error {
        Errno::NOENT => "does not exist".to_owned(),
        Errno::ACCESS => "its user may not go there".to_owned(),
        Errno::LOOP => "a link on its way leads out of what is shown".to_owned(),
        error => std::io::Error::from(error).to_string(),
    }
}
