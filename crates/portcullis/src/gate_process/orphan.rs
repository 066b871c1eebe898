//! A gate without a keeper: it serves on, and waits for the next one.

use crate::failure::Failure;
use link::{Channel, Trust};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::os::fd::OwnedFd;

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
