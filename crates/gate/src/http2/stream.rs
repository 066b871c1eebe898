//! One stream, dressed as a connection of HTTP/1.1 that carries one request.

use super::answer::Answer;
use crate::request::random;
use crate::transport::{Sink, Source};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;
use http1::Refusal;
use http1::http2::{Body, Pseudo, write_request, write_trailer};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// One stream.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    receiving: RecvStream,
    /// What is written in place of what HTTP/2 says in other words: the head, the framing of chunks.
    written: Vec<u8>,
    consumed: usize,
    /// Data as it arrived, behind what is written.
    data: Bytes,
    stage: Stage,
    refused: Option<Refusal>,
    answer: Rc<RefCell<Answer>>,
    tls_version: Option<rustls::ProtocolVersion>,
}

/// How far the request was read.
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

/// Waits for the client to give up a request.
#[derive(Debug)]
pub(crate) struct Watch(Rc<RefCell<Answer>>);

impl Watch {
    pub(crate) fn poll_given_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.borrow_mut().poll_reset(context)
    }
}

impl Http2Stream {
    /// A stream whose request came just now, over TLS of this version.
    pub(crate) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        tls_version: Option<rustls::ProtocolVersion>,
    ) -> Self {
        let (parts, receiving) = request.into_parts();
        let ends = receiving.is_end_stream();
        let websocket = parts.extensions.get::<h2::ext::Protocol>().map(|protocol| protocol.as_str());
        let key = websocket.filter(|protocol| *protocol == "websocket").map(|_| websocket_key());
        let mut written = Vec::new();
        let refused = write_head(&mut written, &parts, key.as_deref(), ends).err();
        let stage = match (&key, ends || parts.headers.contains_key(http::header::CONTENT_LENGTH)) {
            (None, false) => Stage::Chunked { first: true },
            _ => Stage::Plain,
        };
        let answer = Answer::new(respond, parts.method == http::Method::HEAD, key);
        Self {
            receiving,
            written,
            consumed: 0,
            data: Bytes::new(),
            stage,
            refused,
            answer: Rc::new(RefCell::new(answer)),
            tls_version,
        }
    }

    pub(crate) fn tls_version(&self) -> Option<rustls::ProtocolVersion> {
        self.tls_version
    }

    /// Why its request is no head that could be read.
    pub(crate) fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// What notices that the client gives up the request.
    pub(crate) fn watch(&self) -> Watch {
        Watch(Rc::clone(&self.answer))
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.answer.borrow_mut().end()
    }

    /// Whether the answer was sent to its end.
    pub(crate) fn is_answered(&self) -> bool {
        self.answer.borrow().is_ended()
    }

    /// Breaks the stream off, so that what was sent of the answer does not look complete.
    pub(crate) fn abort(&mut self) {
        self.answer.borrow_mut().reset(Reason::INTERNAL_ERROR);
    }

    fn is_written_consumed(&self) -> bool {
        self.consumed == self.written.len()
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
        self.received_length()
    }

    fn restart_written(&mut self) {
        self.written.clear();
        self.consumed = 0;
    }

    fn received_length(&self) -> usize {
        self.written.len() - self.consumed + self.data.len()
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

impl Source for Http2Stream {
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
        // The client may send as much again. That fails where the stream has ended, and then nobody waits for it.
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

impl Sink for Http2Stream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        self.answer.borrow_mut().poll_send(context, lead, rest)
    }

    /// What was taken is with the library, which sends it when the connection is polled.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn write_head(
    out: &mut Vec<u8>,
    parts: &http::request::Parts,
    key: Option<&str>,
    ends: bool,
) -> Result<(), Refusal> {
    let pseudo = Pseudo {
        method: parts.method.as_str().as_bytes(),
        scheme: parts.uri.scheme_str().map(str::as_bytes),
        authority: parts.uri.authority().map(|authority| authority.as_str().as_bytes()),
        path: parts.uri.path_and_query().map_or(&b"/"[..], |target| target.as_str().as_bytes()),
        websocket: key.map(str::as_bytes),
    };
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    write_request(out, &pseudo, fields, if ends { Body::None } else { Body::Follows })
}

/// A key of the handshake that HTTP/2 does without (RFC 6455 section 4.1): sixteen bytes in base64. They prove nothing
/// to anybody but ourselves.
fn websocket_key() -> String {
    STANDARD.encode([random().to_ne_bytes(), random().to_ne_bytes()].concat())
}

/// An error of the library as one of a stream of bytes.
pub(super) fn into_io(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
