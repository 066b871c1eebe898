//! Frames written by hand, for what no library would send. They share nothing with what reads them.

use crate::running::Gate;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use testkit::PATIENCE;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// The error of a connection that was too much.
pub(super) const ENHANCE_YOUR_CALM: u32 = 11;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// The bytes of a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field section (RFC 7541) of literal fields that enter no table.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            length(&mut out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// A length with seven bits of prefix.
fn length(out: &mut Vec<u8>, mut value: usize) {
    if value < 127 {
        return out.push(value as u8);
    }
    out.push(127);
    value -= 127;
    while value >= 128 {
        out.push((value % 128 + 128) as u8);
        value /= 128;
    }
    out.push(value as u8);
}

/// The fields of a request for this path.
pub(super) fn get(path: &str) -> Vec<u8> {
    block(&[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)])
}

/// A connection over which frames are sent as they are written.
pub(super) struct Frames(TcpStream);

impl Frames {
    /// Connects and says the preface, with these settings.
    pub(super) fn connect(gate: &Gate, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self::silent(gate.http);
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        frames.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &settings)[..]].concat());
        frames
    }

    /// A connection of a client, whose preface is read and that was told nothing.
    pub(super) fn accepted(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut frames = Self(stream);
        assert!(frames.read(&mut [0; 24]), "the preface");
        frames
    }

    /// Connects and says nothing.
    pub(super) fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// The same connection once more, to be read by another thread.
    pub(super) fn again(&self) -> Self {
        Self(self.0.try_clone().unwrap())
    }

    /// Sends bytes.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes), "the connection was cut");
    }

    /// Sends bytes; `false` when the connection is gone.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> bool {
        match self.0.write_all(bytes) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing was taken in time"),
            Err(_) => false,
        }
    }

    /// Says that nothing more will be sent.
    pub(super) fn end_sending(&self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }

    /// The next frame; `None` at the end of the connection, however it came.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if !self.read(&mut head) {
            return None;
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        let whole = self.read(&mut payload);
        whole.then_some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    fn read(&mut self, into: &mut [u8]) -> bool {
        match self.0.read_exact(into) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came in time")
            }
            Err(_) => false,
        }
    }

    /// The next frame of a kind; others are passed over.
    pub(super) fn find(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.next()).find(|frame| frame.kind == kind)
    }

    /// Reads to the end of the connection; the error that it ended with, if one was said.
    pub(super) fn verdict(&mut self) -> Option<u32> {
        let frames = std::iter::from_fn(|| self.next());
        frames.filter(|frame| frame.kind == GOAWAY).last().map(|frame| error_of(&frame.payload[4..]))
    }
}

/// An error code at the start of these bytes.
pub(super) fn error_of(bytes: &[u8]) -> u32 {
    bytes[..4].try_into().map(u32::from_be_bytes).unwrap()
}
