//! The chunked transfer coding (RFC 9112 section 7.1), decoded as bytes arrive.

use crate::body::Decoded;
use crate::field::Known;
use crate::refusal::Refusal;

/// Bytes of chunk extensions that one body may carry in all. They are read and dropped.
const MAX_EXTENSIONS: usize = 4 << 10;
/// Bytes of a trailer section.
const MAX_TRAILERS: usize = 8 << 10;
/// Fields of a trailer section.
const MAX_TRAILER_FIELDS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u8 },
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerLine,
    TrailerLineFeed,
    EndLineFeed,
    Done,
}

/// Decodes a chunked body.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    /// What is left of the chunk, or its size while that is read.
    left: u64,
    extensions: usize,
    trailers: Vec<u8>,
}

impl Default for ChunkDecoder {
    fn default() -> Self {
        Self { state: State::Size { digits: 0 }, left: 0, extensions: 0, trailers: Vec::new() }
    }
}

impl ChunkDecoder {
    /// Decodes framing up to the next run of data, and that run as far as `bytes` has it.
    ///
    /// # Errors
    ///
    /// Framing that is not what RFC 9112 says, or exceeds a bound.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        let mut place = 0;
        while place < bytes.len() {
            match self.state {
                State::Done => break,
                State::Data => {
                    let run = (bytes.len() - place).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    self.left -= run as u64;
                    if self.left == 0 {
                        self.state = State::DataReturn;
                    }
                    return Ok(Decoded { consumed: place + run, start: place, end: place + run });
                }
                _ => self.step(bytes[place])?,
            }
            place += 1;
        }
        Ok(Decoded { consumed: place, start: place, end: place })
    }

    fn step(&mut self, byte: u8) -> Result<(), Refusal> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, _) => self.size(digits, byte)?,
            (State::Extension, b'\r') => State::SizeLineFeed,
            (State::Extension, _) => self.extension(byte)?,
            (State::SizeLineFeed, b'\n') if self.left == 0 => State::TrailerStart,
            (State::SizeLineFeed, b'\n') => State::Data,
            (State::DataReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::Size { digits: 0 },
            (State::TrailerStart, b'\r') => State::EndLineFeed,
            (State::TrailerLine, b'\r') => State::TrailerLineFeed,
            (State::TrailerStart | State::TrailerLine, _) => self.trailer(byte)?,
            (State::TrailerLineFeed, b'\n') => {
                self.trailers.extend_from_slice(b"\r\n");
                State::TrailerStart
            }
            (State::EndLineFeed, b'\n') => {
                self.judge_trailers()?;
                State::Done
            }
            _ => return Err(Refusal::ChunkMalformed),
        };
        Ok(())
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, Refusal> {
        if digits > 0 && byte == b'\r' {
            return Ok(State::SizeLineFeed);
        }
        if digits > 0 && byte == b';' {
            return Ok(State::Extension);
        }
        let digit = char::from(byte).to_digit(16).ok_or(Refusal::ChunkSize)?;
        // Fifteen digits keep the size below 2^60, so that no arithmetic on it can overflow.
        if digits == 15 {
            return Err(Refusal::ChunkSize);
        }
        self.left = if digits == 0 { 0 } else { self.left << 4 } | u64::from(digit);
        Ok(State::Size { digits: digits + 1 })
    }

    fn extension(&mut self, byte: u8) -> Result<State, Refusal> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS {
            return Err(Refusal::ChunkExtensionTooLong);
        }
        match byte {
            b'\t' | 0x20..=0x7e => Ok(State::Extension),
            _ => Err(Refusal::ChunkMalformed),
        }
    }

    fn trailer(&mut self, byte: u8) -> Result<State, Refusal> {
        if self.trailers.len() >= MAX_TRAILERS || byte == b'\n' {
            return Err(Refusal::TrailerMalformed);
        }
        self.trailers.push(byte);
        Ok(State::TrailerLine)
    }

    fn judge_trailers(&mut self) -> Result<(), Refusal> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut storage = [httparse::EMPTY_HEADER; MAX_TRAILER_FIELDS];
        let parsed = httparse::parse_headers(&self.trailers, &mut storage);
        let Ok(httparse::Status::Complete((_, fields))) = parsed else {
            return Err(Refusal::TrailerMalformed);
        };
        if fields.iter().any(|field| is_forbidden(field.name.as_bytes())) {
            return Err(Refusal::TrailerForbidden);
        }
        self.trailers.truncate(self.trailers.len() - 2);
        Ok(())
    }

    /// Whether the last chunk and the trailer section have been read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer section, once done: judged lines, each with its CRLF.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        if self.is_done() { &self.trailers } else { &[] }
    }
}

/// Whether a field may not stand in a trailer section (RFC 9110 section 6.5.1), because somebody might merge it
/// with the head.
fn is_forbidden(name: &[u8]) -> bool {
    let known = Known::of(name);
    known.is_framing()
        || known.is_hop_by_hop()
        || known.is_forwarding()
        || name.contains(&b'_')
        || matches!(
            known,
            Known::Authorization
                | Known::CacheControl
                | Known::ContentEncoding
                | Known::ContentRange
                | Known::ContentType
                | Known::Cookie
                | Known::Expect
                | Known::Location
                | Known::Range
                | Known::SetCookie
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(mut bytes: &[u8]) -> Result<(Vec<u8>, ChunkDecoder, usize), Refusal> {
        let (mut decoder, mut data) = (ChunkDecoder::default(), Vec::new());
        let whole = bytes.len();
        loop {
            let decoded = decoder.decode(bytes)?;
            data.extend_from_slice(&bytes[decoded.start..decoded.end]);
            bytes = &bytes[decoded.consumed..];
            if decoded.consumed == 0 || decoder.is_done() {
                return Ok((data, decoder, whole - bytes.len()));
            }
        }
    }

    #[test]
    fn data_and_trailers_are_read_and_the_rest_is_left() {
        let (data, decoder, read) =
            decode(b"5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nGET").expect("a good body");
        assert_eq!(data, b"hello0123456789");
        assert!(decoder.is_done());
        assert_eq!(decoder.trailers(), b"X-T: 1\r\n");
        assert_eq!(read, 44);
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        for (bytes, refusal) in [
            (&b"0x5\r\nhello"[..], Refusal::ChunkSize),
            (b"5_0\r\n", Refusal::ChunkSize),
            (b" 5\r\n", Refusal::ChunkSize),
            (b"5 \r\n", Refusal::ChunkSize),
            (b"-5\r\n", Refusal::ChunkSize),
            (b"\r\n", Refusal::ChunkSize),
            (b"5\n", Refusal::ChunkSize),
            (b"1000000000000000\r\n", Refusal::ChunkSize),
            (b"5;\n", Refusal::ChunkMalformed),
            (b"5;a\rX", Refusal::ChunkMalformed),
            (b"5\r\nhelloXX", Refusal::ChunkMalformed),
            (b"0\r\nContent-Length: 5\r\n\r\n", Refusal::TrailerForbidden),
            (b"0\r\n bad\r\n\r\n", Refusal::TrailerMalformed),
            (b"0\r\nA: b\n\r\n", Refusal::TrailerMalformed),
        ] {
            assert_eq!(decode(bytes).err(), Some(refusal), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn extensions_are_bounded_over_the_whole_body() {
        let mut body = Vec::new();
        for _ in 0..2 {
            body.extend_from_slice(b"1;");
            body.extend(std::iter::repeat_n(b'a', MAX_EXTENSIONS / 2));
            body.extend_from_slice(b"\r\nx\r\n");
        }
        assert!(decode(&body).is_ok());
        body.extend_from_slice(b"1;a");
        assert_eq!(decode(&body).err(), Some(Refusal::ChunkExtensionTooLong));
    }
}
