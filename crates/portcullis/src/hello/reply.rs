//! Answers of `hello` as bytes.

use super::received::{Received, json};
use super::route::Action;
use http1::{Version, write};
use std::sync::LazyLock;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// An answer that is whole from the start.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) text: String,
}

impl Whole {
    /// What a request is answered with.
    pub(super) fn of(action: Action, received: &Received<'_>, as_json: bool) -> Self {
        let status = match action {
            Action::Status(status) => status,
            Action::BadNumber => 400,
            _ => 200,
        };
        let text = match action {
            Action::BadNumber if !as_json => "the number in the path is missing or out of range\n".to_owned(),
            Action::Headers if as_json => json(&received.headers),
            Action::Upload if as_json => json(&received.body),
            Action::Headers => received.headers_as_text(),
            Action::Upload => {
                let sha256 = received.body.sha256.as_deref().unwrap_or("-");
                format!("{} {sha256}\n", received.body.length)
            }
            Action::Status(status) if !as_json => format!("{status} {}\n", write::reason_phrase(status)),
            _ if as_json => received.as_json(),
            _ => received.as_text(),
        };
        Self { status, content_type: if as_json { JSON } else { TEXT }, text }
    }
}

/// How an answer says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// With `Content-Length`.
    Exact(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What every head of this answer needs to know about its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    pub(super) version: Version,
    /// Whether the connection goes on after this answer.
    pub(super) keep_alive: bool,
    /// Whether the request was `HEAD`, so that no body follows.
    pub(super) head_only: bool,
    /// The name of this instance.
    pub(super) instance: &'a str,
}

impl Context<'_> {
    /// Writes the head of an answer.
    pub(super) fn head(&self, out: &mut Vec<u8>, status: u16, content_type: &str, length: Length) {
        write::status_line(out, Version::Http11, status, b"");
        write::field(out, b"Content-Type", content_type.as_bytes());
        write::field(out, b"X-Instance", self.instance.as_bytes());
        match length {
            Length::Exact(_) if matches!(status, 204 | 304) => {}
            Length::Exact(length) => write::number_field(out, b"Content-Length", length),
            Length::Chunked => write::field(out, b"Transfer-Encoding", b"chunked"),
            Length::UntilClose => {}
        }
        if !self.keep_alive {
            write::field(out, b"Connection", b"close");
        } else if self.version == Version::Http10 {
            write::field(out, b"Connection", b"keep-alive");
        }
        write::end(out);
    }

    /// Writes a whole answer.
    pub(super) fn whole(&self, out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8]) {
        self.head(out, status, content_type, Length::Exact(body.len() as u64));
        if !self.head_only && !matches!(status, 204 | 304) {
            out.extend_from_slice(body);
        }
    }
}

/// The prepared answer with a body of 256 bytes, for measurements.
pub(super) fn static_256() -> Vec<u8> {
    let mut out = Vec::new();
    write::status_line(&mut out, Version::Http11, 200, b"");
    write::field(&mut out, b"Content-Type", b"text/plain");
    write::number_field(&mut out, b"Content-Length", 256);
    write::end(&mut out);
    out.extend(pattern(0, 256));
    out
}

/// The most that [`pattern`] gives at once.
pub(super) const BLOCK: usize = 64 << 10;

/// Up to [`BLOCK`] bytes of a generated body from a position on. What is lost or moved is noticed, because the bytes
/// repeat after 89, a prime, so that no block size is a multiple.
pub(super) fn pattern(from: u64, count: usize) -> &'static [u8] {
    const PERIOD: u8 = 89;
    static REPEATED: LazyLock<Vec<u8>> =
        LazyLock::new(|| (b'!'..b'!' + PERIOD).cycle().take(BLOCK + usize::from(PERIOD)).collect());
    let start = (from % u64::from(PERIOD)) as usize;
    &REPEATED[start..start + count.min(BLOCK)]
}
