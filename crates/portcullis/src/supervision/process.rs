//! The process of a gate: a child, or one that a former keeper left behind.

use crate::failure::Failure;
use crate::program::Part;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Signals that say more than others (signal(7)).
const SIGKILL: i32 = 9;
const SIGSYS: i32 = 31;

/// The process of a gate.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    /// A number can be given to another process, this cannot.
    handle: OwnedFd,
}

impl Process {
    /// Starts a gate of a program whose standard input is this socket.
    pub(super) fn spawn(program: &OsString, socket: OwnedFd) -> Result<Self, Failure> {
        let refused = |error: io::Error| Failure::refused(format!("the gate cannot be started: {error}"));
        let child = Part::Gate.of(program, socket).spawn().map_err(refused)?;
        let pid = Pid::from_raw(child.id().cast_signed())
            .ok_or_else(|| refused(io::Error::other("a process without a number")))?;
        let handle =
            rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|error| refused(error.into()))?;
        Ok(Self { pid, handle })
    }

    /// The process that has this number now. Which one that is, is for the caller to find out.
    pub(super) fn by_number(pid: Pid) -> io::Result<Self> {
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid, handle })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        // It fails when the process has ended already.
        let _ = rustix::process::pidfd_send_signal(&self.handle, Signal::KILL);
    }

    /// Waits until it has ended, also where it is somebody else's child, and no longer than this (`pidfd_open(2)`).
    pub(super) fn is_over_within(&self, patience: Duration) -> bool {
        is_over_by(&self.handle, Instant::now() + patience)
    }

    /// Waits until it has ended, and says how, where it is a child of this process.
    pub(super) fn end(&self) -> Option<String> {
        let status = loop {
            match rustix::process::waitid(WaitId::PidFd(self.handle.as_fd()), WaitIdOptions::EXITED) {
                Err(Errno::INTR) => {}
                status => break status.ok()??,
            }
        };
        Some(match (status.terminating_signal(), status.exit_status()) {
            (Some(SIGSYS), _) => {
                "the system call filter stopped it (SIGSYS); the log of the kernel names the call".to_owned()
            }
            (Some(SIGKILL), _) => "it was killed (signal 9; perhaps for want of memory)".to_owned(),
            (Some(signal), _) => format!("signal {signal}"),
            (None, Some(0)) => "it ended by itself".to_owned(),
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "nobody knows how".to_owned(),
        })
    }
}

/// Waits until the process of a handle has ended, and no longer than this (`pidfd_open(2)`).
pub(crate) fn is_over_by(handle: &OwnedFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = rustix::event::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut wanted = [rustix::event::PollFd::new(handle, rustix::event::PollFlags::IN)];
        match rustix::event::poll(&mut wanted, Some(&timeout)) {
            Err(Errno::INTR) => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}
