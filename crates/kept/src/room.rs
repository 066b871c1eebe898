//! Whether a file system takes anything more.

use rustix::fs::StatVfsMountFlags;
use std::io;
use std::path::Path;

/// Whether what is written to a folder can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room.
    Free,
    /// No block or no inode is free for who asks.
    Full,
    /// The file system cannot be written.
    ReadOnly,
}

impl Room {
    /// Looks at the file system of a path that exists.
    ///
    /// # Errors
    ///
    /// The path cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let facts = rustix::fs::statvfs(path)?;
        // Some file systems count no inodes.
        let is_full = facts.f_bavail == 0 || (facts.f_files > 0 && facts.f_favail == 0);
        Ok(match facts.f_flag.contains(StatVfsMountFlags::RDONLY) {
            true => Self::ReadOnly,
            false if is_full => Self::Full,
            false => Self::Free,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_has_room() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Room::of(folder.path()).expect("a look"), Room::Free);
        assert!(Room::of(&folder.path().join("missing")).is_err());
    }
}
