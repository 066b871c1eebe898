//! Several ranges of a file in one body (RFC 9110, 14.6).

use super::answer::{Body, Place, content_range};
use super::representation::Representation;
use http1::write;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// The lines of the head and the body. `None` when that would be more than the whole file.
pub(super) fn make(
    representation: &Representation,
    place: &Place,
    ranges: &[Range<u64>],
) -> Option<(Vec<u8>, Body)> {
    let boundary = boundary();
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    for (index, range) in ranges.iter().enumerate() {
        parts.push(Body::Text(head(representation, &boundary, range, index == 0)));
        parts.push(place.slice(range));
    }
    parts.push(Body::Text(format!("\r\n--{boundary}--\r\n").into_bytes()));
    let body = Body::Parts(parts);
    if body.length() > representation.meta.size {
        return None;
    }
    let mut lines = representation.common_lines().to_vec();
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    write::field(&mut lines, b"Content-Type", content_type.as_bytes());
    write::number_field(&mut lines, b"Content-Length", body.length());
    Some((lines, body))
}

/// What stands before a range.
fn head(representation: &Representation, boundary: &str, range: &Range<u64>, is_first: bool) -> Vec<u8> {
    let mut text = if is_first { Vec::new() } else { b"\r\n".to_vec() };
    text.extend_from_slice(b"--");
    text.extend_from_slice(boundary.as_bytes());
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(representation.type_line());
    content_range(&mut text, range, representation.meta.size);
    write::end(&mut text);
    text
}

/// Text that is in no file: whoever wrote the file could not know it.
fn boundary() -> String {
    let random = || RandomState::new().hash_one(0u8);
    format!("{:016x}{:016x}", random(), random())
}
