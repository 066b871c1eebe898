//! Sends packets as they are, with whatever source they name.

use super::checksum::folded;
use super::{Content, Packet};
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
        self.send_bytes(&packet.bytes(number), packet);
    }

    /// Sends a segment of TCP of IPv4 again and again, from and to these ports in turn: hundreds of thousands in a
    /// second, which differ in nothing else.
    ///
    /// # Panics
    /// When the kernel of the sender does not send one.
    pub fn send_with_ports(&self, segment: &Packet, ports: impl IntoIterator<Item = (u16, u16)>) {
        const PORTS: usize = 20;
        const CHECKSUM: usize = 36;
        let mut bytes = segment.bytes(1);
        bytes[PORTS..PORTS + 4].fill(0);
        let Content::Tcp { source, destination, .. } = segment.content else {
            panic!("no segment: {segment:?}")
        };
        let whole = !u16::from_be_bytes([bytes[CHECKSUM], bytes[CHECKSUM + 1]]);
        let without = folded(u32::from(whole) + u32::from(!source) + u32::from(!destination));
        for (source, destination) in ports {
            let sum = !folded(u32::from(without) + u32::from(source) + u32::from(destination));
            bytes[PORTS..PORTS + 2].copy_from_slice(&source.to_be_bytes());
            bytes[PORTS + 2..PORTS + 4].copy_from_slice(&destination.to_be_bytes());
            bytes[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
            self.send_bytes(&bytes, segment);
        }
    }

    fn send_bytes(&self, bytes: &[u8], packet: &Packet) {
        let socket = match packet.destination {
            IpAddr::V4(_) => &self.four,
            IpAddr::V6(_) => &self.six,
        };
        let destination = SocketAddr::new(packet.destination, 0);
        loop {
            match sendto(socket, bytes, SendFlags::empty(), &destination) {
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
