//! Telling the service manager how this program is, and having it keep sockets: the protocol of sd_notify(3) and of its
//! store of descriptors, which systemd speaks and others understand.
//!
//! Nothing depends on it: where none listens, nothing is said, and one that takes no message is waited for a second.

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix};
use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsString;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// How long a message waits for room.
const PATIENCE: Duration = Duration::from_secs(1);
/// Descriptors in one message; the kernel takes 253 (SCM_MAX_FD).
const AT_ONCE: usize = 128;

/// The service manager that started this program, where it wants to be told.
#[derive(Debug, Default)]
pub struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddrUnix)>,
    watchdog: Option<Duration>,
}

/// What a service manager can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// It serves.
    Ready,
    /// It reads its configuration again; `Ready` follows.
    Reloading,
    /// It is alive (`WatchdogSec=`).
    Alive,
    /// How it is, for people.
    Status(&'a str),
    /// It ends, which may take this long.
    Stopping(Duration),
    /// No socket of this name is to be kept any more.
    Forget(&'a str),
}

impl ServiceManager {
    /// The one that `NOTIFY_SOCKET` of the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        // Without a process it is meant for whoever reads it.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        Self {
            watchdog: watchdog.map(Duration::from_micros),
            ..Self::named(std::env::var_os("NOTIFY_SOCKET"))
        }
    }

    fn named(name: Option<OsString>) -> Self {
        let to = || {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_write_timeout(Some(PATIENCE)).ok()?;
            Some((socket, address(name?.as_bytes())?))
        };
        Self { to: to(), watchdog: None }
    }

    /// Whether anybody is told.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.to.is_some()
    }

    /// How often it has to hear [`Message::Alive`] at the least, where it watches.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.is_there())
    }

    /// Says it.
    pub fn tell(&self, message: Message<'_>) {
        self.send(&text(message), &[]);
    }

    /// Has it keep sockets under a name, beside those that it keeps already, and hand them to the next process
    /// (`FileDescriptorStoreMax=`). It does not look whether they have failed: a listener whose address is gone for a
    /// moment has not.
    pub fn keep(&self, name: &str, sockets: &[BorrowedFd<'_>]) {
        for some in sockets.chunks(AT_ONCE) {
            self.send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), some);
        }
    }

    fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) {
        let Some((socket, address)) = &self.to else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return;
        }
        let text = [IoSlice::new(text.as_bytes())];
        // There is nobody left to tell when that fails.
        let _ = rustix::net::sendmsg_addr(socket, address, &text, &mut control, SendFlags::NOSIGNAL);
    }
}

/// A path, or with `@` a name without a file (unix(7), "Abstract sockets").
fn address(name: &[u8]) -> Option<SocketAddrUnix> {
    match name.split_first()? {
        (b'@', rest) => SocketAddrUnix::new_abstract_name(rest).ok(),
        (b'/', _) => SocketAddrUnix::new(name).ok(),
        _ => None,
    }
}

fn text(message: Message<'_>) -> String {
    match message {
        Message::Ready => "READY=1".to_owned(),
        Message::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
        }
        Message::Alive => "WATCHDOG=1".to_owned(),
        Message::Status(status) => format!("STATUS={}", status.replace('\n', " ")),
        Message::Stopping(within) => format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", within.as_micros()),
        Message::Forget(name) => format!("FDSTOREREMOVE=1\nFDNAME={name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_arrives_in_the_words_of_sd_notify() {
        let folder = testkit::Folder::new();
        let path = folder.join("notify");
        let heard = UnixDatagram::bind(&path).expect("a socket");
        let manager = ServiceManager::named(Some(path.into_os_string()));
        assert!(manager.is_there());
        for (message, expected) in [
            (Message::Ready, "READY=1"),
            (Message::Alive, "WATCHDOG=1"),
            (Message::Status("2 sites\nREADY=1"), "STATUS=2 sites READY=1"),
            (Message::Forget("portcullis-80"), "FDSTOREREMOVE=1\nFDNAME=portcullis-80"),
            (Message::Stopping(Duration::from_secs(40)), "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000"),
        ] {
            manager.tell(message);
            let mut buffer = [0; 200];
            let length = heard.recv(&mut buffer).expect("a message");
            assert_eq!(String::from_utf8_lossy(&buffer[..length]), expected);
        }
    }

    #[test]
    fn without_a_service_manager_nothing_is_said() {
        for name in [None, Some(""), Some("relative"), Some("vsock:2:1")] {
            let manager = ServiceManager::named(name.map(OsString::from));
            assert!(!manager.is_there(), "{name:?}");
            manager.tell(Message::Ready);
        }
    }

    #[test]
    fn an_abstract_socket_is_named_with_an_at() {
        assert_eq!(address(b"@here").as_ref().and_then(SocketAddrUnix::abstract_name), Some(&b"here"[..]));
    }
}
