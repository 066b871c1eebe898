//! Which program this is, so that a gate of another build is known as one.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;

/// The program of this process, also when its file was replaced meanwhile (proc_pid_exe(5)).
const PROGRAM: &str = "/proc/self/exe";

/// The program that this process runs.
pub(super) fn program() -> OsString {
    PROGRAM.into()
}

/// The version, and what tells two files of one version apart.
pub(super) fn id() -> String {
    let file = std::fs::metadata(PROGRAM).map(|facts| {
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
