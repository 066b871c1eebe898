//! The name of a segment: what routes compare.
//!
//! It is the segment without its parameters (`admin;x` is judged as `admin`) and with its escapes decoded (`%28` and
//! `(` are one name), so that no spelling of a name that an instance could take for it is judged as another.
//! The bytes that are forwarded stay as they are.

use super::byte::escape_value;
use std::cmp::Ordering;

/// The bytes of a canonical segment's name, decoded one by one.
struct NameBytes<'a> {
    rest: &'a [u8],
}

impl Iterator for NameBytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&byte, tail) = self.rest.split_first()?;
        let (value, tail) = match escape_value(self.rest) {
            Some(value) => (value, &self.rest[3..]),
            None => (byte, tail),
        };
        self.rest = if value == b';' { &[] } else { tail };
        (value != b';').then_some(value)
    }
}

/// The name of a canonical segment.
pub(crate) fn key(segment: &[u8]) -> Vec<u8> {
    NameBytes { rest: segment }.collect()
}

/// Compares the name of a canonical segment with one that [`key`] gave.
pub(crate) fn compare_key(segment: &[u8], key: &[u8]) -> Ordering {
    NameBytes { rest: segment }.cmp(key.iter().copied())
}

/// Whether a canonical segment has no name: it is empty, or nothing but parameters.
pub(crate) fn is_hollow(segment: &[u8]) -> bool {
    segment.first().is_none_or(|&b| b == b';') || segment.starts_with(b"%3B")
}
