//! An origin-form request target, split into path and query (RFC 9112, 3.2.1).

use super::error::PathError;

/// An origin-form target as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// What stands before the first `?`; not judged yet, see [`super::canonicalize`].
    pub path: &'a [u8],
    /// What stands after the first `?`, where there is one: visible ASCII without `#`.
    pub query: Option<&'a [u8]>,
}

/// Splits a target at its first `?` and judges the query.
///
/// # Errors
///
/// The target does not start with `/`, or the query has a byte that may not be sent.
pub fn split_target(raw: &[u8]) -> Result<Target<'_>, PathError> {
    if raw.first() != Some(&b'/') {
        return Err(PathError::NoLeadingSlash);
    }
    let Some(mark) = raw.iter().position(|&b| b == b'?') else {
        return Ok(Target { path: raw, query: None });
    };
    let query = &raw[mark + 1..];
    if query.iter().any(|&b| b == b'#' || !b.is_ascii_graphic()) {
        return Err(PathError::QueryByte);
    }
    Ok(Target { path: &raw[..mark], query: Some(query) })
}
