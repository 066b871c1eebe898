//! Bytes of a connection, one by one or in blocks, every one of them recorded.

use std::io::{self, Read};

/// Why a message could not be read.
#[derive(Debug)]
pub enum Broken {
    /// The connection failed, timed out, or ended in the middle of a message.
    Connection(io::Error),
    /// The bytes are no message; with the reason.
    Grammar(String),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(error) => write!(f, "connection: {error}"),
            Self::Grammar(reason) => write!(f, "not strict: {reason}"),
        }
    }
}

impl std::error::Error for Broken {}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Connection(error)
    }
}

pub(super) fn wrong<T>(reason: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Grammar(reason.into()))
}

/// The reading half of a connection.
#[derive(Debug)]
pub struct Source<R> {
    inner: R,
    buffer: Vec<u8>,
    next: usize,
    taken: Vec<u8>,
}

impl<R: Read> Source<R> {
    /// Starts with the first byte of a connection.
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), next: 0, taken: Vec::new() }
    }

    /// The connection itself.
    pub fn connection(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Every byte since the last call.
    pub fn take_record(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.taken)
    }

    /// What was received and not read yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.next..]
    }

    /// Whether the peer ended the connection here, between two messages.
    ///
    /// # Errors
    /// When the connection fails or the time is up.
    pub fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.unread().is_empty() && self.fill()? == 0)
    }

    /// Everything up to the end of the connection.
    ///
    /// # Errors
    /// When the connection fails or the time is up.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        let rest = self.unread().to_vec();
        self.advance(rest.len());
        Ok(rest)
    }

    /// Exactly so many bytes.
    ///
    /// # Errors
    /// When the connection fails or ends before, or the time is up.
    pub fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread().len() < count {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let bytes = self.unread()[..count].to_vec();
        self.advance(count);
        Ok(bytes)
    }

    /// A line that ends in CR LF, without them. No other CR or LF may be in it.
    pub(super) fn line(&mut self) -> Result<Vec<u8>, Broken> {
        let mut line = Vec::new();
        loop {
            match self.exactly(1)?[0] {
                b'\r' if self.exactly(1)? == b"\n" => return Ok(line),
                b'\r' => return wrong(format!("a bare CR after {:?}", line.escape_ascii().to_string())),
                b'\n' => return wrong(format!("a bare LF after {:?}", line.escape_ascii().to_string())),
                byte => line.push(byte),
            }
        }
    }

    fn advance(&mut self, count: usize) {
        self.taken.extend_from_slice(&self.buffer[self.next..self.next + count]);
        self.next += count;
        if self.next == self.buffer.len() {
            self.buffer.clear();
            self.next = 0;
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut block = [0; 16 << 10];
        loop {
            match self.inner.read(&mut block) {
                Ok(count) => {
                    self.buffer.extend_from_slice(&block[..count]);
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
