//! Answers of our own: refusals, redirects, fixed responses. They are written whole, so that nothing of a request is
//! ever repeated into a head unchecked.

pub(crate) mod page;
mod template;

pub(crate) use template::expand;

use crate::worker::clock;
use http1::{Version, write};

/// An answer of our own.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Further lines of the head, each with its CRLF.
    pub(crate) lines: Vec<u8>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A short page that says what happened.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            lines: Vec::new(),
            content_type: "text/plain; charset=utf-8",
            body: format!("{status} {}\n", write::reason_phrase(status)).into_bytes(),
        }
    }

    /// A redirect; `location` may contain bytes of a request and is refused when it would break the head.
    pub(crate) fn redirect(status: u16, location: &[u8]) -> Self {
        let mut answer = Self::status(status);
        match write::checked_field(&mut answer.lines, b"Location", location) {
            Ok(()) => answer,
            Err(_) => Self::status(400),
        }
    }

    /// Adds a field of our own to the head.
    pub(crate) fn with_field(mut self, name: &[u8], value: &[u8]) -> Self {
        // A value that would break the head is left out: no value of ours does.
        let _ = write::checked_field(&mut self.lines, name, value);
        self
    }

    /// Writes the whole answer. `to_head` leaves the body out but speaks of its length.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        keep_alive: bool,
        to_head: bool,
        further: &[u8],
    ) {
        write::status_line(out, Version::Http11, self.status, b"");
        write::field(out, b"Date", &clock::http_date());
        let bodiless = matches!(self.status, 204 | 304);
        if !bodiless {
            if !self.content_type.is_empty() {
                write::field(out, b"Content-Type", self.content_type.as_bytes());
            }
            write::number_field(out, b"Content-Length", self.body.len() as u64);
        }
        out.extend_from_slice(&self.lines);
        out.extend_from_slice(further);
        persistence(out, version, keep_alive);
        write::end(out);
        if !to_head && !bodiless {
            out.extend_from_slice(&self.body);
        }
    }
}

/// Writes the field that says whether the connection stays open, where it is not what the version implies.
pub(crate) fn persistence(out: &mut Vec<u8>, version: Version, keep_alive: bool) {
    match (version, keep_alive) {
        (_, false) => write::field(out, b"Connection", b"close"),
        (Version::Http10, true) => write::field(out, b"Connection", b"keep-alive"),
        (Version::Http11, true) => {}
    }
}
