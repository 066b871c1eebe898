//! What a server writes: the begin of a request, its variables, its body.

use super::{HEAD, LONGEST, REQUEST, VERSION, kind};
use std::fmt;

/// The role of an application that answers requests (section 5.1).
const RESPONDER: u16 = 1;
/// The flag of a connection that outlives the request (section 5.1).
const KEEP_CONNECTION: u8 = 1;

/// A variable that does not fit into one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongPair;

impl fmt::Display for LongPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a variable of FastCGI has at most {LONGEST} bytes")
    }
}

impl std::error::Error for LongPair {}

/// The begin of a request and its variables, as records.
///
/// A variable never straddles two records. The specification allows it, and PHP reads each record on its own.
#[derive(Debug)]
pub struct Params {
    out: Vec<u8>,
    /// Where the head of the record stands that is being filled.
    record: usize,
}

impl Params {
    /// Begins a request; with `keep` the application leaves the connection open behind its answer.
    #[must_use]
    pub fn begin(keep: bool) -> Self {
        let mut out = Vec::with_capacity(2 << 10);
        head(&mut out, kind::BEGIN, 8);
        out.extend_from_slice(&RESPONDER.to_be_bytes());
        out.extend_from_slice(&[if keep { KEEP_CONNECTION } else { 0 }, 0, 0, 0, 0, 0]);
        let record = out.len();
        head(&mut out, kind::PARAMS, 0);
        Self { out, record }
    }

    /// Adds a variable, whose value is written in parts.
    ///
    /// # Errors
    ///
    /// It does not fit into one record; nothing is added.
    pub fn pair(&mut self, name: &[u8], value: &[&[u8]]) -> Result<(), LongPair> {
        let length = value.iter().map(|part| part.len()).sum();
        let lengths = length_bytes(name.len()) + length_bytes(length);
        let needed = lengths.saturating_add(name.len()).saturating_add(length);
        if needed > LONGEST {
            return Err(LongPair);
        }
        if self.filled() + needed > LONGEST {
            self.close_record();
            head(&mut self.out, kind::PARAMS, 0);
        }
        write_length(&mut self.out, name.len());
        write_length(&mut self.out, length);
        self.out.extend_from_slice(name);
        value.iter().for_each(|part| self.out.extend_from_slice(part));
        Ok(())
    }

    /// Ends the variables, and gives all that was written.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled() > 0 {
            self.close_record();
            head(&mut self.out, kind::PARAMS, 0);
        }
        self.out
    }

    fn filled(&self) -> usize {
        self.out.len() - self.record - HEAD
    }

    /// Writes how long the record became. The next one begins behind it.
    fn close_record(&mut self) {
        let [high, low] = (self.filled() as u16).to_be_bytes();
        self.out[self.record + 4] = high;
        self.out[self.record + 5] = low;
        self.record = self.out.len();
    }
}

/// Writes the head of a record with so many bytes of the request's body, which must follow: 1 to [`LONGEST`].
pub fn stdin(out: &mut Vec<u8>, length: usize) {
    debug_assert!((1..=LONGEST).contains(&length), "a record that is not the end of the body");
    head(out, kind::STDIN, length.min(LONGEST) as u16);
}

/// Ends the request's body.
pub fn end_stdin(out: &mut Vec<u8>) {
    head(out, kind::STDIN, 0);
}

fn head(out: &mut Vec<u8>, kind: u8, length: u16) {
    let ([id_high, id_low], [high, low]) = (REQUEST.to_be_bytes(), length.to_be_bytes());
    out.extend_from_slice(&[VERSION, kind, id_high, id_low, high, low, 0, 0]);
}

/// Bytes of a length (section 3.4).
fn length_bytes(length: usize) -> usize {
    if length < 128 { 1 } else { 4 }
}

fn write_length(out: &mut Vec<u8>, length: usize) {
    if length < 128 {
        out.push(length as u8);
    } else {
        out.extend_from_slice(&(length as u32 | 1 << 31).to_be_bytes());
    }
}
