//! gRPC-Web (PROTOCOL-WEB.md of gRPC): calls of browsers, which can neither send nor see trailers. Messages are framed
//! as in gRPC; the trailers are one more frame behind them; and in the form of text all of it is base64.

mod base64;

#[cfg(test)]
mod tests;

pub use base64::{Decoder, Encoder, NotBase64};

const GRPC: &[u8] = b"application/grpc";
/// The first byte of a frame of trailers.
const TRAILERS: u8 = 0x80;

/// How the bytes of a body are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Binary,
    /// In base64.
    Text,
}

impl Form {
    /// The form of a call with this media type, and what stands behind its name (`+proto`); `None` when it is none.
    #[must_use]
    pub fn of(media: &[u8]) -> Option<(Self, &[u8])> {
        let rest = strip(media, GRPC)?;
        if let Some(suffix) = strip(rest, b"-web-text") {
            return is_suffix(suffix).then_some((Self::Text, suffix));
        }
        let suffix = strip(rest, b"-web")?;
        is_suffix(suffix).then_some((Self::Binary, suffix))
    }

    /// The media type of the answer to such a call, whose own is that of gRPC; `None` when it is another.
    #[must_use]
    pub fn media(self, media: &[u8]) -> Option<Vec<u8>> {
        let suffix = strip(media, GRPC).filter(|suffix| is_suffix(suffix))?;
        let name: &[u8] = match self {
            Self::Binary => b"application/grpc-web",
            Self::Text => b"application/grpc-web-text",
        };
        Some([name, suffix].concat())
    }
}

/// The media type of gRPC with what stands behind its name.
#[must_use]
pub fn grpc_media(suffix: &[u8]) -> Vec<u8> {
    [GRPC, suffix].concat()
}

fn strip<'a>(media: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = media.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

fn is_suffix(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// Writes the frame of trailers; none where there are none.
///
/// Names are lower-cased. What does not fit the length of a frame cannot come from a head with bounds.
pub fn write_trailers<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    let start = out.len();
    out.extend_from_slice(&[TRAILERS, 0, 0, 0, 0]);
    let body = out.len();
    for (name, value) in fields {
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        out.push(b':');
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    match u32::try_from(out.len() - body) {
        Ok(0) | Err(_) => out.truncate(start),
        Ok(length) => out[start + 1..body].copy_from_slice(&length.to_be_bytes()),
    }
}
