//! What each byte of a path is, as a table.

/// What a raw byte of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It stands for itself.
    Plain,
    /// `/`.
    Slash,
    /// `%`.
    Percent,
    /// `\`.
    Backslash,
    /// `#`.
    Fragment,
    /// `?`.
    Query,
    /// Space, control byte or DEL.
    Invisible,
    /// Not ASCII.
    Foreign,
    /// Visible, and in no URI: `"<>^{}` and the backtick.
    Forbidden,
}

/// The class of every byte.
pub(super) static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    let mut table = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
}

const fn class(byte: u8) -> Class {
    match byte {
        b'/' => Class::Slash,
        b'%' => Class::Percent,
        b'\\' => Class::Backslash,
        b'#' => Class::Fragment,
        b'?' => Class::Query,
        0..=0x20 | 0x7f => Class::Invisible,
        0x80..=0xff => Class::Foreign,
        b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'}' => Class::Forbidden,
        _ => Class::Plain,
    }
}

/// Whether a byte means the same escaped and not (RFC 3986, 2.3).
pub(super) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The byte that the escape at the start of `text` stands for.
pub(super) fn escape_value(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', high, low, ..] => Some(hex(*high)? << 4 | hex(*low)?),
        _ => None,
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
