//! Who is at the other end of a connection, by the kernel's word about the moment in which it was made.

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::UnixStream;

/// The process at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) user: u32,
    pub(super) group: u32,
    /// Its number, which another process may have once it has ended.
    pub(super) process: Option<i32>,
}

/// What tells whether that process still is the one that connected.
#[derive(Debug)]
pub(super) enum Presence {
    /// A handle, which no other process ever has.
    Held(OwnedFd),
    /// It ended before a handle could be had.
    Gone,
    /// This kernel cannot tell.
    Unknown,
}

impl Peer {
    /// Who connected.
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let told = stream.peer_cred()?;
        Ok(Self { user: told.uid(), group: told.gid(), process: told.pid() })
    }

    /// Whether it is there. To be asked as soon as it has connected.
    pub(super) fn presence(&self, stream: &UnixStream) -> Presence {
        match getsockopt(stream, sockopt::PeerPidfd) {
            Ok(handle) => Presence::Held(handle),
            Err(Errno::ENOPROTOOPT) => self.presence_by_number(),
            Err(_) => Presence::Gone,
        }
    }

    /// The same before Linux 6.5, where a process that has the number since passes for the one that connected. There is no
    /// number for a process that this one cannot see, nor a handle before Linux 5.3.
    fn presence_by_number(&self) -> Presence {
        let Some(number) = self.process.and_then(Pid::from_raw) else { return Presence::Unknown };
        match rustix::process::pidfd_open(number, PidfdFlags::empty()) {
            Ok(handle) => Presence::Held(handle),
            Err(rustix::io::Errno::NOSYS) => Presence::Unknown,
            Err(_) => Presence::Gone,
        }
    }
}

impl Presence {
    /// Whether the process that connected has ended, as far as the kernel tells.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::Unknown => false,
            // A handle can be read from once its process has ended (pidfd_open(2)).
            Self::Held(handle) => {
                let mut wanted = [PollFd::new(handle, PollFlags::IN)];
                let now = Timespec { tv_sec: 0, tv_nsec: 0 };
                rustix::event::poll(&mut wanted, Some(&now)) != Ok(0)
            }
        }
    }
}

/// Whether the other end of a connection is closed, so that nobody waits for an answer. One that has only said all it
/// had to say waits still.
pub(super) fn has_gone(stream: &OwnedFd) -> bool {
    let mut wanted = [PollFd::new(stream, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A hang-up is told of whether it is asked for or not (poll(2)).
    rustix::event::poll(&mut wanted, Some(&now)).is_ok() && wanted[0].revents().contains(PollFlags::HUP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn peer(process: u32) -> Peer {
        Peer { user: 0, group: 0, process: Some(process.cast_signed()) }
    }

    #[test]
    fn a_process_is_there_until_it_has_ended() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().expect("sleep");
        let held = peer(child.id()).presence_by_number();
        assert!(!held.is_over());
        child.kill().expect("our child");
        testkit::eventually("its end", || held.is_over().then_some(()));
        assert!(peer(child.id()).presence_by_number().is_over(), "nobody has waited for it");
        child.wait().expect("our child");
        assert!(held.is_over());
        assert!(matches!(peer(child.id()).presence_by_number(), Presence::Gone));
    }

    #[test]
    fn one_that_has_said_all_waits_still_and_one_that_has_closed_does_not() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let ours = OwnedFd::from(ours);
        assert!(!has_gone(&ours));
        theirs.shutdown(std::net::Shutdown::Write).expect("a shutdown");
        assert!(!has_gone(&ours));
        drop(theirs);
        assert!(has_gone(&ours));
    }

    #[test]
    fn the_kernel_gives_a_handle_with_the_connection() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let _entered = runtime.enter();
        let (stream, _other) = UnixStream::pair().expect("a pair");
        let peer = Peer::of(&stream).expect("ourselves");
        assert_eq!(peer.process, Some(std::process::id().cast_signed()));
        let presence = peer.presence(&stream);
        assert!(matches!(presence, Presence::Held(_)) && !presence.is_over(), "{presence:?}");
    }
}
