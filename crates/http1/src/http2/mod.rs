//! Heads of HTTP/2 (RFC 9113) written as heads of HTTP/1.1, and read back.
//!
//! Further protocols have no second judge: what arrives in them is written as HTTP/1.1 and read by the same parser as
//! everything else. So nothing is written here that this parser could read in another way than it was meant: a name or
//! value that would break a head is refused first, and so is what has no meaning in HTTP/2 but some in HTTP/1.1.

mod request;
mod response;
mod trailers;

#[cfg(test)]
mod tests;

pub use request::{Body, Pseudo, write_request};
pub use response::{Answered, write_interim, write_response, write_switch};
pub use trailers::{trailer_fields, write_trailer};

use crate::field::Known;
use crate::refusal::Refusal;
use crate::write::is_value;

/// Judges a field of HTTP/2 (RFC 9113 sections 8.2.1 and 8.2.2) that is to be written into a head of HTTP/1.1.
pub(crate) fn judge_field(name: &[u8], value: &[u8]) -> Result<Known, Refusal> {
    if name.is_empty() || !name.iter().all(|byte| is_lower_token(*byte)) {
        return Err(Refusal::FieldName);
    }
    let padded = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if !is_value(value) || padded(value.first()) || padded(value.last()) {
        return Err(Refusal::FieldValue);
    }
    let known = Known::of(name);
    match known {
        Known::Connection
        | Known::Http2Settings
        | Known::KeepAlive
        | Known::ProxyConnection
        | Known::TransferEncoding
        | Known::Upgrade => Err(Refusal::ConnectionSpecific),
        Known::Te if !value.eq_ignore_ascii_case(b"trailers") => Err(Refusal::ConnectionSpecific),
        known => Ok(known),
    }
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_lower_token(byte: u8) -> bool {
    is_token(byte) && !byte.is_ascii_uppercase()
}
