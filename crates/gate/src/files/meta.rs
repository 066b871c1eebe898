//! What the file system says about a file, and the validators made from it.

use rustix::fs::{AtFlags, FileType, StatxFlags};
use std::os::fd::{AsFd, BorrowedFd};

/// What the file system says about a file. Equal values mean: nobody wrote to it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    device: (u32, u32),
    inode: u64,
    mode: u16,
    pub(super) size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
}

impl Meta {
    /// Of an open file.
    pub(super) fn of(file: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        Self::at(file, b"", AtFlags::EMPTY_PATH)
    }

    /// Of a name in a folder. Follows links wherever they lead, so it may be compared with what was seen before and
    /// is good for nothing else.
    pub(super) fn at(folder: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> rustix::io::Result<Self> {
        let facts = rustix::fs::statx(folder.as_fd(), name, flags, StatxFlags::BASIC_STATS)?;
        Ok(Self {
            device: (facts.stx_dev_major, facts.stx_dev_minor),
            inode: facts.stx_ino,
            mode: facts.stx_mode,
            size: facts.stx_size,
            modified: (facts.stx_mtime.tv_sec, facts.stx_mtime.tv_nsec),
            changed: (facts.stx_ctime.tv_sec, facts.stx_ctime.tv_nsec),
        })
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode.into())
    }

    /// Whether both are the same folder or file, whatever was written to it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// When it was modified, in whole seconds since 1970; files from before have no date in HTTP.
    pub(super) fn modified(&self) -> Option<u64> {
        u64::try_from(self.modified.0).ok()
    }

    /// The strong entity tag (RFC 9110, 8.8.3), with its quotes: another one whenever the file was written or
    /// replaced. Made from time of modification, size and inode, mixed so that it tells nobody the inode.
    pub(super) fn entity_tag(&self) -> String {
        let words = [
            self.modified.0 as u64,
            u64::from(self.modified.1),
            self.inode,
            u64::from(self.device.1),
            self.size,
        ];
        let digest = words.iter().fold(0x9e37_79b9_7f4a_7c15, |state, word| mix(state ^ word));
        format!("\"{digest:016x}-{:x}\"", self.size)
    }
}

/// The finaliser of SplitMix64: every bit of the result depends on every bit of the input.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
