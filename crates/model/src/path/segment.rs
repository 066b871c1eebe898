//! The segments of a canonical path as names of files.

use super::byte::escape_value;
use std::borrow::Cow;
use std::fmt;

/// Decodes the segments of a canonical path, in order. The empty end of a path with a trailing slash is no segment.
///
/// Each item is the name of a file or folder, or the rule that the segment breaks; it is borrowed unless the segment
/// has escapes.
#[must_use]
pub fn decode_segments(path: &[u8]) -> Segments<'_> {
    Segments { rest: path.strip_prefix(b"/").unwrap_or(path) }
}

/// The iterator of [`decode_segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Cow<'a, [u8]>, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|&b| b == b'/');
        let segment = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = end.map_or(&[][..], |end| &self.rest[end + 1..]);
        Some(file_name(segment))
    }
}

/// What remains of a canonical path after its first `count` segments, with its leading slash; empty when nothing
/// remains, not even a slash. Counts segments, because parameters make `/api;x/` another text than `/api/`.
#[must_use]
pub fn skip_segments(path: &[u8], count: usize) -> &[u8] {
    let mut rest = path;
    for _ in 0..count {
        let name = rest.strip_prefix(b"/").unwrap_or(rest);
        let end = name.iter().position(|&b| b == b'/').unwrap_or(name.len());
        rest = &name[end..];
    }
    rest
}

fn file_name(segment: &[u8]) -> Result<Cow<'_, [u8]>, SegmentError> {
    let name = if segment.contains(&b'%') { Cow::Owned(decode(segment)?) } else { Cow::Borrowed(segment) };
    match &*name {
        b"" => Err(SegmentError::Empty),
        b"." | b".." => Err(SegmentError::Dots),
        name if name.contains(&b'/') => Err(SegmentError::Slash),
        name if name.contains(&0) => Err(SegmentError::Nul),
        _ => Ok(name),
    }
}

fn decode(segment: &[u8]) -> Result<Vec<u8>, SegmentError> {
    let mut name = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            name.push(escape_value(rest).ok_or(SegmentError::BadEscape)?);
            rest = &rest[3..];
        } else {
            name.push(byte);
            rest = tail;
        }
    }
    Ok(name)
}

/// Why a segment is not the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentError {
    /// There is no name.
    Empty,
    /// It is `.` or `..`.
    Dots,
    /// A slash is escaped in it.
    Slash,
    /// A NUL is escaped in it.
    Nul,
    /// A `%` without two hexadecimal digits; canonical paths have none.
    BadEscape,
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the segment is empty",
            Self::Dots => "the segment is a dot segment",
            Self::Slash => "the segment has an escaped slash",
            Self::Nul => "the segment has an escaped NUL",
            Self::BadEscape => "the segment has a `%` without two hexadecimal digits",
        })
    }
}

impl std::error::Error for SegmentError {}
