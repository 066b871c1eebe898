//! What a peer sends on a stream, as the bytes of HTTP/1.1: the head was written from its fields, data of unknown
//! length arrives in chunks, and trailers behind the last of them.

use super::into_io;
use crate::transport::Source;
use bytes::{Buf, Bytes};
use h2::RecvStream;
use http1::http2::write_trailer;
use std::io;
use std::task::{Context, Poll, ready};

/// How far a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Data arrives, and is handed on as it is.
    Plain,
    /// Data arrives whose length nobody announced. `first` is true until a chunk was written.
    Chunked {
        first: bool,
    },
    Ended,
}

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Incoming {
    receiving: RecvStream,
    /// What is written in place of what HTTP/2 says in other words: the head, the framing of chunks.
    written: Vec<u8>,
    consumed: usize,
    /// Data as it arrived, behind what is written.
    data: Bytes,
    stage: Stage,
}

impl Incoming {
    /// A message whose head is written; with `chunked` it announces chunks.
    pub(super) fn new(head: Vec<u8>, receiving: RecvStream, chunked: bool) -> Self {
        let stage = if chunked { Stage::Chunked { first: true } } else { Stage::Plain };
        Self { receiving, written: head, consumed: 0, data: Bytes::new(), stage }
    }

    fn is_written_consumed(&self) -> bool {
        self.consumed == self.written.len()
    }

    fn restart_written(&mut self) {
        self.written.clear();
        self.consumed = 0;
    }

    /// Puts a frame of data where it is read.
    fn take_data(&mut self, data: Bytes) -> usize {
        self.restart_written();
        if let Stage::Chunked { first } = &mut self.stage {
            if !std::mem::take(first) {
                http1::write::end(&mut self.written);
            }
            http1::write::chunk_start(&mut self.written, data.len());
        }
        self.data = data;
        self.written.len() + self.data.len()
    }

    /// The end of the body: trailers go behind the last chunk.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let trailers = ready!(self.receiving.poll_trailers(context)).map_err(into_io)?;
        self.restart_written();
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if let Stage::Chunked { first } = stage {
            let mut lines = Vec::new();
            for (name, value) in trailers.iter().flatten() {
                write_trailer(&mut lines, name.as_str().as_bytes(), value.as_bytes())
                    .map_err(io::Error::other)?;
            }
            if !first {
                http1::write::end(&mut self.written);
            }
            http1::write::last_chunk(&mut self.written, &lines);
        }
        Poll::Ready(Ok(self.written.len()))
    }
}

impl Source for Incoming {
    fn received(&self) -> &[u8] {
        if self.is_written_consumed() { &self.data } else { &self.written[self.consumed..] }
    }

    fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        if !self.is_written_consumed() {
            self.consumed += count;
            return;
        }
        self.data.advance(count);
        // The peer may send as much again. That fails where the stream has ended, and then nobody waits for it.
        let _ = self.receiving.flow_control().release_capacity(count);
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, _large: bool) -> Poll<io::Result<usize>> {
        if !self.received().is_empty() {
            return Poll::Ready(Err(io::Error::other("what was received is not consumed")));
        }
        while self.stage != Stage::Ended {
            match ready!(self.receiving.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => return Poll::Ready(Ok(self.take_data(data))),
                Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
                None => return self.poll_end(context),
            }
        }
        Poll::Ready(Ok(0))
    }
}
