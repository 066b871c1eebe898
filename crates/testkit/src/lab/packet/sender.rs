//! Sends packets as they are, with whatever source they name.

use super::Packet;
use crate::lab::host::Host;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, sendto, socket_with, sockopt,
};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

/// `IPPROTO_RAW`: what is sent begins with the IP header.
const WITH_HEADER: u32 = 255;

/// Sockets that send whole packets from a host. The host's routes decide over the way.
#[derive(Debug)]
pub struct Sender {
    four: OwnedFd,
    six: OwnedFd,
}

impl Sender {
    /// Opens the sockets.
    ///
    /// # Panics
    /// When the process lacks the rights.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        host.run(|| Self { four: raw_socket(AddressFamily::INET), six: raw_socket(AddressFamily::INET6) })
    }

    /// Sends one packet with its number.
    ///
    /// # Panics
    /// When the kernel of the sender does not send it, for example without a route.
    pub fn send(&self, packet: &Packet, number: u16) {
        let bytes = packet.bytes(number);
        let socket = match packet.destination {
            IpAddr::V4(_) => &self.four,
            IpAddr::V6(_) => &self.six,
        };
        let destination = SocketAddr::new(packet.destination, 0);
        loop {
            match sendto(socket, &bytes, SendFlags::empty(), &destination) {
                // A rule of the sender's own output says that it dropped the packet.
                Ok(_) | Err(Errno::PERM) => return,
                // The queue of the interface is full for a moment.
                Err(Errno::NOBUFS | Errno::AGAIN | Errno::INTR) => std::thread::yield_now(),
                Err(error) => panic!("cannot send {packet:?}: {error}"),
            }
        }
    }
}

fn raw_socket(family: AddressFamily) -> OwnedFd {
    let protocol = NonZeroU32::new(WITH_HEADER).map(Protocol::from_raw);
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
        .unwrap_or_else(|error| panic!("{}: raw sockets: {error}", crate::lab::host::RIGHTS));
    sockopt::set_socket_broadcast(&socket, true).expect("a socket has this option");
    socket
}
