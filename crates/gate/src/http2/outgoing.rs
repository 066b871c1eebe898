//! What the engine writes behind a head of HTTP/1.1, read as it is written and sent in frames.

use super::{append, into_io};
use bytes::Bytes;
use h2::{Reason, SendStream};
use http::HeaderMap;
use http1::BodyReader;
use http1::http2::trailer_fields;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// Bytes of one frame of data: with its head it fits into one record of TLS.
const FRAME: usize = (16 << 10) - 9;

/// A body that is being sent.
pub(super) struct Outgoing {
    send: SendStream<Bytes>,
    reader: BodyReader,
    /// Data that waits for more to travel with, and to be told whether it is the last: at most one frame.
    held: Vec<u8>,
    ended: bool,
    /// Frames of data so far.
    frames: Rc<Cell<u64>>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// A body that `reader` reads; `ended` when the head was the end. Its frames are added to `frames`.
    pub(super) fn new(
        send: SendStream<Bytes>,
        reader: BodyReader,
        ended: bool,
        frames: Rc<Cell<u64>>,
    ) -> Self {
        Self { send, reader, held: Vec::new(), ended, frames }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Waits for the peer to reset the stream; for ever, once everything was sent.
    pub(super) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.ended { Poll::Pending } else { self.send.poll_reset(context).map(|_| ()) }
    }

    pub(super) fn reset(&mut self, reason: Reason) {
        if !std::mem::replace(&mut self.ended, true) {
            self.send.send_reset(reason);
        }
    }

    /// Ends a body that ends with its connection.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        if !matches!(self.reader, BodyReader::UntilClose) {
            self.reset(Reason::INTERNAL_ERROR);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.ended = true;
        self.send_data(true)
    }

    /// Takes bytes, as many as the peer's window has room for. Data at their end is held until [`Self::send_held`].
    pub(super) fn poll_take(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // How much data there is is not known before it is decoded, and what is decoded has to be taken: a copy of the
        // reader is asked first.
        let mut asked = self.reader.clone();
        let decoded = asked.decode(bytes).map_err(io::Error::other)?;
        if decoded.end > decoded.start {
            let room = ready!(self.poll_room(context, decoded.end - decoded.start))?;
            let count = decoded.start + room.min(decoded.end - decoded.start);
            return Poll::Ready(self.take_data(&bytes[..count]));
        }
        self.reader = asked;
        self.finish_if_done()?;
        Poll::Ready(Ok(decoded.consumed))
    }

    /// Waits until the peer's window has room, behind what is held or in a frame of its own.
    fn poll_room(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let held = self.held.len();
        if held > 0 && held < FRAME {
            self.send.reserve_capacity((held + wanted).min(FRAME));
            let room = self.send.capacity().min(FRAME).saturating_sub(held);
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
        }
        self.send_held()?;
        self.send.reserve_capacity(wanted.min(FRAME));
        let mut room = self.send.capacity();
        while room == 0 {
            room = match ready!(self.send.poll_capacity(context)) {
                Some(capacity) => capacity.map_err(into_io)?,
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        Poll::Ready(Ok(room.min(FRAME)))
    }

    /// Takes bytes that end with data there is room for.
    fn take_data(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let decoded = self.reader.decode(bytes).map_err(io::Error::other)?;
        self.held.extend_from_slice(&bytes[decoded.start..decoded.end]);
        self.finish_if_done()?;
        Ok(decoded.consumed)
    }

    /// Ends the stream where the body has ended.
    fn finish_if_done(&mut self) -> io::Result<()> {
        if !self.reader.is_done() {
            return Ok(());
        }
        let trailers = trailers(self.reader.trailers())?;
        if trailers.is_empty() {
            self.send_data(true)?;
        } else {
            self.send_held()?;
            self.send.send_trailers(trailers).map_err(into_io)?;
        }
        self.ended = true;
        Ok(())
    }

    /// Sends data that is not the last.
    pub(super) fn send_held(&mut self) -> io::Result<()> {
        if self.held.is_empty() { Ok(()) } else { self.send_data(false) }
    }

    fn send_data(&mut self, last: bool) -> io::Result<()> {
        self.frames.set(self.frames.get() + 1);
        let held = Bytes::from(std::mem::take(&mut self.held));
        self.send.send_data(held, last).map_err(into_io)
    }
}

fn trailers(lines: &[u8]) -> io::Result<HeaderMap> {
    let mut fields = HeaderMap::new();
    for (name, value) in trailer_fields(lines) {
        append(&mut fields, name, value)?;
    }
    Ok(fields)
}
