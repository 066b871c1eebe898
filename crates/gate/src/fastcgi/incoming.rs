//! What an application answers in records, as the bytes of HTTP/1.1: its head is written anew, a body whose length it
//! does not tell arrives in chunks. Bytes of the body stay where they were received.

use super::Refused;
use crate::transport::instance::InstanceStream;
use crate::transport::{LARGEST, Source};
use http1::cgi;
use std::io;
use std::task::{Context, Poll, ready};
use wire::fastcgi::{End, Found, ProtocolStatus, RecordReader};

/// Bytes that an application may say to its operator for each request; the rest is counted.
const SAID: usize = 4 << 10;

/// An answer that is being received.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    reader: RecordReader,
    stage: Stage,
    to_head: bool,
    /// What is written in place of what CGI says in other words.
    written: Vec<u8>,
    consumed: usize,
    /// Bytes of the body at the front of what the connection received.
    run: usize,
    said: Vec<u8>,
    unsaid: usize,
}

#[derive(Debug)]
enum Stage {
    /// The head, as far as it came.
    Head(Vec<u8>),
    /// The body is handed on as it is: its length was told.
    Plain,
    /// The body is handed on in chunks. `first` is true until one was written.
    Chunked { first: bool },
    /// Nothing more is handed on.
    Ended,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

impl Incoming {
    /// Learns what the request asks for.
    pub(super) fn asked(&mut self, to_head: bool, expects_continue: bool) {
        self.to_head = to_head;
        if expects_continue {
            // An application cannot say so, and takes whatever comes.
            self.written.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// What the application said to its operator since this was asked last.
    pub(super) fn take_said(&mut self) -> Option<String> {
        if self.said.is_empty() {
            return None;
        }
        let mut text = String::from_utf8_lossy(&std::mem::take(&mut self.said)).trim_end().to_owned();
        let unsaid = std::mem::take(&mut self.unsaid);
        if unsaid > 0 {
            text.push_str(&format!(" (and {unsaid} bytes more)"));
        }
        Some(text)
    }

    pub(super) fn received<'a>(&'a self, carrier: &'a InstanceStream) -> &'a [u8] {
        match &self.written[self.consumed..] {
            [] => &carrier.received()[..self.run],
            written => written,
        }
    }

    pub(super) fn consume(&mut self, count: usize, carrier: &mut InstanceStream) {
        if self.consumed < self.written.len() {
            self.consumed += count;
        } else {
            carrier.consume(count);
            self.run -= count;
        }
    }

    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        large: bool,
        carrier: &mut InstanceStream,
    ) -> Poll<io::Result<usize>> {
        if !self.received(carrier).is_empty() {
            return Poll::Ready(Err(io::Error::other("what was received is not consumed")));
        }
        self.written.clear();
        self.consumed = 0;
        loop {
            if carrier.received().is_empty() && !self.reader.is_over() {
                match ready!(carrier.poll_fill(context, large)) {
                    Ok(0) => return Poll::Ready(self.closed(io::ErrorKind::UnexpectedEof)),
                    Ok(_) => {}
                    // A process that dies before it has read everything leaves this.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Poll::Ready(self.closed(error.kind()));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            let record = self.reader.read(carrier.received()).map_err(io::Error::other)?;
            let content = &carrier.received()[record.start..record.consumed];
            match (record.found, &mut self.stage) {
                (Found::Stdout, Stage::Plain | Stage::Chunked { .. }) => {
                    self.run = content.len();
                    carrier.consume(record.start);
                    self.begin_chunk(self.run);
                    return Poll::Ready(Ok(self.written.len() + self.run));
                }
                (Found::Stdout, Stage::Head(head)) => {
                    head.extend_from_slice(content);
                    carrier.consume(record.consumed);
                    if self.take_head(record.consumed - record.start)? {
                        return Poll::Ready(Ok(self.written.len()));
                    }
                }
                (Found::Stderr, _) => {
                    hear(content, &mut self.said, &mut self.unsaid);
                    carrier.consume(record.consumed);
                }
                (Found::End(end), _) => {
                    carrier.consume(record.consumed);
                    return Poll::Ready(self.finish(end));
                }
                (Found::Nothing, _) | (Found::Stdout, Stage::Ended) => carrier.consume(record.consumed),
            }
        }
    }

    /// Writes the head, once it is complete, and what came behind it. `arrived` bytes were added last.
    fn take_head(&mut self, arrived: usize) -> io::Result<bool> {
        let Stage::Head(head) = &mut self.stage else { return Ok(false) };
        let Some(length) = cgi::head_length(head, head.len() - arrived) else {
            return if head.len() > LARGEST {
                Err(io::Error::other("the head of the answer is longer than is kept"))
            } else {
                Ok(false)
            };
        };
        let head = std::mem::take(head);
        let chunked = cgi::write_response(&mut self.written, &head[..length], self.to_head)
            .map_err(io::Error::other)?;
        self.stage = if chunked {
            Stage::Chunked { first: true }
        } else {
            // Without a body nobody reads on.
            Stage::Plain
        };
        let body = &head[length..];
        if !body.is_empty() {
            self.begin_chunk(body.len());
            self.written.extend_from_slice(body);
        }
        Ok(true)
    }

    fn begin_chunk(&mut self, length: usize) {
        if let Stage::Chunked { first } = &mut self.stage {
            if !std::mem::take(first) {
                http1::write::end(&mut self.written);
            }
            http1::write::chunk_start(&mut self.written, length);
        }
    }

    /// The end of the request.
    fn finish(&mut self, end: End) -> io::Result<usize> {
        match end.protocol {
            ProtocolStatus::Complete => {}
            ProtocolStatus::Overloaded => return Err(io::Error::other(Refused::Overloaded)),
            ProtocolStatus::CannotMultiplex => {
                return Err(io::Error::other("the application says that it serves another request here"));
            }
            ProtocolStatus::UnknownRole => {
                return Err(io::Error::other("the application says that it is no responder"));
            }
        }
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Head(_) => {
                let status = end.application;
                Err(io::Error::other(format!("the application ended without an answer (status {status})")))
            }
            Stage::Chunked { first } => {
                if !first {
                    http1::write::end(&mut self.written);
                }
                http1::write::last_chunk(&mut self.written, &[]);
                Ok(self.written.len())
            }
            Stage::Plain | Stage::Ended => Ok(0),
        }
    }

    /// The connection was closed.
    fn closed(&self, kind: io::ErrorKind) -> io::Result<usize> {
        let text = match &self.stage {
            Stage::Head(head) if head.is_empty() => "before its answer",
            Stage::Head(_) => "in the head of its answer",
            Stage::Plain | Stage::Chunked { .. } => "amid its answer",
            Stage::Ended => return Ok(0),
        };
        let text = format!("the application closed the connection {text}; its own log may say why");
        Err(io::Error::new(kind, text))
    }

    /// Waits for the end of a request whose answer is complete; `false` where nothing may follow on this connection.
    pub(super) fn poll_over(
        &mut self,
        context: &mut Context<'_>,
        carrier: &mut InstanceStream,
    ) -> Poll<bool> {
        if !self.received(carrier).is_empty() {
            return Poll::Ready(false);
        }
        while !self.reader.is_over() {
            if carrier.received().is_empty() && !matches!(ready!(carrier.poll_fill(context, false)), Ok(1..))
            {
                return Poll::Ready(false);
            }
            let Ok(record) = self.reader.read(carrier.received()) else { return Poll::Ready(false) };
            match record.found {
                Found::Stdout => return Poll::Ready(false),
                Found::Stderr => {
                    let content = &carrier.received()[record.start..record.consumed];
                    hear(content, &mut self.said, &mut self.unsaid);
                }
                Found::Nothing | Found::End(_) => {}
            }
            carrier.consume(record.consumed);
        }
        Poll::Ready(true)
    }
}

/// Keeps what an application says to its operator, as far as there is room, and counts the rest.
fn hear(content: &[u8], said: &mut Vec<u8>, unsaid: &mut usize) {
    let kept = content.len().min(SAID - said.len());
    said.extend_from_slice(&content[..kept]);
    *unsaid += content.len() - kept;
}
