//! The socket of a listener of UDP. On a wildcard address it also tells to which address of the host a datagram came,
//! for a client takes answers from that one alone.

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::task::{Context, Poll, ready};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

/// A socket that receives from clients and answers them.
#[derive(Debug)]
pub(super) struct Socket {
    socket: UdpSocket,
    /// Whether it is bound to every address of the host.
    everywhere: bool,
}

/// Between whom datagrams travel. Answers take the same way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) client: SocketAddr,
    /// The address of the host that the client sent to, where the socket has more than one.
    local: Option<IpAddr>,
}

/// Has a socket that is bound to every address tell to which one a datagram came.
///
/// # Errors
///
/// The kernel refused.
pub(crate) fn tell_destinations(socket: &impl AsFd, local: IpAddr) -> io::Result<()> {
    match local {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        _ => {}
    }
    Ok(())
}

impl Socket {
    pub(super) fn new(socket: UdpSocket, local: IpAddr) -> Self {
        Self { socket, everywhere: local.is_unspecified() }
    }

    /// Receives one datagram, and answers how long it is and which way it came.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<(usize, Way)>> {
        if !self.everywhere {
            let mut read = ReadBuf::new(into);
            let client = ready!(self.socket.poll_recv_from(context, &mut read))?;
            return Poll::Ready(Ok((read.filled().len(), Way { client, local: None })));
        }
        loop {
            ready!(self.socket.poll_recv_ready(context))?;
            match self.socket.try_io(Interest::READABLE, || receive(&self.socket, into)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    /// Sends one datagram back, if there is room for it now: datagrams may be lost anywhere, and none is kept here.
    pub(super) fn send(&self, bytes: &[u8], way: Way) -> io::Result<usize> {
        match way.local {
            None => self.socket.try_send_to(bytes, way.client),
            Some(local) => {
                self.socket.try_io(Interest::WRITABLE, || send(&self.socket, bytes, way.client, local))
            }
        }
    }
}

fn receive(socket: &UdpSocket, into: &mut [u8]) -> io::Result<(usize, Way)> {
    let mut told = cmsg_space!(in6_pktinfo);
    told.resize(told.capacity(), 0);
    let mut pieces = [IoSliceMut::new(into)];
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(&mut told), MsgFlags::empty())?;
    let client = received.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
    let local = received.cmsgs()?.find_map(|told| destination(&told));
    Ok((received.bytes, Way { client, local }))
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = || storage.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4().or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

/// The address that answers leave from (ip(7), ipv6(7)); none for a group of hosts, which cannot answer.
fn destination(told: &ControlMessageOwned) -> Option<IpAddr> {
    match told {
        // The address of the host that a datagram to its network came in by, which is the one it was sent to otherwise.
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            let address = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
            // Not known of a datagram that came before the kernel was asked to tell.
            (!address.is_unspecified()).then_some(address.into())
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            (!address.is_multicast()).then_some(address.into())
        }
        _ => None,
    }
}

fn send(socket: &UdpSocket, bytes: &[u8], client: SocketAddr, local: IpAddr) -> io::Result<usize> {
    let to = SockaddrStorage::from(client);
    let (v4, v6);
    // The interface is the matter of the routes, as for every other packet.
    let from = match local {
        IpAddr::V4(local) => {
            let source = in_addr { s_addr: u32::from(local).to_be() };
            v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: in_addr { s_addr: 0 } };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(local) => {
            v6 = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: local.octets() }, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    Ok(sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &[from], MsgFlags::empty(), Some(&to))?)
}
