//! The file system of a root folder itself, as it can still be changed: what is mounted upon is made and removed here. The
//! confined process has the same one read-only, so the way to it is a mount that lies in no namespace.

use super::root;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, OpenTreeFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A writable way to the folders and empty files that things are mounted upon.
#[derive(Debug)]
pub(super) struct Floor {
    root: OwnedFd,
    device: u64,
}

impl Floor {
    /// That of the calling thread, whose root is not sealed yet.
    pub(super) fn own() -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self::new(rustix::fs::open("/", flags, Mode::empty())?)
    }

    /// That of the namespace which the calling thread is in, whose root is sealed. Leaves the thread in a copy of the
    /// namespace: only there is the mount made writable.
    pub(super) fn of_sealed() -> Result<Self, Errno> {
        root::unshare()?;
        let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount_remount("/", flags, c"")?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        Self::new(rustix::mount::open_tree(rustix::fs::CWD, "/", flags)?)
    }

    fn new(root: OwnedFd) -> Result<Self, Errno> {
        let device = rustix::fs::fstat(&root)?.st_dev;
        Ok(Self { root, device })
    }

    /// Whether a folder is one of this file system, and not of what is shown.
    pub(super) fn holds(&self, folder: impl AsFd) -> Result<bool, Errno> {
        Ok(rustix::fs::fstat(folder)?.st_dev == self.device)
    }

    /// Makes a folder or an empty file at a path whose folder it holds.
    pub(super) fn make(&self, path: &Path, is_folder: bool) -> Result<(), Errno> {
        let path = from_root(path)?;
        if is_folder {
            return rustix::fs::mkdirat(&self.root, path, Mode::from_raw_mode(0o755));
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        rustix::fs::openat(&self.root, path, flags, Mode::from_raw_mode(0o444)).map(drop)
    }

    /// Makes a folder that root alone may enter, unless it is there.
    pub(super) fn make_closed(&self, path: &Path) -> Result<(), Errno> {
        match rustix::fs::mkdirat(&self.root, from_root(path)?, Mode::RWXU) {
            Err(Errno::EXIST) => Ok(()),
            made => made,
        }
    }

    /// Removes the empty folder, or the file, at such a path. The calling thread has to be in the namespace that sees it:
    /// what something is still mounted upon stays.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Errno> {
        let path = from_root(path)?;
        rustix::fs::unlinkat(&self.root, path, AtFlags::empty())
            .or_else(|_| rustix::fs::unlinkat(&self.root, path, AtFlags::REMOVEDIR))
    }
}

fn from_root(path: &Path) -> Result<&Path, Errno> {
    path.strip_prefix("/").map_err(|_| Errno::INVAL)
}
