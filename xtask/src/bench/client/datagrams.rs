//! Datagrams: one in flight on each socket, and what comes back must be what was sent.

use super::load::Tally;
use super::{Generator, Options};
use crate::bench::poll::Poll;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// How long an answer may be missing: on the loopback nothing is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// All sockets, each a client of its own.
pub(super) struct Datagrams {
    poll: Poll,
    sockets: Vec<UdpSocket>,
    /// What is in flight on each; it begins with its number.
    sent: Vec<Vec<u8>>,
    number: u64,
    ready: Vec<usize>,
}

impl Datagrams {
    pub(super) fn new(options: &Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut sockets = Vec::new();
        for key in 0..options.connections {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(options.address)?;
            socket.set_nonblocking(true)?;
            poll.add(&socket, key)?;
            sockets.push(socket);
        }
        let sent = vec![vec![b'x'; options.length.max(size_of::<u64>())]; sockets.len()];
        Ok(Self { poll, sockets, sent, number: 0, ready: Vec::new() })
    }

    fn send(&mut self, key: usize) -> io::Result<()> {
        self.number += 1;
        let datagram = &mut self.sent[key];
        datagram[..size_of::<u64>()].copy_from_slice(&self.number.to_be_bytes());
        self.sockets[key].send(datagram).map(drop)
    }

    fn receive(&self, key: usize, tally: &mut Tally) -> io::Result<()> {
        let mut buffer = [0; 2048];
        let length = self.sockets[key].recv(&mut buffer)?;
        if buffer[..length] == self.sent[key] {
            tally.good += 1;
        } else {
            tally.fail(format!("another datagram came back, of {length} bytes"));
        }
        Ok(())
    }
}

impl Generator for Datagrams {
    fn work(&mut self, enough: &dyn Fn(&Tally) -> bool) -> io::Result<Tally> {
        let mut tally = Tally::default();
        for key in 0..self.sockets.len() {
            self.send(key)?;
        }
        let mut missing = self.sockets.len();
        let mut ready = std::mem::take(&mut self.ready);
        while missing > 0 {
            self.poll.wait(Some(PATIENCE), &mut ready)?;
            if ready.is_empty() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a datagram did not come back"));
            }
            for &key in &ready {
                self.receive(key, &mut tally)?;
                if enough(&tally) {
                    missing -= 1;
                } else {
                    self.send(key)?;
                }
            }
        }
        self.ready = ready;
        Ok(tally)
    }
}
