//! Which program this is, so that a gate of another build is known as one.

use crate::program::ITSELF;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;

/// The program that this process runs.
pub(super) fn program() -> OsString {
    ITSELF.into()
}

/// The version, and what tells two files of one version apart.
pub(super) fn id() -> String {
    let file = std::fs::metadata(ITSELF).map(|facts| {
        format!(
            "{:x}-{:x}-{}-{}.{}",
            facts.dev(),
            facts.ino(),
            facts.size(),
            facts.mtime(),
            facts.mtime_nsec()
        )
    });
    format!("{} {}", env!("CARGO_PKG_VERSION"), file.unwrap_or_default())
}
