//! The framing of bodies (RFC 9112 sections 6 and 7): one `Content-Length` or one final `chunked`, never both.

use super::Framing;
use super::fields::{self, Field};
use super::source::{Broken, Source, wrong};
use std::io::Read;

/// What was read after a head.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) content: Vec<u8>,
    pub(super) trailers: Vec<Field>,
    pub(super) chunks: usize,
}

/// What the fields say about the length; `None` when they say nothing.
pub(super) fn framing(fields: &[Field]) -> Result<Option<Framing>, Broken> {
    let lengths = fields::values(fields, "content-length");
    let codings = fields::values(fields, "transfer-encoding");
    match (lengths.as_slice(), codings.as_slice()) {
        ([], []) => Ok(None),
        ([length], []) => Ok(Some(Framing::Length(number(length, 10, "Content-Length")?))),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framing::Chunked)),
        ([], codings) => wrong(format!("transfer codings other than one chunked: {codings:?}")),
        (_, []) => wrong("more than one Content-Length"),
        (_, _) => wrong("Content-Length and Transfer-Encoding together"),
    }
}

/// Reads a body of this framing.
pub(super) fn read<R: Read>(source: &mut Source<R>, framing: Framing) -> Result<Body, Broken> {
    match framing {
        Framing::None => Ok(Body::default()),
        Framing::Length(length) => {
            let length =
                usize::try_from(length).map_err(|_| Broken::Grammar("a body beyond memory".into()))?;
            Ok(Body { content: source.exactly(length)?, ..Body::default() })
        }
        Framing::Chunked => read_chunks(source),
        Framing::UntilClose => Ok(Body { content: source.rest()?, ..Body::default() }),
    }
}

fn read_chunks<R: Read>(source: &mut Source<R>) -> Result<Body, Broken> {
    let mut body = Body::default();
    loop {
        // No extension is expected: we send none, and those of others must not pass us.
        let size = number(&source.line()?, 16, "chunk size")?;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).map_err(|_| Broken::Grammar("a chunk beyond memory".into()))?;
        body.content.extend(source.exactly(size)?);
        body.chunks += 1;
        if source.exactly(2)? != b"\r\n" {
            return wrong("a chunk that is longer than its size");
        }
    }
    body.trailers = fields::read(source)?;
    for trailer in &body.trailers {
        let name = trailer.name.to_ascii_lowercase();
        if ["content-length", "transfer-encoding", "host", "trailer", "authorization", "set-cookie"]
            .contains(&name.as_str())
        {
            return wrong(format!("{name} in a trailer section"));
        }
    }
    Ok(body)
}

fn number(text: &[u8], radix: u32, what: &str) -> Result<u64, Broken> {
    let digits = !text.is_empty() && text.iter().all(|&byte| char::from(byte).is_digit(radix));
    let parsed = std::str::from_utf8(text).ok().filter(|_| digits);
    match parsed.and_then(|text| u64::from_str_radix(text, radix).ok()) {
        Some(number) => Ok(number),
        None => wrong(format!("a {what} that is no number: {}", text.escape_ascii())),
    }
}
