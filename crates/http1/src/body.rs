//! Reading a body of any framing as bytes arrive.

use crate::chunked::ChunkDecoder;
use crate::framing::BodyLength;
use crate::refusal::Refusal;

/// What one call of [`BodyReader::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes are dealt with and will not be looked at again.
    pub consumed: usize,
    /// Where the data starts within them.
    pub start: usize,
    /// Where the data ends within them.
    pub end: usize,
}

/// Reads a body.
#[derive(Clone, Debug, Default)]
pub enum BodyReader {
    /// The body is complete, or there was none.
    #[default]
    Done,
    /// So many bytes are left, never 0.
    Exact(u64),
    /// Chunks are read.
    Chunked(ChunkDecoder),
    /// Everything belongs to the body until the connection ends.
    UntilClose,
}

impl BodyReader {
    /// A reader for a body of this length.
    #[must_use]
    pub fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::None | BodyLength::Exact(0) => Self::Done,
            BodyLength::Exact(length) => Self::Exact(length),
            BodyLength::Chunked => Self::Chunked(ChunkDecoder::default()),
            BodyLength::UntilClose => Self::UntilClose,
        }
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Done => true,
            Self::Chunked(decoder) => decoder.is_done(),
            Self::Exact(_) | Self::UntilClose => false,
        }
    }

    /// Decodes the next run of data. Nothing is consumed once the body is complete.
    ///
    /// # Errors
    ///
    /// Chunks that are malformed.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        let run = match self {
            Self::Done => 0,
            Self::Chunked(decoder) => return decoder.decode(bytes),
            Self::UntilClose => bytes.len(),
            Self::Exact(left) => {
                let run = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= run as u64;
                run
            }
        };
        if matches!(self, Self::Exact(0)) {
            *self = Self::Done;
        }
        Ok(Decoded { consumed: run, start: 0, end: run })
    }

    /// Tells the reader that the connection ended.
    ///
    /// # Errors
    ///
    /// The body was not complete.
    pub fn end(&mut self) -> Result<(), Refusal> {
        match self {
            Self::UntilClose => *self = Self::Done,
            _ if self.is_done() => {}
            _ => return Err(Refusal::Truncated),
        }
        Ok(())
    }

    /// The trailer section of a complete chunked body: judged lines, each with its CRLF.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        match self {
            Self::Chunked(decoder) => decoder.trailers(),
            _ => &[],
        }
    }
}
