//! Instances that are reached with datagrams.

use super::Instance;
use super::instance::Endpoint;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

impl Instance {
    /// A socket that is connected to the instance: it sends nowhere else and hears nobody else.
    pub(crate) fn open_datagrams(&self) -> io::Result<UdpSocket> {
        let Endpoint::Tcp(addresses) = &self.endpoint else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let address = addresses.get(self.preferred.get() % addresses.len().max(1));
        let address = *address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(address)?;
        UdpSocket::from_std(socket)
    }

    /// Notes that nobody answers at the address that was used. The instance has failed when it has no other.
    pub(crate) fn refused_datagrams(&self, ejection: Duration) {
        let Endpoint::Tcp(addresses) = &self.endpoint else { return };
        let next = self.preferred.get() + 1;
        self.preferred.set(next % addresses.len().max(1));
        if next >= addresses.len() {
            self.failed(ejection);
        }
    }
}
