//! Moving one body from one peer to the other: decoded on one side, framed anew on the other, with back-pressure and
//! without copies where the kernel can take the bytes as they lie.

use crate::transport::{Sink, Source};
use http1::{BodyReader, Refusal, write};
use std::io;
use std::task::{Context, Poll};

/// Bytes of a chunk that is copied rather than sent as it lies.
const SMALL_CHUNK: usize = 2 << 10;
/// Bytes that are gathered at most before they are sent.
const MAX_GATHERED: usize = 16 << 10;

/// How a body is framed where it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As it is: its length was announced, or it ends with the connection.
    #[default]
    Plain,
    /// In chunks.
    Chunked,
}

/// Why a body could not be moved to its end.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The peer that sends it failed.
    Source(io::Error),
    /// The peer that receives it failed.
    Sink(io::Error),
    /// It is not framed as it should be.
    Refused(Refusal),
    /// It is larger than it may be.
    TooLarge,
}

/// What a pump that cannot go on waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// For bytes.
    OnSource,
    /// For room.
    OnSink,
}

/// Moves one message: what stands in its lead (the head), then the body.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    framing: Framing,
    /// Bytes to send before anything else: the head, then the framing of chunks.
    pub(crate) lead: Vec<u8>,
    lead_sent: usize,
    /// How many bytes at the front of what was received are data that may be sent.
    run: usize,
    /// Whether the end of the body stands in the lead.
    finished: bool,
    /// Bytes of the body so far.
    pub(crate) body_bytes: u64,
    limit: Option<u64>,
    /// Bytes sent so far, framing included.
    pub(crate) sent: u64,
    pub(crate) blocked: Option<Blocked>,
}

impl Pump {
    /// Starts anew; the head is to be written into `lead` then.
    pub(crate) fn reset(&mut self, framing: Framing, limit: Option<u64>) {
        self.lead.clear();
        self.framing = framing;
        self.lead_sent = 0;
        self.run = 0;
        self.finished = false;
        self.body_bytes = 0;
        self.limit = limit;
        self.sent = 0;
        self.blocked = None;
    }

    /// Starts anew with nothing to send.
    pub(crate) fn reset_lead(&mut self) {
        self.reset(Framing::Plain, None);
    }

    /// Whether any byte was taken by the sink.
    pub(crate) fn started(&self) -> bool {
        self.sent > 0
    }

    /// Gives up what is left of the message. What its reader has already counted as read goes, unsent: left where it
    /// was received, it would be read once more, as the rest of the body or as the next message.
    pub(crate) fn abandon(&mut self, source: &mut impl Source) {
        source.consume(std::mem::take(&mut self.run));
    }

    /// Moves as much as it can; ready when the message is with the kernel.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut BodyReader,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), PumpError>> {
        loop {
            self.decode(reader, source)?;
            if self.lead_sent < self.lead.len() || self.run > 0 {
                match self.poll_send(context, source, sink) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Sink(error))),
                    Poll::Pending => return self.wait(Blocked::OnSink),
                }
            }
            if self.finished {
                return match sink.poll_flush(context) {
                    Poll::Ready(done) => Poll::Ready(done.map_err(PumpError::Sink)),
                    Poll::Pending => self.wait(Blocked::OnSink),
                };
            }
            match source.poll_fill(context, true) {
                Poll::Ready(Ok(0)) => reader.end().map_err(PumpError::Refused)?,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Source(error))),
                Poll::Pending => return self.wait_for_source(context, sink),
            }
        }
    }

    fn wait<T>(&mut self, blocked: Blocked) -> Poll<T> {
        self.blocked = Some(blocked);
        Poll::Pending
    }

    /// Nothing is held back while more is awaited: event streams depend on it.
    fn wait_for_source(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), PumpError>> {
        match sink.poll_flush(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Sink(error))),
            Poll::Ready(Ok(())) => self.wait(Blocked::OnSource),
            Poll::Pending => self.wait(Blocked::OnSink),
        }
    }

    /// Finds the next run of data, once the one before is sent.
    fn decode(&mut self, reader: &mut BodyReader, source: &mut impl Source) -> Result<(), PumpError> {
        while self.run == 0 && !self.finished {
            if reader.is_done() {
                self.finish(reader);
                return Ok(());
            }
            let decoded = reader.decode(source.received()).map_err(PumpError::Refused)?;
            if decoded.consumed == 0 {
                return Ok(());
            }
            source.consume(decoded.start);
            // What is consumed behind the data is framing that the next call sees as read.
            debug_assert_eq!(decoded.consumed, decoded.end, "a run of data ends what is consumed");
            self.begin_run(decoded.end - decoded.start)?;
            self.gather(source);
        }
        Ok(())
    }

    /// Small chunks are copied next to their framing, so that several of them, the last one and the head travel
    /// together.
    fn gather(&mut self, source: &mut impl Source) {
        if self.framing == Framing::Chunked && self.run <= SMALL_CHUNK && self.lead.len() < MAX_GATHERED {
            self.lead.extend_from_slice(&source.received()[..self.run]);
            source.consume(std::mem::take(&mut self.run));
        }
    }

    fn begin_run(&mut self, length: usize) -> Result<(), PumpError> {
        if length == 0 {
            return Ok(());
        }
        self.run = length;
        self.body_bytes += length as u64;
        if self.limit.is_some_and(|limit| self.body_bytes > limit) {
            return Err(PumpError::TooLarge);
        }
        if self.framing == Framing::Chunked {
            self.tidy_lead();
            // The end of the chunk before stands in front of the size of this one.
            if self.body_bytes > length as u64 {
                write::end(&mut self.lead);
            }
            write::chunk_start(&mut self.lead, length);
        }
        Ok(())
    }

    fn finish(&mut self, reader: &BodyReader) {
        self.finished = true;
        if self.framing == Framing::Chunked {
            self.tidy_lead();
            if self.body_bytes > 0 {
                write::end(&mut self.lead);
            }
            write::last_chunk(&mut self.lead, reader.trailers());
        }
    }

    /// Forgets the part of the lead that was sent.
    fn tidy_lead(&mut self) {
        if self.lead_sent == self.lead.len() {
            self.lead.clear();
            self.lead_sent = 0;
        }
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
    ) -> Poll<io::Result<()>> {
        let lead = &self.lead[self.lead_sent..];
        let sent = match sink.poll_send(context, lead, &source.received()[..self.run]) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(sent)) => sent,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        self.sent += sent as u64;
        let of_lead = sent.min(lead.len());
        self.lead_sent += of_lead;
        self.run -= sent - of_lead;
        source.consume(sent - of_lead);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    struct Received(Vec<u8>);

    impl Source for Received {
        fn received(&self) -> &[u8] {
            &self.0
        }

        fn consume(&mut self, count: usize) {
            self.0.drain(..count);
        }

        fn poll_fill(&mut self, _: &mut Context<'_>, _: bool) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    /// Takes so many bytes and no more.
    struct Full(usize);

    impl Sink for Full {
        fn poll_send(&mut self, _: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
            match self.0.min(lead.len() + rest.len()) {
                0 => Poll::Pending,
                count => {
                    self.0 -= count;
                    Poll::Ready(Ok(count))
                }
            }
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_an_abandoned_message_counted_as_read_is_not_read_again() {
        const NEXT: &[u8] = b"GET / HTTP/1.1\r\n";
        for taken in 0..=10 {
            for (length, left) in [(10, None), (30, Some(20))] {
                let mut source = Received(b"0123456789".to_vec());
                if left.is_none() {
                    source.0.extend_from_slice(NEXT);
                }
                let mut reader = BodyReader::Exact(length);
                let mut pump = Pump::default();
                let context = &mut Context::from_waker(Waker::noop());
                let _ = pump.poll(context, &mut reader, &mut source, &mut Full(taken));
                pump.abandon(&mut source);
                assert_eq!(source.received(), if left.is_none() { NEXT } else { b"" }, "{taken} of {length}");
                assert_eq!(matches!(reader, BodyReader::Exact(20)), left.is_some(), "{taken} of {length}");
            }
        }
    }
}
