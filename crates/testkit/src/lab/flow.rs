//! Long flows: connections that keep sending, and say whether what they send still arrives.

use super::host::Host;
use super::probe::SILENCE;
use crate::patience::PATIENCE;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two messages.
const PACE: Duration = Duration::from_millis(2);
/// How long one read or write may block, so that a flow ends soon after its value.
const BLOCK: Duration = Duration::from_millis(50);
/// A message is its number, counted from 1.
const MESSAGE: usize = 8;

/// The protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// Datagrams between two fixed ports.
    Udp,
}

/// Which side sends, once the flow is open. The other one only listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The side that connected.
    Client,
    /// The side that was connected to.
    Server,
}

/// An open flow with its two ends.
#[derive(Debug)]
pub struct Flow {
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
    /// A server goes on listening, and who looks at its sockets sees from that who opened the connection.
    _listener: Option<TcpListener>,
}

#[derive(Debug, Default)]
struct State {
    sent: AtomicU64,
    received: AtomicU64,
    reset: AtomicBool,
    ended: AtomicBool,
}

/// One end, whatever the protocol.
enum Line {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Flow {
    /// Opens a flow from a client to an address, behind which a server listens at `at` (the same, unless something
    /// between them translates addresses).
    ///
    /// # Panics
    /// When the flow cannot be opened.
    #[must_use]
    pub fn open(
        (transport, push): (Transport, Push),
        (client, to): (&Host, SocketAddr),
        (server, at): (&Host, SocketAddr),
    ) -> Self {
        let opened = match transport {
            Transport::Tcp => open_tcp(client, to, server, at),
            Transport::Udp => open_udp(client, to, server, at),
        };
        let (near, far, listener) = opened.unwrap_or_else(|error| {
            panic!("no {transport:?} flow from {} to {to}: {error}", client.name());
        });
        let (sender, receiver) = if push == Push::Client { (near, far) } else { (far, near) };
        let state = Arc::new(State::default());
        let (one, other) = (Arc::clone(&state), Arc::clone(&state));
        let threads =
            vec![thread::spawn(move || one.send(sender)), thread::spawn(move || other.receive(receiver))];
        Self { state, threads, _listener: listener }
    }

    /// Whether something that is sent from now on arrives within twice [`SILENCE`].
    #[must_use]
    pub fn passes(&self) -> bool {
        let from = self.state.sent.load(Ordering::Acquire);
        let deadline = Instant::now() + SILENCE * 2;
        while Instant::now() < deadline && !self.was_reset() {
            if self.state.received.load(Ordering::Acquire) > from {
                return true;
            }
            thread::sleep(PACE);
        }
        false
    }

    /// Whether each of several flows [passes](Flow::passes), in one wait for all.
    #[must_use]
    pub fn which_pass(flows: &[Self]) -> Vec<bool> {
        thread::scope(|scope| {
            let asked: Vec<_> = flows.iter().map(|flow| scope.spawn(|| flow.passes())).collect();
            asked.into_iter().map(|answer| answer.join().expect("asking does not panic")).collect()
        })
    }

    /// Whether one end was told that the connection is over, and did not only hear nothing more.
    #[must_use]
    pub fn was_reset(&self) -> bool {
        self.state.reset.load(Ordering::Acquire)
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl State {
    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && !self.reset.load(Ordering::Acquire)
    }

    fn send(&self, mut line: Line) {
        let mut pending: Vec<u8> = Vec::new();
        while self.goes_on() {
            if pending.is_empty() {
                let number = self.sent.fetch_add(1, Ordering::AcqRel) + 1;
                pending.extend(number.to_be_bytes());
            }
            let written = match &mut line {
                Line::Tcp(stream) => stream.write(&pending),
                Line::Udp(socket) => socket.send(&pending),
            };
            match written {
                Ok(count) => drop(pending.drain(..count)),
                Err(error) => self.judge(&error),
            }
            thread::sleep(PACE);
        }
    }

    fn receive(&self, mut line: Line) {
        let mut bytes = 0_u64;
        let mut buffer = [0; 4096];
        while self.goes_on() {
            match &mut line {
                Line::Tcp(stream) => match stream.read(&mut buffer) {
                    Ok(0) => self.reset.store(true, Ordering::Release),
                    Ok(count) => {
                        bytes += count as u64;
                        self.received.store(bytes / MESSAGE as u64, Ordering::Release);
                    }
                    Err(error) => self.judge(&error),
                },
                Line::Udp(socket) => match socket.recv(&mut buffer) {
                    Ok(_) => {
                        let number = buffer.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                        self.received.fetch_max(number, Ordering::AcqRel);
                    }
                    Err(error) => self.judge(&error),
                },
            }
        }
    }

    /// Silence, or a rule that does not let the sender send, is no news of an end.
    fn judge(&self, error: &io::Error) {
        let quiet =
            [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted, ErrorKind::PermissionDenied];
        if !quiet.contains(&error.kind()) {
            self.reset.store(true, Ordering::Release);
        }
    }
}

/// Both ends, and what listens where the server has it apart from its end.
type Opened = (Line, Line, Option<TcpListener>);

fn open_tcp(client: &Host, to: SocketAddr, server: &Host, at: SocketAddr) -> io::Result<Opened> {
    let listener = server.listen(at);
    let near = client.run(|| TcpStream::connect_timeout(&to, PATIENCE))?;
    let (far, _) = listener.accept()?;
    for stream in [&near, &far] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(BLOCK))?;
        stream.set_write_timeout(Some(BLOCK))?;
    }
    Ok((Line::Tcp(near), Line::Tcp(far), Some(listener)))
}

/// The first datagram goes to the server, which learns from it whom to answer; its answer opens the flow.
fn open_udp(client: &Host, to: SocketAddr, server: &Host, at: SocketAddr) -> io::Result<Opened> {
    let here = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let far = server.datagrams(at);
    let near = client.run(|| UdpSocket::bind(here).and_then(|socket| socket.connect(to).map(|()| socket)))?;
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(PATIENCE))?;
    }
    near.send(&[0; MESSAGE])?;
    let (_, peer) = far.recv_from(&mut [0; MESSAGE])?;
    far.connect(peer)?;
    far.send(&[0; MESSAGE])?;
    near.recv(&mut [0; MESSAGE])?;
    for socket in [&near, &far] {
        socket.set_read_timeout(Some(BLOCK))?;
    }
    Ok((Line::Udp(near), Line::Udp(far), None))
}
