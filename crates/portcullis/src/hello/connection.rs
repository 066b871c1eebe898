//! One connection of `hello`: request after request, in order.

use super::Instance;
use super::http2;
use super::received::{Received, ReceivedBody, Receiver, hexadecimal};
use super::reply::{Context, JSON, TEXT, Whole, static_256};
use super::route::{Action, parameter};
use super::wire::Wire;
use super::{slow, websocket};
use aws_lc_rs::digest::{self, SHA256};
use http1::{BodyLength, BodyReader, HeadLimits, HeadScanner, Refusal, Request, Version};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncWrite};

/// How a client that knows of HTTP/2 begins (RFC 9113 section 3.4), as far as it looks like a head.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
/// More than the gate allows by default, so that it is the gate that refuses.
const LIMITS: HeadLimits =
    HeadLimits { bytes: 64 << 10, fields: 256, first_line: 32 << 10, underscores: true };

/// What follows on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Request,
    End,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    wire: Wire<S>,
    peer: String,
    instance: Arc<Instance>,
    head: Vec<u8>,
    request: Request,
    prepared: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<S> {
    pub(super) fn new(stream: S, peer: String, instance: Arc<Instance>) -> Self {
        let (head, request, prepared) = (Vec::new(), Request::default(), static_256());
        Self { wire: Wire::new(stream), peer, instance, head, request, prepared }
    }

    /// Serves until either side ends the connection.
    pub(super) async fn serve(mut self) -> io::Result<()> {
        while let Some(length) = self.next_head().await? {
            if self.answer_prepared(length).await? {
                continue;
            }
            if self.wire.unread().starts_with(PREFACE) {
                let (stream, received) = self.wire.into_parts();
                http2::serve(stream, received, self.peer, self.instance).await;
                return Ok(());
            }
            self.head.clear();
            self.head.extend_from_slice(&self.wire.unread()[..length]);
            self.wire.consume(length);
            let next = match self.request.parse(&self.head, &LIMITS) {
                Ok(()) => self.answer().await?,
                Err(refusal) => self.refuse(refusal),
            };
            self.wire.flush_much().await?;
            if next == Next::End {
                break;
            }
        }
        self.wire.end().await
    }

    /// Waits for a whole head and says how long it is; `None` when the connection is to end.
    async fn next_head(&mut self) -> io::Result<Option<usize>> {
        let mut scanner = HeadScanner::default();
        loop {
            match scanner.scan(self.wire.unread(), &LIMITS) {
                Ok(Some(length)) => return Ok(Some(length)),
                Ok(None) if self.wire.fill().await? == 0 => return Ok(None),
                Ok(None) => {}
                Err(refusal) => {
                    self.refuse(refusal);
                    return Ok(None);
                }
            }
        }
    }

    /// The short way of the prepared answer: nothing of the head is looked at but its start and its end, so a body is
    /// not expected and the connection always goes on.
    async fn answer_prepared(&mut self, head: usize) -> io::Result<bool> {
        if !self.wire.unread().starts_with(b"GET /static256 ") {
            return Ok(false);
        }
        self.wire.consume(head);
        self.instance.requests.fetch_add(1, Ordering::Relaxed);
        self.wire.output.extend_from_slice(&self.prepared);
        self.wire.flush_much().await?;
        Ok(true)
    }

    async fn answer(&mut self) -> io::Result<Next> {
        let number = self.instance.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let action = Action::of(&String::from_utf8_lossy(self.request.target.path_and_query.of(&self.head)));
        if action == Action::Close {
            return Ok(Next::End);
        }
        let body = match self.read_body().await? {
            Ok(body) => body,
            Err(refusal) => return Ok(self.refuse(refusal)),
        };
        match action {
            Action::WebSocket => return self.echo().await,
            Action::Hang => return self.hang().await,
            Action::Delay(time) => {
                self.wire.flush().await?;
                tokio::time::sleep(time).await;
            }
            _ => {}
        }
        self.respond(action, number, body).await
    }

    async fn respond(&mut self, action: Action, number: u64, body: ReceivedBody) -> io::Result<Next> {
        let context = context(&self.request, &self.head, &self.instance.name);
        match action {
            Action::Bytes { count, chunked } => slow::bytes(&mut self.wire, context, count, chunked).await?,
            Action::Stream { count, interval } => {
                slow::events(&mut self.wire, context, count, interval).await?;
            }
            Action::SlowHeaders => slow::head(&mut self.wire, context).await?,
            _ => {
                let receiver = Receiver { instance: &self.instance.name, peer: &self.peer, number };
                let received = Received::new(receiver, &self.request, &self.head, body);
                let as_json = wants_json(&self.request, &self.head, &received.target);
                let whole = Whole::of(action, &received, as_json);
                let text = whole.text.as_bytes();
                context.whole(&mut self.wire.output, whole.status, whole.content_type, text);
            }
        }
        // Without chunks, in HTTP/1.0, a body of unknown length ends with the connection.
        let unframed = matches!(action, Action::Stream { .. } | Action::Bytes { chunked: true, .. })
            && self.request.version == Version::Http10;
        Ok(if self.request.keep_alive && !unframed { Next::Request } else { Next::End })
    }

    /// Takes whatever comes, until the client ends the connection.
    async fn hang(&mut self) -> io::Result<Next> {
        while self.wire.fill().await? > 0 {
            self.wire.consume(self.wire.unread().len());
        }
        Ok(Next::End)
    }

    /// Reads the body to its end.
    async fn read_body(&mut self) -> io::Result<Result<ReceivedBody, Refusal>> {
        if self.request.body == BodyLength::None {
            return Ok(Ok(ReceivedBody::default()));
        }
        if self.request.expects_continue {
            self.wire.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let (mut reader, mut hash, mut length) =
            (BodyReader::new(self.request.body), digest::Context::new(&SHA256), 0);
        loop {
            match reader.decode(self.wire.unread()) {
                Ok(decoded) => {
                    hash.update(&self.wire.unread()[decoded.start..decoded.end]);
                    length += (decoded.end - decoded.start) as u64;
                    self.wire.consume(decoded.consumed);
                    if reader.is_done() {
                        break;
                    }
                    if decoded.consumed == 0 && self.wire.fill().await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(ReceivedBody { length, sha256: Some(hexadecimal(&hash.finish())) }))
    }

    async fn echo(&mut self) -> io::Result<Next> {
        match websocket::accept(&self.request, &self.head) {
            Some(answer) => {
                self.wire.output.extend_from_slice(&answer);
                websocket::echo(&mut self.wire).await?;
                Ok(Next::End)
            }
            None => {
                let context =
                    Context { keep_alive: false, ..context(&self.request, &self.head, &self.instance.name) };
                context.whole(&mut self.wire.output, 426, TEXT, b"/ws speaks WebSocket version 13\n");
                Ok(Next::End)
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Next {
        let instance = &self.instance.name;
        let context = Context { version: Version::Http11, keep_alive: false, head_only: false, instance };
        let reason = format!("{}: {}\n", refusal.rule(), refusal.reason());
        context.whole(&mut self.wire.output, refusal.status(), TEXT, reason.as_bytes());
        Next::End
    }
}

fn context<'a>(request: &Request, head: &[u8], instance: &'a str) -> Context<'a> {
    let head_only = request.method.of(head) == b"HEAD";
    Context { version: request.version, keep_alive: request.keep_alive, head_only, instance }
}

/// Whether the client would rather read JSON.
pub(super) fn wants_json(request: &Request, head: &[u8], target: &str) -> bool {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut accepted = request.fields.named(b"accept", head).map(|field| field.value.of(head));
    parameter(query, "json").is_some()
        || accepted.any(|value| String::from_utf8_lossy(value).to_ascii_lowercase().contains(JSON))
}
