//! The messages of the admin socket, read with deadlines and bounds.

use http1::{BodyLength, HeadLimits, HeadScanner, Request, Version, write};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

const LIMITS: HeadLimits = HeadLimits { bytes: 8 << 10, fields: 32, first_line: 1 << 10, underscores: true };
/// A thousand addresses to ban fit; longer lists come as files.
const MAX_BODY: u64 = 1 << 20;

/// A whole request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// An answer; the connection ends after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, value: &impl serde::Serialize) -> Self {
        let mut body = serde_json::to_vec(value).expect("what we answer is JSON");
        body.push(b'\n');
        Self { status, content_type: "application/json", body }
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: format!("{text}\n").into_bytes() }
    }

    /// The bytes on the wire.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + 128);
        write::status_line(&mut out, Version::Http11, self.status, b"");
        write::field(&mut out, b"Content-Type", self.content_type.as_bytes());
        write::number_field(&mut out, b"Content-Length", self.body.len() as u64);
        write::field(&mut out, b"Cache-Control", b"no-store");
        write::field(&mut out, b"Connection", b"close");
        write::end(&mut out);
        out.extend_from_slice(&self.body);
        out
    }
}

/// Reads one request; the inner error is the answer to one that is refused.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Result<Asked, Answer>> {
    let (mut input, mut scanner) = (Vec::new(), HeadScanner::default());
    let end = loop {
        match scanner.scan(&input, &LIMITS) {
            Ok(Some(end)) => break end,
            Ok(None) => more(stream, &mut input).await?,
            Err(refusal) => return Ok(Err(Answer::text(refusal.status(), refusal.reason()))),
        }
    };
    let (head, mut request) = (input[..end].to_vec(), Request::default());
    if let Err(refusal) = request.parse(&head, &LIMITS) {
        return Ok(Err(Answer::text(refusal.status(), refusal.reason())));
    }
    let length = match request.body {
        BodyLength::None => 0,
        BodyLength::Exact(length @ 0..=MAX_BODY) => length as usize,
        BodyLength::Exact(_) => return Ok(Err(Answer::text(413, "the body is too large"))),
        BodyLength::Chunked | BodyLength::UntilClose => {
            return Ok(Err(Answer::text(411, "a body here needs a Content-Length")));
        }
    };
    while input.len() < end + length {
        more(stream, &mut input).await?;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (method, path) = (text(request.method.of(&head)), text(request.target.path_and_query.of(&head)));
    Ok(Ok(Asked { method, path, body: input[end..end + length].to_vec() }))
}

async fn more<S: AsyncRead + Unpin>(stream: &mut S, input: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(input).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
