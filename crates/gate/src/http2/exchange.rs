//! One stream to an instance, dressed as a connection of HTTP/1.1 that carries one exchange.

use super::head::{Collected, poll_each};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::{append, into_io, websocket};
use crate::transport::{Sink, Source};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http1::http2::{Answered, write_interim, write_response, write_switch};
use http1::{BodyLength, BodyReader, HeadLimits, Known, MAX_FIELDS, Upgrade};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::sync::Notify;

/// What a request of ours may be; what a client said was judged before.
const LIMITS: HeadLimits =
    HeadLimits { bytes: 256 << 10, fields: MAX_FIELDS, first_line: 128 << 10, underscores: true };

/// One exchange.
pub(crate) struct Http2Exchange {
    stage: Stage,
    scheme: &'static str,
    /// What is known of the head until it is complete.
    head: Collected,
    to_head: bool,
    /// What answers the handshake of a WebSocket, which the instance is not told of.
    websocket: Option<String>,
    /// The head of an interim response, while it is read.
    interim: Vec<u8>,
    consumed: usize,
    answer: Option<ResponseFuture>,
    incoming: Option<Incoming>,
    refused: bool,
    _place: Place,
}

/// Counts an exchange at its connection, and tells who waits for a place when this one is free.
pub(crate) struct Place {
    _of: Rc<()>,
    freed: Rc<Notify>,
}

impl Place {
    /// A place on a connection that counts the owners of `of`.
    pub(crate) fn new(of: &Rc<()>, freed: &Rc<Notify>) -> Self {
        Self { _of: Rc::clone(of), freed: Rc::clone(freed) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever is told looks later, when it is counted no more.
        self.freed.notify_one();
    }
}

enum Stage {
    Head(SendRequest<Bytes>),
    Body(Outgoing),
}

impl std::fmt::Debug for Http2Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2Exchange").field("answered", &self.incoming.is_some()).finish_non_exhaustive()
    }
}

impl Http2Exchange {
    pub(crate) fn new(sender: SendRequest<Bytes>, tls: bool, place: Place) -> Self {
        Self {
            stage: Stage::Head(sender),
            scheme: if tls { "https" } else { "http" },
            head: Collected::default(),
            to_head: false,
            websocket: None,
            interim: Vec::new(),
            consumed: 0,
            answer: None,
            incoming: None,
            refused: false,
            _place: place,
        }
    }

    /// Whether the instance said that it has not looked at the request (RFC 9113 section 8.7).
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Whether the instance takes WebSockets.
    pub(crate) fn takes_websockets(&self) -> bool {
        matches!(&self.stage, Stage::Head(sender) if sender.is_extended_connect_protocol_enabled())
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Body(outgoing) => outgoing.end(),
            Stage::Head(_) => Ok(()),
        }
    }

    /// Takes bytes of a head, and sends it once it is complete.
    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, head) = self.head.take(bytes, &LIMITS)?;
        if let Some(head) = head {
            let mut request = http1::Request::default();
            request.parse(&head, &LIMITS).map_err(io::Error::other)?;
            self.send_head(&request, &head)?;
        }
        Ok(taken)
    }

    fn send_head(&mut self, request: &http1::Request, head: &[u8]) -> io::Result<()> {
        let Stage::Head(sender) = &mut self.stage else { return Ok(()) };
        if request.upgrade == Upgrade::WebSocket {
            let key = request.fields.only(Known::SecWebSocketKey, head).unwrap_or_default();
            self.websocket = Some(websocket::accept(key));
        }
        self.to_head = request.method.of(head) == b"HEAD";
        let body = if self.websocket.is_some() { BodyLength::UntilClose } else { request.body };
        let ends = matches!(body, BodyLength::None | BodyLength::Exact(0));
        let message = message(request, head, self.scheme)?;
        let sent = sender.send_request(message, ends);
        let (answer, send) = sent.map_err(|error| {
            // Nothing of it was sent.
            self.refused = true;
            into_io(error)
        })?;
        self.answer = Some(answer);
        self.stage = Stage::Body(Outgoing::new(send, BodyReader::new(body), ends, Rc::default()));
        Ok(())
    }

    /// Waits for the head of the response, interim ones included, and writes it where it is read.
    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        if let Poll::Ready(Some(Ok(interim))) = answer.poll_informational(context) {
            let fields =
                interim.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
            self.interim.clear();
            self.consumed = 0;
            write_interim(&mut self.interim, interim.status().as_u16(), fields).map_err(io::Error::other)?;
            return Poll::Ready(Ok(self.interim.len()));
        }
        let response = match ready!(Pin::new(answer).poll(context)) {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Err(self.failed(error))),
        };
        let (parts, receiving) = response.into_parts();
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let mut head = Vec::new();
        if let Some(accept) = self.websocket.as_ref().filter(|_| parts.status == StatusCode::OK) {
            write_switch(&mut head, accept.as_bytes(), fields).map_err(io::Error::other)?;
            return Poll::Ready(Ok(self.answered(head, receiving, false)));
        }
        let answered = Answered {
            status: parts.status.as_u16(),
            to_head: self.to_head,
            ends: receiving.is_end_stream(),
        };
        let chunked = write_response(&mut head, answered, fields).map_err(io::Error::other)?;
        Poll::Ready(Ok(self.answered(head, receiving, chunked)))
    }

    fn answered(&mut self, head: Vec<u8>, receiving: RecvStream, chunked: bool) -> usize {
        self.answer = None;
        let length = head.len();
        self.incoming = Some(Incoming::new(head, receiving, chunked));
        length
    }

    fn failed(&mut self, error: h2::Error) -> io::Error {
        let graceful = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
        self.refused |= graceful || error.reason() == Some(Reason::REFUSED_STREAM);
        into_io(error)
    }
}

impl Source for Http2Exchange {
    fn received(&self) -> &[u8] {
        match &self.incoming {
            _ if self.consumed < self.interim.len() => &self.interim[self.consumed..],
            Some(incoming) => incoming.received(),
            None => &[],
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.incoming {
            _ if self.consumed < self.interim.len() => self.consumed += count,
            Some(incoming) => incoming.consume(count),
            None => {}
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        match &mut self.incoming {
            Some(incoming) => incoming.poll_fill(context, large),
            None => self.poll_answer(context),
        }
    }
}

impl Sink for Http2Exchange {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        poll_each([lead, rest], |bytes| match &mut self.stage {
            Stage::Head(_) => Poll::Ready(self.take_head(bytes)),
            Stage::Body(outgoing) => outgoing.poll_take(context, bytes),
        })
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match &mut self.stage {
            Stage::Body(outgoing) => outgoing.send_held(),
            Stage::Head(_) => Ok(()),
        })
    }
}

/// The request as HTTP/2 has it: what belongs to a connection of HTTP/1.1 is left out.
fn message(request: &http1::Request, head: &[u8], scheme: &str) -> io::Result<Request<()>> {
    let mut message = Request::new(());
    let websocket = request.upgrade == Upgrade::WebSocket;
    if websocket {
        *message.method_mut() = Method::CONNECT;
        message.extensions_mut().insert(Protocol::from_static("websocket"));
    } else {
        *message.method_mut() = Method::from_bytes(request.method.of(head)).map_err(io::Error::other)?;
    }
    let target = if request.target.asterisk { b"*" } else { request.target.path_and_query.of(head) };
    *message.uri_mut() = Uri::builder()
        .scheme(scheme)
        .authority(request.host.of(head))
        .path_and_query(target)
        .build()
        .map_err(io::Error::other)?;
    let mut fields = HeaderMap::with_capacity(request.fields.iter().len());
    let ours = |known| known == Known::Host || known == Known::SecWebSocketKey && websocket;
    for field in request.fields.iter().filter(|field| !field.hop && !ours(field.known)) {
        append(&mut fields, field.name.of(head), field.value.of(head))?;
    }
    if request.accepts_trailers {
        append(&mut fields, b"te", b"trailers")?;
    }
    *message.headers_mut() = fields;
    Ok(message)
}
