//! Responses as a client receives them from the gate.

use super::fields::{self, Field};
use super::source::{Broken, Source, wrong};
use super::{Framing, body};
use std::io::Read;

/// A whole response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Every byte of it.
    pub raw: Vec<u8>,
    /// The minor version of HTTP/1.
    pub minor: u8,
    /// The status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The field lines in order.
    pub fields: Vec<Field>,
    /// How the length of the body was said.
    pub framing: Framing,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// How many chunks it came in; 0 when it was not chunked.
    pub chunks: usize,
    /// The trailer fields.
    pub trailers: Vec<Field>,
}

impl Response {
    /// Reads the response to a request of this method; an interim response (1xx) is a response of its own.
    ///
    /// # Errors
    /// When the connection breaks, or the bytes are no strict message.
    pub fn read<R: Read>(source: &mut Source<R>, method: &str) -> Result<Self, Broken> {
        let (minor, status, reason) = parse_status_line(&source.line()?)?;
        let fields = fields::read(source)?;
        let said = body::framing(&fields)?;
        let framing = match status {
            100..=199 | 204 if said.is_some() => return wrong(format!("{status} with a length")),
            100..=199 | 204 | 304 => Framing::None,
            _ if method == "HEAD" => Framing::None,
            _ => said.unwrap_or(Framing::UntilClose),
        };
        let body = body::read(source, framing)?;
        let raw = source.take_record();
        let (chunks, trailers) = (body.chunks, body.trailers);
        Ok(Self { raw, minor, status, reason, fields, framing, body: body.content, chunks, trailers })
    }

    /// The values of every field of this name, in order, as text.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        fields::values(&self.fields, name)
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The value of the only field of this name; `None` when there is none or more than one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<String> {
        let mut values = self.values(name);
        values.pop().filter(|_| values.is_empty())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn parse_status_line(line: &[u8]) -> Result<(u8, u16, String), Broken> {
    let shown = line.escape_ascii();
    let minor = match line.get(..9) {
        Some(b"HTTP/1.1 ") => 1,
        Some(b"HTTP/1.0 ") => 0,
        _ => return wrong(format!("no status line: {shown}")),
    };
    let (code, reason) = line[9..].split_at_checked(3).unwrap_or((b"", b""));
    let status = std::str::from_utf8(code).ok().filter(|_| code.iter().all(u8::is_ascii_digit));
    match (status.and_then(|code| code.parse().ok()), reason) {
        (Some(status @ 100..=599), [b' ', reason @ ..]) => {
            Ok((minor, status, String::from_utf8_lossy(reason).into_owned()))
        }
        _ => wrong(format!("no status line: {shown}")),
    }
}
