//! Something that answers on ports of a host: TCP with the name of the host, UDP with the same.

use super::host::Host;
use crate::patience::eventually;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Listens until it is dropped. Who connects is told the name of the host and closed.
#[derive(Debug)]
pub struct Service {
    /// Closing it ends the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

struct Sockets {
    name: String,
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
}

impl Service {
    /// Answers on ports at every address of the host, over both protocols and both families.
    ///
    /// # Panics
    /// When a port is taken.
    #[must_use]
    pub fn on_ports(host: &Host, ports: &[u16]) -> Self {
        let addresses: Vec<_> = ports.iter().map(|port| (Ipv6Addr::UNSPECIFIED, *port).into()).collect();
        Self::at(host, &addresses)
    }

    /// Answers at addresses, over both protocols.
    ///
    /// # Panics
    /// When one is taken.
    #[must_use]
    pub fn at(host: &Host, addresses: &[SocketAddr]) -> Self {
        let sockets = Sockets::bind(host, addresses);
        let (stop, stopped) = UnixStream::pair().expect("a pair of sockets");
        let thread = thread::spawn(move || sockets.serve(&stopped));
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Sockets {
    fn bind(host: &Host, addresses: &[SocketAddr]) -> Self {
        let tcp: Vec<_> = addresses.iter().map(|address| host.listen(*address)).collect();
        let udp: Vec<_> = addresses.iter().map(|address| host.datagrams(*address)).collect();
        for listener in &tcp {
            listener.set_nonblocking(true).expect("a socket has this mode");
        }
        for socket in &udp {
            socket.set_nonblocking(true).expect("a socket has this mode");
        }
        Self { name: host.name().to_owned(), tcp, udp }
    }

    fn serve(&self, stopped: &UnixStream) {
        loop {
            let mut waiting = vec![PollFd::new(stopped, PollFlags::IN)];
            let all = self.tcp.iter().map(AsFd::as_fd).chain(self.udp.iter().map(AsFd::as_fd));
            waiting.extend(all.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
            if poll(&mut waiting, None).is_ok() && !waiting[0].revents().is_empty() {
                return;
            }
            self.tcp.iter().for_each(|listener| self.greet(listener));
            self.udp.iter().for_each(|socket| self.answer(socket));
        }
    }

    fn greet(&self, listener: &TcpListener) {
        while let Ok((mut stream, _)) = listener.accept() {
            // Who only knocked has gone already.
            let _ = stream.write_all(self.name.as_bytes());
        }
    }

    fn answer(&self, socket: &UdpSocket) {
        let mut buffer = [0; 64];
        loop {
            match socket.recv_from(&mut buffer) {
                // A dropped answer is the finding of the test and no fault here.
                Ok((_, peer)) => _ = socket.send_to(self.name.as_bytes(), peer),
                // The error of an answer before, such as a closed port at the peer.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }
}

impl Host {
    /// Listens over TCP at an address of the host.
    ///
    /// # Panics
    /// When the address stays taken. One that was in use a moment ago may be for a little while: a program that some
    /// other thread is starting holds copies of all descriptors until it runs.
    #[must_use]
    pub fn listen(&self, at: SocketAddr) -> TcpListener {
        self.bind(at, || TcpListener::bind(at))
    }

    /// A UDP socket at an address of the host.
    ///
    /// # Panics
    /// When the address stays taken.
    #[must_use]
    pub fn datagrams(&self, at: SocketAddr) -> UdpSocket {
        self.bind(at, || UdpSocket::bind(at))
    }

    fn bind<S: Send>(&self, at: SocketAddr, bind: impl Fn() -> io::Result<S> + Sync) -> S {
        eventually(&format!("{at} at {}", self.name()), || match self.run(&bind) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
            bound => Some(bound.unwrap_or_else(|error| panic!("{}: {at}: {error}", self.name()))),
        })
    }

    /// Connects over TCP and returns the name of the host whose [`Service`] answers, or `None` when nobody does.
    #[must_use]
    pub fn who_answers(&self, address: SocketAddr) -> Option<String> {
        let deadline = Duration::from_secs(2);
        let stream = self.run(|| TcpStream::connect_timeout(&address, deadline)).ok()?;
        stream.set_read_timeout(Some(deadline)).ok()?;
        io::read_to_string(stream).ok()
    }
}
