//! Telling the service manager how this program is: the protocol of sd_notify(3), which systemd speaks and others understand.
//!
//! Nothing depends on it: where none listens, nothing is said, and one that does not take a message is not waited
//! for.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager that started this program, where it wants to be told.
#[derive(Debug, Default)]
pub struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddr)>,
}

/// What a service manager can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// It serves.
    Ready,
    /// It is alive (`WatchdogSec=`).
    Alive,
    /// How it is, for people.
    Status(&'a str),
    /// It ends, which may take this long.
    Stopping(Duration),
}

impl ServiceManager {
    /// The one that `NOTIFY_SOCKET` of the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::named(std::env::var_os("NOTIFY_SOCKET"))
    }

    fn named(name: Option<OsString>) -> Self {
        let to = || {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address(name?.as_bytes())?))
        };
        Self { to: to() }
    }

    /// Whether anybody is told.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.to.is_some()
    }

    /// Says it.
    pub fn tell(&self, message: Message<'_>) {
        if let Some((socket, address)) = &self.to {
            // There is nobody left to tell when that fails.
            let _ = socket.send_to_addr(text(message).as_bytes(), address);
        }
    }
}

/// A path, or with `@` a name without a file (unix(7), "Abstract sockets").
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.split_first()? {
        (b'@', rest) => SocketAddr::from_abstract_name(rest).ok(),
        (b'/', _) => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
        _ => None,
    }
}

fn text(message: Message<'_>) -> String {
    match message {
        Message::Ready => "READY=1".to_owned(),
        Message::Alive => "WATCHDOG=1".to_owned(),
        Message::Status(status) => format!("STATUS={}", status.replace('\n', " ")),
        Message::Stopping(within) => format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", within.as_micros()),
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
        assert_eq!(address(b"@here").as_ref().and_then(SocketAddr::as_abstract_name), Some(&b"here"[..]));
    }
}
