//! A gate without a keeper: it serves on, and waits for the next one.

use crate::failure::Failure;
use link::{Channel, Hello, Told, Trust};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Where the next keeper comes to.
#[derive(Debug)]
pub(super) struct Rendezvous {
    socket: OwnedFd,
    /// The user that the keeper was.
    keeper: u32,
}

impl Rendezvous {
    pub(super) fn new(socket: OwnedFd, keeper: u32) -> Self {
        Self { socket, keeper }
    }

    /// Waits for a keeper: root, or the user that the last one was. The kernel says who comes.
    pub(super) fn wait(&self) -> Result<Channel, Failure> {
        loop {
            let connection = match rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC) {
                Ok(connection) => connection,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(error) => {
                    return Err(Failure::refused(format!("no keeper can come any more: {error}")));
                }
            };
            let peer = rustix::net::sockopt::socket_peercred(&connection).map(|peer| peer.uid.as_raw());
            if peer.is_ok_and(|user| user == 0 || user == self.keeper) {
                return Ok(Channel::new(connection, Trust::Keeper));
            }
        }
    }
}

/// Tells every later keeper that this gate is ending, for as long as that takes: it is known, and can be cut short.
pub(super) fn take_leave(rendezvous: Arc<Rendezvous>, hello: Hello) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("leave".to_owned());
    thread.spawn(move || {
        // It is kept, so that the keeper sees when this process ends. A further one comes when that one is gone.
        let mut _last = None;
        while let Ok(channel) = rendezvous.wait() {
            // A keeper that is gone again needs no word.
            let _ = channel.send(&Told::Hello(hello.clone()), &[]);
            _last = Some(channel);
        }
    })?;
    Ok(())
}
