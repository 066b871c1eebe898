//! A backend that costs as little as it can: one thread, prepared answers. `/…1m` is answered with 1 MiB, everything
//! else with 256 bytes. It reads no body and knows keep-alive only. Datagrams to the same port come back as they are.

use super::poll::Poll;
use crate::Outcome;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

/// Bytes of the small answer's body.
pub(crate) const SMALL: usize = 256;
/// Bytes of the large answer's body.
pub(crate) const LARGE: usize = 1 << 20;
/// The key of the listener.
const LISTENER: usize = usize::MAX;

#[derive(clap::Args)]
pub(crate) struct Options {}

/// Prints the port and serves until it is ended.
pub(crate) fn run(_: &Options) -> Outcome {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let datagrams = UdpSocket::bind(listener.local_addr()?)?;
    std::thread::spawn(move || echo(&datagrams));
    println!("{}", listener.local_addr()?.port());
    Ok(serve(&listener)?)
}

/// Sends datagrams back until the process ends.
fn echo(socket: &UdpSocket) -> io::Result<()> {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, client) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..length], client)?;
    }
}

/// A connection and what is left to send on it.
struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// The place of the answer in [`Answers`] and the bytes of it that are sent.
    sending: Option<(usize, usize)>,
}

/// The prepared answers: small, large.
type Answers = [Vec<u8>; 2];

fn answer(length: usize) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + length, b'x');
    bytes
}

/// Serves on a listener that does not block, for ever.
pub(super) fn serve(listener: &TcpListener) -> io::Result<()> {
    let answers = [answer(SMALL), answer(LARGE)];
    let mut poll = Poll::new()?;
    poll.add(listener, LISTENER)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut ready = Vec::new();
    loop {
        poll.wait(None, &mut ready)?;
        for &key in &ready {
            if key == LISTENER {
                accept(listener, &poll, &mut connections)?;
            } else if let Some(slot) = connections.get_mut(key)
                && let Some(connection) = slot
                && !connection.advance(&answers, &poll, key)
            {
                *slot = None;
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, connections: &mut Vec<Option<Connection>>) -> io::Result<()> {
    while let Ok((stream, _)) = listener.accept() {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let free = connections.iter().position(Option::is_none);
        let key = free.unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        poll.add(&stream, key)?;
        connections[key] = Some(Connection { stream, request: Vec::new(), sending: None });
    }
    Ok(())
}

impl Connection {
    /// Reads and answers as far as the socket goes; false when the connection is over.
    fn advance(&mut self, answers: &Answers, poll: &Poll, key: usize) -> bool {
        if self.sending.is_some() {
            return self.send(answers, poll, key);
        }
        let mut buffer = [0; 8192];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.request.extend_from_slice(&buffer[..count]);
                if !self.request.ends_with(b"\r\n\r\n") {
                    return true;
                }
                let line = self.request.split(|byte| *byte == b'\r').next().unwrap_or_default();
                let large = line.windows(3).any(|three| three == b"1m ");
                self.request.clear();
                self.sending = Some((usize::from(large), 0));
                self.send(answers, poll, key)
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    fn send(&mut self, answers: &Answers, poll: &Poll, key: usize) -> bool {
        let Some((which, start)) = self.sending else { return true };
        let bytes = &answers[which];
        let mut sent = start;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.sending = Some((which, sent));
                    return start > 0 || poll.change(&self.stream, key, true).is_ok();
                }
                Err(_) => return false,
            }
        }
        self.sending = None;
        // Writability was asked for when the first write did not take everything.
        start == 0 || poll.change(&self.stream, key, false).is_ok()
    }
}
