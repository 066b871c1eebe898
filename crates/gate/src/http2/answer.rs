//! The engine's answer of HTTP/1.1, read as it is written and sent in frames.

use super::head::{Collected, poll_each};
use super::outgoing::Outgoing;
use super::{append, into_io, websocket};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, StatusCode};
use http1::{BodyLength, BodyReader, HeadLimits, MAX_FIELDS, Response};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

/// What an answer of ours may be; what an instance said was judged before.
const LIMITS: HeadLimits =
    HeadLimits { bytes: 256 << 10, fields: MAX_FIELDS, first_line: 64 << 10, underscores: true };

/// The answer to one request.
#[derive(Debug)]
pub(super) struct Answer {
    state: State,
    to_head: bool,
    /// The key of the handshake that we made for a WebSocket.
    websocket: Option<String>,
    /// Frames of data of the connection.
    frames: Rc<Cell<u64>>,
    /// What is known of the head until it is complete.
    head: Collected,
}

enum State {
    Head(SendResponse<Bytes>),
    Body(Outgoing),
    Ended,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Head(_) => "Head",
            Self::Body(_) => "Body",
            Self::Ended => "Ended",
        })
    }
}

impl Answer {
    /// The answer over a connection that counts its frames of data.
    pub(super) fn new(
        respond: SendResponse<Bytes>,
        to_head: bool,
        websocket: Option<String>,
        frames: Rc<Cell<u64>>,
    ) -> Self {
        Self { state: State::Head(respond), to_head, websocket, frames, head: Collected::default() }
    }

    pub(super) fn is_ended(&self) -> bool {
        match &self.state {
            State::Head(_) => false,
            State::Body(outgoing) => outgoing.is_ended(),
            State::Ended => true,
        }
    }

    /// Waits for the client to reset the stream.
    pub(super) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Head(respond) => respond.poll_reset(context).map(|_| ()),
            State::Body(outgoing) => outgoing.poll_reset(context),
            State::Ended => Poll::Pending,
        }
    }

    pub(super) fn reset(&mut self, reason: Reason) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Head(mut respond) => respond.send_reset(reason),
            State::Body(mut outgoing) => outgoing.reset(reason),
            State::Ended => {}
        }
    }

    /// Ends an answer that ends with its connection.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Body(outgoing) => outgoing.end(),
            State::Ended => Ok(()),
            State::Head(_) => {
                self.reset(Reason::INTERNAL_ERROR);
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    /// Takes bytes of the answer, as many as the client's window has room for.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        lead: &[u8],
        rest: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll_each([lead, rest], |bytes| self.poll_take(context, bytes))
    }

    /// Sends what waits for more to travel with.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Body(outgoing) => outgoing.send_held(),
            State::Head(_) | State::Ended => Ok(()),
        }
    }

    fn poll_take(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let to_head = self.to_head;
        match &mut self.state {
            State::Head(_) => Poll::Ready(self.take_head(bytes)),
            State::Body(outgoing) if !outgoing.is_ended() => outgoing.poll_take(context, bytes),
            // A refusal does not know whether its request was one for the head alone.
            _ if to_head => Poll::Ready(Ok(bytes.len())),
            _ => Poll::Ready(Err(io::Error::other("more is sent than the answer has"))),
        }
    }

    /// Takes bytes of a head, and sends it once it is complete.
    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (taken, head) = self.head.take(bytes, &LIMITS)?;
        if let Some(head) = head {
            let mut response = Response::default();
            response.parse(&head, self.to_head, &LIMITS).map_err(io::Error::other)?;
            self.send_head(&response, &head)?;
        }
        Ok(taken)
    }

    fn send_head(&mut self, response: &Response, head: &[u8]) -> io::Result<()> {
        let State::Head(respond) = &mut self.state else { return Ok(()) };
        let mut status = response.status;
        if status == 101 {
            // The client was never told the key, so it is us who have to look at the answer (RFC 8441 section 5).
            if !self.websocket.as_deref().is_some_and(|key| is_accepted(key, response, head)) {
                status = 502;
            } else {
                status = 200;
            }
        }
        let opened = response.status == 101 && status == 200;
        let mut message = http::Response::new(());
        *message.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
        if status == response.status || opened {
            *message.headers_mut() = fields(response, head, opened)?;
        }
        if matches!(status, 100..=199) {
            return respond.send_informational(message).map_err(into_io);
        }
        let body = if opened { BodyLength::UntilClose } else { response.body };
        let ends =
            matches!(body, BodyLength::None | BodyLength::Exact(0)) || status != response.status && !opened;
        let send = respond.send_response(message, ends).map_err(into_io)?;
        let frames = Rc::clone(&self.frames);
        self.state = State::Body(Outgoing::new(send, BodyReader::new(body), ends, frames));
        Ok(())
    }
}

/// The fields as HTTP/2 has them: what belongs to a connection of HTTP/1.1 is left out.
fn fields(response: &Response, head: &[u8], opened: bool) -> io::Result<HeaderMap> {
    let mut fields = HeaderMap::with_capacity(response.fields.iter().len());
    for field in response.fields.iter().filter(|field| !field.hop) {
        let (name, value) = (field.name.of(head), field.value.of(head));
        if opened && name.eq_ignore_ascii_case(b"sec-websocket-accept") {
            continue;
        }
        append(&mut fields, name, value)?;
    }
    Ok(fields)
}

/// Whether the instance answers the handshake that we made (RFC 6455 section 4.2.2).
fn is_accepted(key: &str, response: &Response, head: &[u8]) -> bool {
    let expected = websocket::accept(key.as_bytes());
    let mut answers = response.fields.named(b"sec-websocket-accept", head);
    let answer = answers.next().map(|field| field.value.of(head));
    answer == Some(expected.as_bytes()) && answers.next().is_none()
}
