//! One stream, dressed as a connection of HTTP/1.1 that carries one request.

use super::answer::Answer;
use super::incoming::Incoming;
use super::websocket;
use super::wire::Wire;
use crate::transport::{Sink, Source};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;
use http1::Refusal;
use http1::http2::{Body, Pseudo, write_request};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// One stream.
#[derive(Debug)]
pub(crate) struct Http2Stream {
    incoming: Incoming,
    refused: Option<Refusal>,
    answer: Rc<RefCell<Answer>>,
    tls_version: Option<rustls::ProtocolVersion>,
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
    /// A stream whose request came just now, over TLS of this version if any.
    pub(crate) fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        wire: &Wire,
        tls_version: Option<rustls::ProtocolVersion>,
    ) -> Self {
        let (parts, receiving) = request.into_parts();
        let ends = receiving.is_end_stream();
        let protocol = parts.extensions.get::<h2::ext::Protocol>().map(|protocol| protocol.as_str());
        let key = protocol.filter(|protocol| *protocol == "websocket").map(|_| websocket::key());
        let mut written = Vec::new();
        let refused = write_head(&mut written, &parts, key.as_deref(), ends).err();
        let announced = ends || parts.headers.contains_key(http::header::CONTENT_LENGTH);
        let incoming = Incoming::new(written, receiving, key.is_none() && !announced);
        let answer = Answer::new(respond, parts.method == http::Method::HEAD, key, wire.frames());
        Self { incoming, refused, answer: Rc::new(RefCell::new(answer)), tls_version }
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
}

impl Source for Http2Stream {
    fn received(&self) -> &[u8] {
        self.incoming.received()
    }

    fn consume(&mut self, count: usize) {
        self.incoming.consume(count);
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        self.incoming.poll_fill(context, large)
    }
}

impl Sink for Http2Stream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        self.answer.borrow_mut().poll_send(context, lead, rest)
    }

    /// Hands what was taken to the library, which sends it when the connection is polled.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.answer.borrow_mut().flush())
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
