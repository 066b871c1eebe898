//! A body on its way through an encoder: a [`Source`] that reads another. Knows neither heads nor sockets.
//!
//! Encoded bytes are given out when a buffer of them is full, when the instance has nothing more for now (everything
//! it sent is flushed then, so a slow stream is not held back), and at the end. A body that breaks off is an error
//! and never ends well; trailers are dropped.

use super::encoder::{Encoder, Goal};
use crate::coding::Coding;
use crate::transport::Source;
use crate::worker::buffers::Buffer;
use http1::{BodyReader, Refusal};
use std::io;
use std::task::{Context, Poll, ready};
use tokio::task::coop;

/// Bytes that are encoded for one unit of the task's budget. A receive or a send costs a unit too, so a task encodes
/// half a mebibyte at most, some milliseconds, before others have their turn.
const SLICE: usize = 4 << 10;

/// What is kept of a body from poll to poll.
#[derive(Debug)]
pub(crate) struct Compressor {
    encoder: Encoder,
    /// What was made and not yet sent.
    output: Option<Buffer>,
    /// How many bytes at the front of what the source received are data.
    run: usize,
    phase: Phase,
    /// Whether the encoder may hold bytes back that it took.
    held: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Reading,
    Flushing,
    Ending,
    Ended,
}

/// A body that is read from `source` and comes out encoded.
#[derive(Debug)]
pub(crate) struct Compressed<'a, S> {
    compressor: &'a mut Compressor,
    reader: &'a mut BodyReader,
    source: &'a mut S,
}

impl Compressor {
    /// For a body of this length, if that is known; `None` when there is no memory for an encoder.
    pub(crate) fn new(coding: Coding, length: Option<u64>) -> Option<Self> {
        let encoder = Encoder::new(coding, length)?;
        Some(Self { encoder, output: None, run: 0, phase: Phase::Reading, held: false })
    }

    /// The body that `reader` finds in `source`, which have to be the same in every poll.
    pub(crate) fn over<'a, S: Source>(
        &'a mut self,
        reader: &'a mut BodyReader,
        source: &'a mut S,
    ) -> Compressed<'a, S> {
        Compressed { compressor: self, reader, source }
    }

    fn has_room(&mut self) -> bool {
        self.output.as_mut().is_none_or(|output| !output.room().is_empty())
    }

    /// Runs the encoder, and answers how much of `input` it took and whether the goal is reached.
    fn encode(&mut self, goal: Goal, input: &[u8]) -> io::Result<(usize, bool)> {
        let output = self.output.get_or_insert_with(Buffer::large);
        let progress = self.encoder.run(goal, input, output.room())?;
        output.filled(progress.made);
        Ok((progress.taken, progress.done))
    }
}

impl<S: Source> Compressed<'_, S> {
    /// Encodes until a buffer is full or the body has ended; pending when the instance has no more for now or others
    /// have their turn.
    fn poll_encode(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.compressor.has_room() {
            match self.compressor.phase {
                Phase::Reading => ready!(self.poll_read(context))?,
                Phase::Flushing => {
                    if self.compressor.encode(Goal::Flush, &[])?.1 {
                        self.compressor.held = false;
                        self.compressor.phase = Phase::Reading;
                    }
                }
                Phase::Ending => {
                    if self.compressor.encode(Goal::End, &[])?.1 {
                        self.compressor.phase = Phase::Ended;
                    }
                }
                Phase::Ended => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Encodes a slice of what was received, or receives more.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.find_run()?;
        if self.compressor.run > 0 {
            ready!(coop::poll_proceed(context)).made_progress();
            return Poll::Ready(self.encode_slice());
        }
        if self.reader.is_done() {
            self.compressor.phase = Phase::Ending;
            return Poll::Ready(Ok(()));
        }
        match self.source.poll_fill(context, true) {
            Poll::Ready(Ok(0)) => Poll::Ready(self.reader.end().map_err(refused)),
            Poll::Ready(filled) => Poll::Ready(filled.map(|_| ())),
            // Without budget the source says that it has nothing whether or not that is so.
            Poll::Pending if self.compressor.held && coop::has_budget_remaining() => {
                self.compressor.phase = Phase::Flushing;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Finds the next run of data, once the one before is encoded.
    fn find_run(&mut self) -> io::Result<()> {
        while self.compressor.run == 0 && !self.reader.is_done() {
            let decoded = self.reader.decode(self.source.received()).map_err(refused)?;
            if decoded.consumed == 0 {
                break;
            }
            debug_assert_eq!(decoded.consumed, decoded.end, "a run of data ends what is consumed");
            self.source.consume(decoded.start);
            self.compressor.run = decoded.end - decoded.start;
        }
        Ok(())
    }

    fn encode_slice(&mut self) -> io::Result<()> {
        let slice = self.compressor.run.min(SLICE);
        let (taken, _) = self.compressor.encode(Goal::Take, &self.source.received()[..slice])?;
        self.source.consume(taken);
        self.compressor.run -= taken;
        self.compressor.held = true;
        Ok(())
    }
}

impl<S: Source> Source for Compressed<'_, S> {
    fn received(&self) -> &[u8] {
        self.compressor.output.as_ref().map_or(&[], Buffer::data)
    }

    fn consume(&mut self, count: usize) {
        if let Some(output) = &mut self.compressor.output {
            output.consume(count);
            if output.is_empty() {
                self.compressor.output = None;
            }
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, _: bool) -> Poll<io::Result<usize>> {
        if let Some(output) = &mut self.compressor.output {
            output.make_room();
        }
        if !self.compressor.has_room() {
            return Poll::Ready(Err(io::Error::other("more was made than is kept")));
        }
        let before = self.received().len();
        let polled = self.poll_encode(context);
        let made = self.received().len() - before;
        // A buffer that nothing was put into goes back.
        self.consume(0);
        match polled {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if made == 0 => Poll::Pending,
            _ => Poll::Ready(Ok(made)),
        }
    }
}

/// A refusal on its way through [`Source`], which knows errors of transport alone.
fn refused(refusal: Refusal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, refusal)
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
