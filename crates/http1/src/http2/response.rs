//! The head of a response.

use super::judge_field;
use crate::Version;
use crate::field::Known;
use crate::refusal::Refusal;
use crate::write;

/// What is known of a response beside its fields.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// `:status`.
    pub status: u16,
    /// Whether it answers `HEAD`.
    pub to_head: bool,
    /// Whether the stream ended with the head.
    pub ends: bool,
}

/// Writes the head of a response; answers whether it announces chunks, because data of unknown length follows.
///
/// # Errors
///
/// What would break the head, or means nothing in HTTP/2.
pub fn write_response<'a>(
    out: &mut Vec<u8>,
    answered: Answered,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<bool, Refusal> {
    write::status_line(out, Version::Http11, answered.status, b"");
    let mut length = false;
    for (name, value) in fields {
        length |= judge_field(name, value)? == Known::ContentLength;
        write::field(out, name, value);
    }
    let bodiless = answered.to_head || matches!(answered.status, 100..=199 | 204 | 304);
    let chunked = !bodiless && !length && !answered.ends;
    if chunked {
        write::field(out, b"Transfer-Encoding", b"chunked");
    } else if !bodiless && !length {
        write::number_field(out, b"Content-Length", 0);
    }
    write::end(out);
    Ok(chunked)
}

/// Writes the head of the answer to the handshake of a WebSocket, which HTTP/2 does without (RFC 8441): `accept` answers
/// its key.
///
/// # Errors
///
/// As [`write_response`].
pub fn write_switch<'a>(
    out: &mut Vec<u8>,
    accept: &[u8],
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Refusal> {
    write::status_line(out, Version::Http11, 101, b"");
    for (name, value) in fields {
        // The stream ends when the WebSocket does, and the answer to a key is ours to give.
        if !matches!(judge_field(name, value)?, Known::ContentLength) && name != b"sec-websocket-accept" {
            write::field(out, name, value);
        }
    }
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    write::field(out, b"Sec-WebSocket-Accept", accept);
    write::end(out);
    Ok(())
}

/// Writes the head of an interim response.
///
/// # Errors
///
/// As [`write_response`].
pub fn write_interim<'a>(
    out: &mut Vec<u8>,
    status: u16,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), Refusal> {
    write_response(out, Answered { status, to_head: false, ends: true }, fields).map(|_| ())
}
