//! Base64 (RFC 4648 section 4) of a stream: pieces that are padded each for itself may follow each other.

use std::fmt;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD: u8 = b'=';

/// What was read is no base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

impl fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is no base64")
    }
}

impl std::error::Error for NotBase64 {}

/// Decodes.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    bits: u32,
    /// Characters of the four at hand, padding included.
    have: u8,
    padding: u8,
}

impl Decoder {
    /// Decodes the next bytes of a stream.
    ///
    /// # Errors
    ///
    /// Something that is not of the alphabet, or padding in the wrong place, or bits that nobody meant.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), NotBase64> {
        out.reserve(input.len() / 4 * 3 + 3);
        input.iter().try_for_each(|byte| self.take(*byte, out))
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), NotBase64> {
        if byte == PAD {
            if self.have < 2 {
                return Err(NotBase64);
            }
            self.padding += 1;
            self.bits <<= 6;
        } else {
            if self.padding > 0 {
                return Err(NotBase64);
            }
            self.bits = self.bits << 6 | value(byte).ok_or(NotBase64)?;
        }
        self.have += 1;
        if self.have < 4 {
            return Ok(());
        }
        let [_, bytes @ ..] = self.bits.to_be_bytes();
        let (meant, rest) = bytes.split_at(3 - usize::from(self.padding));
        if rest.iter().any(|byte| *byte != 0) {
            return Err(NotBase64);
        }
        out.extend_from_slice(meant);
        *self = Self::default();
        Ok(())
    }

    /// Judges the end of the stream.
    ///
    /// # Errors
    ///
    /// Characters are missing.
    pub fn end(&self) -> Result<(), NotBase64> {
        if self.have == 0 { Ok(()) } else { Err(NotBase64) }
    }
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Encodes.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    /// Bytes that do not make four characters yet.
    held: [u8; 3],
    have: usize,
}

impl Encoder {
    /// Encodes the next bytes of a stream; up to two of them wait for more.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len() / 3 * 4 + 4);
        for byte in input {
            self.held[self.have] = *byte;
            self.have += 1;
            if self.have == 3 {
                self.write(out);
            }
        }
    }

    /// Whether bytes wait for more.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.have > 0
    }

    /// Encodes what waits, with padding.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.have > 0 {
            self.write(out);
        }
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        let have = std::mem::take(&mut self.have);
        let [a, b, c] = std::mem::take(&mut self.held);
        let bits = u32::from_be_bytes([0, a, b, c]);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let character = ALPHABET[(bits >> shift & 63) as usize];
            out.push(if place <= have { character } else { PAD });
        }
    }
}
