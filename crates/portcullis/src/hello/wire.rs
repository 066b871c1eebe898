//! A connection with its two buffers: what was received and not dealt with, and what waits to be sent.
//!
//! Whatever waits is sent before anything is waited for, so that answers to pipelined requests leave together and
//! nothing is held back.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const BLOCK: usize = 16 << 10;
const MUCH: usize = 64 << 10;

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    input: Vec<u8>,
    start: usize,
    /// What waits to be sent.
    pub(super) output: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: Vec::with_capacity(BLOCK), start: 0, output: Vec::with_capacity(BLOCK) }
    }

    /// The connection itself, and what was received and not dealt with. Nothing may wait to be sent.
    pub(super) fn into_parts(mut self) -> (S, Vec<u8>) {
        (self.stream, self.input.split_off(self.start))
    }

    /// What was received and not dealt with.
    pub(super) fn unread(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Forgets the first bytes of what is unread.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
        }
    }

    /// Sends what waits, then receives more; 0 at the end of the connection.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        self.flush().await?;
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.reserve(BLOCK);
        self.stream.read_buf(&mut self.input).await
    }

    /// Receives until so many bytes are unread.
    pub(super) async fn fill_to(&mut self, count: usize) -> io::Result<()> {
        while self.unread().len() < count {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Sends what waits when it is much.
    pub(super) async fn flush_much(&mut self) -> io::Result<()> {
        if self.output.len() >= MUCH { self.flush().await } else { Ok(()) }
    }

    /// Sends what waits, says that nothing follows, and takes what the client still sends, up to a bound: closing
    /// with unread bytes would reset the connection and could take the last answer with it.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);
        self.flush().await?;
        self.stream.shutdown().await?;
        let drain = async {
            while self.input.len() < MUCH && self.stream.read_buf(&mut self.input).await? > 0 {}
            Ok(())
        };
        tokio::time::timeout(PATIENCE, drain).await.unwrap_or(Ok(()))
    }
}
