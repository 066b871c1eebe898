//! From the path as sent to its canonical form, in one pass over its segments.

use super::byte::{CLASSES, Class, escape_value, is_unreserved};
use super::error::PathError;

/// What the caller must know about a canonical path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// A slash stands in it as `%2F`, or escaped twice as `%252F`: refuse it where the route does not ask for it.
    pub encoded_slash: bool,
}

/// Writes the canonical form of a path, the part of an origin-form target before the query, to `out`, which is
/// emptied first. The canonical form of a canonical path is itself.
///
/// # Errors
///
/// Names the rule that the path breaks; `out` is then of no use.
pub fn canonicalize(raw: &[u8], out: &mut Vec<u8>) -> Result<PathFacts, PathError> {
    out.clear();
    if raw.first() != Some(&b'/') {
        return Err(PathError::NoLeadingSlash);
    }
    if is_plain(raw) {
        out.extend_from_slice(raw);
        return Ok(PathFacts::default());
    }
    rewrite(raw, out)
}

/// Whether a path is in canonical form at first sight: no escapes, no empty segment, none that starts with a dot or
/// a semicolon. Without branches on bytes, since nearly every path is.
fn is_plain(raw: &[u8]) -> bool {
    let is_odd = |&byte: &u8| !matches!(CLASSES[usize::from(byte)], Class::Plain | Class::Slash);
    let starts_oddly = |(&before, &byte): (&u8, &u8)| (before == b'/') & matches!(byte, b'/' | b'.' | b';');
    let pairs = raw.iter().zip(raw.iter().skip(1));
    !raw.iter().map(is_odd).fold(false, |any, odd| any | odd)
        && !pairs.map(starts_oddly).fold(false, |any, odd| any | odd)
}

/// Segment by segment: each is copied, judged, and kept or taken back.
fn rewrite(raw: &[u8], out: &mut Vec<u8>) -> Result<PathFacts, PathError> {
    let mut facts = PathFacts::default();
    // Where the last empty segment was merged away; `..` must not reach back to it.
    let mut merged = 0;
    out.push(b'/');
    let mut segments = raw[1..].split(|&b| b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let start = out.len();
        let has_escapes = copy_segment(segment, out)?;
        match judge(&out[start..], has_escapes, is_last)? {
            Kind::Empty if is_last => {}
            Kind::Empty => merged = start,
            Kind::Dot => out.truncate(start),
            Kind::Parent => {
                out.truncate(start);
                pop_segment(out, merged)?;
            }
            Kind::Name { encoded_slash } => {
                facts.encoded_slash |= encoded_slash;
                if !is_last {
                    out.push(b'/');
                }
            }
        }
    }
    Ok(facts)
}

/// Takes the last segment off a path that ends with a slash.
fn pop_segment(out: &mut Vec<u8>, merged: usize) -> Result<(), PathError> {
    let Some((_, parents)) = out.split_last().filter(|(_, parents)| !parents.is_empty()) else {
        return Err(PathError::AboveRoot);
    };
    if out.len() <= merged {
        return Err(PathError::ParentOfEmpty);
    }
    let keep = parents.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
    out.truncate(keep);
    Ok(())
}

/// Copies one segment with its escapes in canonical form; says whether any escape remains.
fn copy_segment(segment: &[u8], out: &mut Vec<u8>) -> Result<bool, PathError> {
    let mut has_escapes = false;
    let mut previous_escape = 0;
    let mut rest = segment;
    while let Some((&byte, tail)) = rest.split_first() {
        if CLASSES[usize::from(byte)] != Class::Percent {
            out.push(plain(byte)?);
            previous_escape = 0;
            rest = tail;
            continue;
        }
        let value = escape_value(rest).ok_or(PathError::BadEscape)?;
        check_escape(value, previous_escape)?;
        if is_unreserved(value) {
            out.push(value);
        } else {
            has_escapes = true;
            out.extend_from_slice(&[b'%', HEX[usize::from(value >> 4)], HEX[usize::from(value & 15)]]);
        }
        previous_escape = value;
        rest = &rest[3..];
    }
    Ok(has_escapes)
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn plain(byte: u8) -> Result<u8, PathError> {
    match CLASSES[usize::from(byte)] {
        Class::Plain | Class::Slash | Class::Percent => Ok(byte),
        Class::Backslash => Err(PathError::Backslash),
        Class::Fragment => Err(PathError::Fragment),
        Class::Query => Err(PathError::Query),
        Class::Invisible => Err(PathError::Invisible),
        Class::Foreign => Err(PathError::NotAscii),
        Class::Forbidden => Err(PathError::ForbiddenCharacter),
    }
}

/// Judges an escaped byte with the escaped byte right before it (0 where there is none).
///
/// The second byte of a sequence is enough to know overlong forms, surrogates and code points above U+10FFFF (The
/// Unicode Standard, table 3-7). Escapes in other encodings, such as a lone `%E9`, pass.
fn check_escape(value: u8, previous: u8) -> Result<(), PathError> {
    match (previous, value) {
        (_, 0..=0x1f | 0x7f) => Err(PathError::EscapedControl),
        (_, b'\\') => Err(PathError::Backslash),
        (_, 0xc0 | 0xc1 | 0xf5..=0xff)
        | (0xe0, 0x80..=0x9f)
        | (0xed, 0xa0..=0xbf)
        | (0xf0, 0x80..=0x8f)
        | (0xf4, 0x90..=0xbf) => Err(PathError::ImpossibleUtf8),
        _ => Ok(()),
    }
}

/// What a segment is, once its escapes are in canonical form.
enum Kind {
    Empty,
    Dot,
    Parent,
    Name { encoded_slash: bool },
}

fn judge(segment: &[u8], has_escapes: bool, is_last: bool) -> Result<Kind, PathError> {
    if has_escapes {
        if has_double_escape(segment) {
            return Err(PathError::DoubleEscape);
        }
        if let Some((first, rest)) = split_at_encoded_slash(segment) {
            judge_pieces(first, rest)?;
            return Ok(Kind::Name { encoded_slash: true });
        }
    }
    let name = before_parameters(segment);
    let has_parameters = name.len() < segment.len();
    match name {
        b"." | b".." if has_parameters => Err(PathError::DotParameters),
        b"." => Ok(Kind::Dot),
        b".." => Ok(Kind::Parent),
        // At the end of a path it can only be taken for the slash before it.
        b"" if has_parameters && !is_last => Err(PathError::OnlyParameters),
        b"" if !has_parameters => Ok(Kind::Empty),
        _ => Ok(Kind::Name { encoded_slash: false }),
    }
}

/// A server that decodes the slashes sees the pieces as segments: none may be a dot segment, with parameters or not.
fn judge_pieces(first: &[u8], rest: &[u8]) -> Result<(), PathError> {
    let (mut piece, mut rest) = (first, Some(rest));
    loop {
        let name = before_parameters(piece);
        let is_hollow = name.is_empty() && !piece.is_empty();
        if is_hollow || matches!(name, b"." | b"..") {
            return Err(PathError::EncodedSlashDots);
        }
        let Some(tail) = rest else { return Ok(()) };
        (piece, rest) = match split_at_encoded_slash(tail) {
            Some((next, tail)) => (next, Some(tail)),
            None => (tail, None),
        };
    }
}

/// The part of a segment before its parameters (RFC 3986, 3.3), whose semicolon may be escaped.
fn before_parameters(segment: &[u8]) -> &[u8] {
    let end = (0..segment.len()).find(|&at| segment[at] == b';' || segment[at..].starts_with(b"%3B"));
    &segment[..end.unwrap_or(segment.len())]
}

/// Splits at the first `%2F` or `%252F`.
fn split_at_encoded_slash(segment: &[u8]) -> Option<(&[u8], &[u8])> {
    for at in 0..segment.len() {
        for escape in ENCODED_SLASHES {
            if let Some(rest) = segment[at..].strip_prefix(escape) {
                return Some((&segment[..at], rest));
            }
        }
    }
    None
}

/// Writes a canonical path as a server sees it that takes encoded slashes for slashes and merges them. It is canonical
/// again, since no dot segment stands beside an encoded slash. `out` is emptied first.
pub(crate) fn decode_slashes(path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut rest = path;
    while let Some((piece, tail)) = split_at_encoded_slash(rest) {
        push_merged(piece, out);
        push_merged(b"/", out);
        rest = tail;
    }
    push_merged(rest, out);
}

/// Appends a piece of a path, without a slash that would follow another one.
fn push_merged(piece: &[u8], out: &mut Vec<u8>) {
    let is_double = out.last() == Some(&b'/') && piece.first() == Some(&b'/');
    out.extend_from_slice(&piece[usize::from(is_double)..]);
}

const ENCODED_SLASHES: [&[u8]; 3] = [b"%2F", b"%252F", b"%252f"];

/// Whether decoding twice gives an ASCII character that decoding once does not; `%252F` is reported as a slash.
fn has_double_escape(segment: &[u8]) -> bool {
    segment.windows(5).any(|window| {
        let inner = window.strip_prefix(b"%25").map(|digits| [b'%', digits[0], digits[1]]);
        let value = inner.and_then(|escape| escape_value(&escape));
        value.is_some_and(|value| value.is_ascii() && value != b'/')
    })
}
