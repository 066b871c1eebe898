//! Becoming another program without losing a connection.
//!
//! The other program is first asked to rehearse: it reads the file and the certificates as it would, starts a gate of
//! its own on our sockets, sees that it answers, and leaves it to whoever comes next. Only then does this process become
//! that program. It finds both gates, keeps its own, and has the former one end with its connections. A program that
//! fails while it starts becomes the former one again.

use crate::failure::Failure;
use crate::ownership;
use crate::report;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many programs this process was before, for the next one.
pub(super) const COUNT: &str = "PORTCULLIS_UPGRADES";
/// How many programs could not take over, for the next one.
pub(super) const FAILURES: &str = "PORTCULLIS_UPGRADES_FAILED";
/// Those of this process since it became this program.
static FAILED: AtomicU64 = AtomicU64::new(0);

/// How many programs this process was before.
pub(crate) fn count() -> u64 {
    counted(COUNT)
}

/// How many programs rehearsed and could not take over.
pub(super) fn failures() -> u64 {
    counted(FAILURES) + FAILED.load(Ordering::Relaxed)
}

fn counted(name: &str) -> u64 {
    std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The program that is meant: the one that is named, or what lies now where this one came from.
pub(super) fn program(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => own_path()?,
    };
    let failed = |error: io::Error| Failure::refused(format!("{} cannot be used: {error}", path.display()));
    let path = std::fs::canonicalize(&path).map_err(failed)?;
    let facts = std::fs::metadata(&path).map_err(failed)?;
    if !facts.is_file() || facts.permissions().mode() & 0o111 == 0 {
        return Err(Failure::refused(format!("{} is no program", path.display())));
    }
    ownership::judge_file(&path, &facts)?;
    Ok(path)
}

/// Where this program lay when it was started. The kernel marks the name of a file that is gone (proc_pid_exe(5)).
fn own_path() -> Result<PathBuf, Failure> {
    let failed = |error: io::Error| Failure::refused(format!("this program has no name: {error}"));
    let path = std::fs::read_link("/proc/self/exe").map_err(failed)?;
    let name = path.to_string_lossy();
    Ok(name.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// Becomes a program that has rehearsed. It comes back only where that fails.
pub(super) fn become_program(program: &Path) -> io::Error {
    // So that the next program can become this one again, whatever happens to the file.
    let error = match File::open("/proc/self/exe") {
        Ok(former) => exec(program, (count() + 1, failures()), Stdio::from(former)),
        Err(error) => error,
    };
    FAILED.fetch_add(1, Ordering::Relaxed);
    error
}

/// Becomes the program that this process was before, where it has just become this one. It comes back only where that
/// is not so, or fails.
pub(crate) fn fall_back(reason: &str) {
    let Some(before) = count().checked_sub(1) else { return };
    let Ok(former) = io::stdin().as_fd().try_clone_to_owned() else { return };
    let is_file = rustix::fs::fstat(&former)
        .is_ok_and(|facts| rustix::fs::FileType::from_raw_mode(facts.st_mode).is_file());
    if is_file {
        report::error(format_args!("{reason}; the former program goes on in its place"));
        let path = PathBuf::from(format!("/proc/self/fd/{}", former.as_raw_fd()));
        let error = exec(&path, (before, failures() + 1), Stdio::null());
        report::error(format_args!("the former program cannot go on: {error}"));
    }
}

/// Lets go of the program that this process was before.
pub(super) fn settle() {
    let null = File::open("/dev/null");
    if count() > 0
        && let Ok(null) = null
    {
        // Where it fails, the former program's file stays on the disk as long as this process.
        let _ = rustix::stdio::dup2_stdin(&null);
    }
}

fn exec(program: &Path, (count, failures): (u64, u64), stdin: Stdio) -> io::Error {
    let name = std::env::args_os().next().unwrap_or_else(|| OsString::from("portcullis"));
    let arguments = std::env::args_os().skip(1);
    let mut command = Command::new(program);
    // What the service manager handed over came to this program, under numbers that mean something else by now.
    for variable in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        command.env_remove(variable);
    }
    command.env(COUNT, count.to_string()).env(FAILURES, failures.to_string());
    command.arg0(name).args(arguments).stdin(stdin).exec()
}
