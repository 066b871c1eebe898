//! What the engine writes as HTTP/1.1, read as it is written and sent as records.

use super::Refused;
use crate::transport::Sink;
use crate::transport::instance::InstanceStream;
use http1::{BodyLength, HeadLimits, HeadScanner, Known, MAX_FIELDS, Request, cgi};
use std::io;
use std::task::{Context, Poll, ready};
use wire::fastcgi::{self, Params};

/// What a request of ours may be; what a client said was judged before.
const LIMITS: HeadLimits =
    HeadLimits { bytes: 256 << 10, fields: MAX_FIELDS, first_line: 128 << 10, underscores: true };

/// A request that is being sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    stage: Stage,
    /// Records that are not sent yet, from `sent` on.
    out: Vec<u8>,
    sent: usize,
}

#[derive(Debug, Default)]
enum Stage {
    /// The head is read.
    Head { params: Option<Params>, head: Vec<u8>, scanner: HeadScanner },
    /// So many bytes of the body are left, `promised` of them in a record whose head is written.
    Body { left: u64, promised: usize },
    /// Everything was taken.
    #[default]
    Done,
}

/// What the head of a request says about its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Whether the method is `HEAD`.
    pub(super) to_head: bool,
    /// Whether the client waits to be told that its body is wanted.
    pub(super) expects_continue: bool,
}

impl Outgoing {
    /// A request with variables that do not come from its head.
    pub(super) fn new(params: Params) -> Self {
        let (head, scanner) = (Vec::new(), HeadScanner::default());
        Self { stage: Stage::Head { params: Some(params), head, scanner }, out: Vec::new(), sent: 0 }
    }

    /// Whether all of the request was sent.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done) && self.sent == self.out.len()
    }

    /// Takes bytes, and answers how many. `asked` is told what the head says once it is complete.
    pub(super) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        carrier: &mut InstanceStream,
        asked: impl FnOnce(Asked),
    ) -> Poll<io::Result<usize>> {
        match &mut self.stage {
            Stage::Head { .. } => Poll::Ready(self.take_head(bytes, asked)),
            Stage::Body { .. } => self.poll_take_body(context, bytes, carrier),
            Stage::Done => Poll::Ready(Err(io::Error::other("more was sent than the request announced"))),
        }
    }

    /// Sends what was taken.
    pub(super) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        carrier: &mut InstanceStream,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let sent = ready!(carrier.poll_send(context, &self.out[self.sent..], &[]))?;
            self.note_sent(sent)?;
        }
        carrier.poll_flush(context)
    }

    /// Notes that the first records were sent, and answers how many bytes of what stood behind them.
    fn note_sent(&mut self, sent: usize) -> io::Result<usize> {
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let of_records = sent.min(self.out.len() - self.sent);
        self.sent += of_records;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(sent - of_records)
    }

    fn take_head(&mut self, bytes: &[u8], asked: impl FnOnce(Asked)) -> io::Result<usize> {
        let Stage::Head { params, head, scanner } = &mut self.stage else { return Ok(0) };
        let before = head.len();
        head.extend_from_slice(bytes);
        let Some(length) = scanner.scan(head, &LIMITS).map_err(io::Error::other)? else {
            return Ok(bytes.len());
        };
        head.truncate(length);
        let mut request = Request::default();
        request.parse(head, &LIMITS).map_err(io::Error::other)?;
        let Some(mut params) = params.take() else { return Ok(0) };
        write_fields(&mut params, &request, head).map_err(|_| io::Error::other(Refused::LongVariable))?;
        let to_head = request.method.of(head) == b"HEAD";
        self.stage = match request.body {
            // An application has to know the length: it was gathered before.
            BodyLength::Chunked => return Err(io::Error::other(Refused::LengthRequired)),
            BodyLength::Exact(left @ 1..) => {
                self.out = with_length(params, left)?;
                Stage::Body { left, promised: 0 }
            }
            _ => {
                self.out = with_length(params, 0)?;
                fastcgi::end_stdin(&mut self.out);
                Stage::Done
            }
        };
        asked(Asked { to_head, expects_continue: request.expects_continue });
        Ok(length - before)
    }

    /// Sends bytes of the body as they lie, behind the head of their record.
    fn poll_take_body(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        carrier: &mut InstanceStream,
    ) -> Poll<io::Result<usize>> {
        let Stage::Body { left, promised } = &mut self.stage else { return Poll::Ready(Ok(0)) };
        let run = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if *promised == 0 {
            *promised = run.min(fastcgi::LONGEST);
            fastcgi::stdin(&mut self.out, *promised);
        }
        let run = run.min(*promised);
        let polled = carrier.poll_send(context, &self.out[self.sent..], &bytes[..run]);
        let taken = self.note_sent(ready!(polled)?)?;
        let Stage::Body { left, promised } = &mut self.stage else { return Poll::Ready(Ok(taken)) };
        *left -= taken as u64;
        *promised -= taken;
        if *left == 0 {
            fastcgi::end_stdin(&mut self.out);
            self.stage = Stage::Done;
        }
        Poll::Ready(Ok(taken))
    }
}

/// Ends the variables with the length of the body. Without a body there is none: some take `0` for a body.
fn with_length(mut params: Params, length: u64) -> io::Result<Vec<u8>> {
    if length > 0 {
        let digits = length.to_string();
        params.pair(b"CONTENT_LENGTH", &[digits.as_bytes()]).map_err(io::Error::other)?;
    }
    Ok(params.finish())
}

/// Writes the variables that come from the head.
fn write_fields(params: &mut Params, request: &Request, head: &[u8]) -> Result<(), fastcgi::LongPair> {
    params.pair(b"REQUEST_METHOD", &[request.method.of(head)])?;
    let fields: Vec<_> = request.fields.iter().filter(|field| !field.hop).collect();
    for (place, field) in fields.iter().enumerate() {
        let name = field.name.of(head);
        let is_same = |other: &&http1::Field| other.name.of(head).eq_ignore_ascii_case(name);
        if field.known == Known::ContentLength || fields[..place].iter().any(is_same) {
            continue;
        }
        // Several fields of one name are one variable (RFC 3875 section 4.1.18).
        let separator: &[u8] = if field.known == Known::Cookie { b"; " } else { b", " };
        let mut value = Vec::new();
        for (count, same) in fields[place..].iter().filter(|other| is_same(other)).enumerate() {
            if count > 0 {
                value.push(separator);
            }
            value.push(same.value.of(head));
        }
        match field.known {
            Known::ContentType => params.pair(b"CONTENT_TYPE", &value)?,
            _ => {
                if let Some(variable) = cgi::variable(name) {
                    params.pair(&variable, &value)?;
                }
            }
        }
        if field.known == Known::XForwardedProto {
            // Written by the engine: what it saw, or what a trusted proxy did.
            let scheme = field.value.of(head);
            params.pair(b"REQUEST_SCHEME", &[scheme])?;
            if scheme.eq_ignore_ascii_case(b"https") {
                params.pair(b"HTTPS", &[b"on"])?;
            }
        }
    }
    Ok(())
}
