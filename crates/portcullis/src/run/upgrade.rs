//! Becoming another program without losing a connection.
//!
//! The other program is first asked to rehearse: it reads the file and the certificates as it would, starts a gate of
//! its own on our sockets, sees that it answers, and leaves it to whoever comes next. Only then does this process become
//! that program. It finds both gates, keeps its own, and has the former one end with its connections. A program that
//! fails while it starts becomes the former one again.

use crate::failure::Failure;
use crate::ownership;
use crate::report;
use crate::supervision::Inheritance;
use link::{Answer, Channel, HeldSocket, Numbered, Order, Told, Trust};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The hidden argument of `up` that asks for a rehearsal.
const REHEARSE: &str = "--rehearse";
/// How many programs this process was before, for the next one.
const COUNT: &str = "PORTCULLIS_UPGRADES";
/// How many programs could not take over, for the next one.
const FAILURES: &str = "PORTCULLIS_UPGRADES_FAILED";
/// Those of this process since it became this program.
static FAILED: AtomicU64 = AtomicU64::new(0);
/// How long a rehearsal may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Sockets in one message.
const AT_ONCE: usize = 100;

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

/// A socket that a rehearsal gets: its number, the port that it was opened for, and itself.
pub(super) type Lent = (HeldSocket, OwnedFd);

/// Has a program rehearse with these sockets.
pub(super) fn rehearse(program: &Path, sockets: &[Lent]) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::refused(format!("{} cannot be tried: {error}", program.display()));
    let (channel, theirs) = Channel::pair().map_err(failed)?;
    set_socket_timeout(channel.as_fd(), Timeout::Recv, Some(PATIENCE))
        .map_err(|error| failed(error.into()))?;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg(REHEARSE)
        .env_remove(COUNT)
        .env_remove(FAILURES)
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(failed)?;
    let said = lend(&channel, sockets, || is_itself(&child, program));
    if said.is_err() {
        // It fails only when the program has ended already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let reason = match said {
        Ok(Rehearsed { failed: None, asked: true }) if status.success() => return Ok(()),
        Ok(Rehearsed { failed: Some(reason), .. }) => reason,
        Ok(_) => format!("it ended with {status}, and brought up no gate"),
        Err(reason) => reason,
    };
    Err(Failure::no(format!("{} does not serve: {reason}", program.display()))
        .with_hint("nothing has changed; the log has more"))
}

/// Whether a process runs this very file. What a script starts may rehearse and not be what takes over.
fn is_itself(child: &Child, program: &Path) -> bool {
    let file = |path: &Path| std::fs::metadata(path).map(|facts| (facts.dev(), facts.ino())).ok();
    let running = file(Path::new(&format!("/proc/{}/exe", child.id())));
    running.is_some() && running == file(program)
}

/// What there was of a rehearsal.
#[derive(Debug, Default)]
struct Rehearsed {
    /// Why it failed, as it said itself.
    failed: Option<String>,
    /// Whether it asked for the sockets, which only a program of ours does.
    asked: bool,
}

/// Lends sockets to a rehearsal until it ends.
fn lend(channel: &Channel, sockets: &[Lent], is_itself: impl Fn() -> bool) -> Result<Rehearsed, String> {
    let mut said = Rehearsed::default();
    loop {
        let received = match channel.receive::<Numbered>() {
            Ok(Some(received)) => received.message,
            Ok(None) => return Ok(said),
            Err(link::ReceiveError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(format!("it has not come to an end within {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        };
        match received {
            Numbered { order: Order::Failed { reason }, .. } => said.failed = Some(reason),
            Numbered { order: Order::Sockets { .. }, .. } if !is_itself() => {
                return Err("it has another program rehearse in its place; that one may be named".to_owned());
            }
            Numbered { number, order: Order::Sockets { after } } => {
                said.asked = true;
                let next = sockets.iter().filter(|(held, _)| held.number > after).take(AT_ONCE);
                let (held, lent): (Vec<HeldSocket>, Vec<BorrowedFd<'_>>) =
                    next.map(|(held, socket)| (*held, socket.as_fd())).unzip();
                let answer = Told::Answer { number, answer: Answer::Sockets(held) };
                channel.send(&answer, &lent).map_err(|error| error.to_string())?;
            }
            _ => return Err("it asks for something else than sockets".to_owned()),
        }
    }
}

/// What a rehearsal is lent, by whoever started it.
#[derive(Debug)]
pub(super) struct Lender(Channel);

impl Lender {
    /// The process that started this one, at standard input.
    pub(super) fn at_stdin() -> Result<(Self, Inheritance), Failure> {
        let refused = |error: io::Error| {
            Failure::refused(format!("a rehearsal is started by `portcullis upgrade` alone: {error}"))
        };
        let socket = io::stdin().as_fd().try_clone_to_owned().map_err(refused)?;
        let channel = Channel::new(socket, Trust::Gate);
        let inheritance = Inheritance::of_channel(&channel).map_err(refused)?;
        Ok((Self(channel), inheritance))
    }

    /// Sees that the lender is there still: where it was killed, another keeper may have begun, which knows nothing of a
    /// gate that is left to it now.
    pub(super) fn is_there(&self) -> Result<(), Failure> {
        match Inheritance::of_channel(&self.0) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::refused(format!("who asked for the rehearsal is gone: {error}"))),
        }
    }

    /// Says why the rehearsal failed.
    pub(super) fn tell(&self, reason: &str) {
        let order = Order::Failed { reason: reason.chars().take(1000).collect() };
        // The log has it as well.
        let _ = self.0.send(&Numbered { number: 0, order }, &[]);
    }
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
