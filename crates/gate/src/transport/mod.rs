//! Bytes to and from the two peers of an exchange, with TLS or without. Nothing here knows HTTP.

pub(crate) mod alert;
pub(crate) mod client;
pub(crate) mod instance;
pub(crate) mod plain;
pub(crate) mod socket;
mod tls;

use crate::worker::buffers::{Buffer, PIECE};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Where the bytes of a message come from.
pub(crate) trait Source {
    /// What was received and not yet consumed.
    fn received(&self) -> &[u8];

    /// Drops the first `count` bytes of what was received. A buffer that becomes empty may be given back.
    fn consume(&mut self, count: usize);

    /// Receives more, and answers how many bytes; 0 is the end. With `large`, a body is being received.
    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>>;
}

/// Where the bytes of a message go.
pub(crate) trait Sink {
    /// Sends bytes of `lead`, then of `rest`, and answers how many were taken in all.
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>>;

    /// Waits until everything that was taken is with the kernel.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// The most that is kept of what was received and not consumed: a head of the largest size that can be configured.
pub(crate) const LARGEST: usize = 128 << 10;

/// What was received of a peer and not consumed yet. It holds a buffer only while there is something in it.
#[derive(Debug, Default)]
struct Input(Option<Buffer>);

impl Input {
    fn of(received: Buffer) -> Self {
        Self((!received.is_empty()).then_some(received))
    }

    fn received(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], Buffer::data)
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn consume(&mut self, count: usize) {
        if let Some(buffer) = &mut self.0 {
            buffer.consume(count);
            self.give_back();
        }
    }

    /// Lets `receive` fill a buffer in which there is room.
    fn fill(
        &mut self,
        large: bool,
        receive: impl FnOnce(&mut Buffer) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let filled = receive(prepare(&mut self.0, large)?);
        self.give_back();
        filled
    }

    fn give_back(&mut self) {
        if self.0.as_ref().is_some_and(Buffer::is_empty) {
            self.0 = None;
        }
    }
}

/// Prepares `buffer` to receive: there is room afterwards, or the peer sent more than is ever kept.
fn prepare(buffer: &mut Option<Buffer>, large: bool) -> io::Result<&mut Buffer> {
    let held = buffer.get_or_insert_with(|| if large { Buffer::large() } else { Buffer::small() });
    if large && !held.is_large() && held.is_empty() {
        *held = Buffer::large();
    }
    held.make_room();
    if held.len() == held.capacity() {
        let larger = held.capacity() * 2;
        if larger > LARGEST {
            return Err(io::Error::other("more was received than is kept"));
        }
        let mut grown = Buffer::of_at_least(larger);
        grown.append(held.data());
        *held = grown;
    }
    Ok(held)
}

/// Receives bytes of a plain stream into `buffer`.
fn poll_receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    buffer: &mut Buffer,
) -> Poll<io::Result<usize>> {
    let room = buffer.room();
    let piece = room.len().min(PIECE);
    let mut read = ReadBuf::new(&mut room[..piece]);
    match Pin::new(stream).poll_read(context, &mut read) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Ready(Ok(())) => {
            let count = read.filled().len();
            buffer.filled(count);
            Poll::Ready(Ok(count))
        }
    }
}
