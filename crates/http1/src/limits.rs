//! Bounds of a message head.

/// The most fields that a head may be allowed to have, whatever is configured.
pub const MAX_FIELDS: usize = 256;

/// Bounds of a message head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the head, the first line and the empty line included.
    pub bytes: usize,
    /// Fields; at most [`MAX_FIELDS`].
    pub fields: usize,
    /// Bytes of the first line without its CRLF.
    pub first_line: usize,
    /// Whether an underscore in a field name is accepted. Many applications read `_` and `-` alike, so a client could
    /// forge a field that we set.
    pub underscores: bool,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { bytes: 16 << 10, fields: 100, first_line: 8 << 10, underscores: false }
    }
}
