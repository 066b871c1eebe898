//! The socket of a listener of UDP.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// A socket that receives from clients and answers them.
#[derive(Debug)]
pub(super) struct Socket(UdpSocket);

impl Socket {
    pub(super) fn new(socket: UdpSocket) -> Self {
        Self(socket)
    }

    /// Receives one datagram, and answers how long it is and who sent it.
    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut read = ReadBuf::new(into);
        self.0.poll_recv_from(context, &mut read).map_ok(|client| (read.filled().len(), client))
    }

    /// Sends one datagram back, if there is room for it now: datagrams may be lost anywhere, and none is kept here.
    pub(super) fn send(&self, bytes: &[u8], client: SocketAddr) -> io::Result<usize> {
        self.0.try_send_to(bytes, client)
    }
}
