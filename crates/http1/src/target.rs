//! The request target (RFC 9112 section 3.2), split but not yet canonical.

use crate::field::Span;
use crate::refusal::Refusal;

/// What a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Path and query as received; empty for `*`. Starts with a slash otherwise.
    pub path_and_query: Span,
    /// Whether the target is `*` (only with `OPTIONS`).
    pub asterisk: bool,
    /// The authority of an absolute-form target.
    pub authority: Option<Span>,
}

impl Target {
    /// Splits the target of a request.
    pub(crate) fn parse(head: &[u8], target: &[u8], method: &[u8]) -> Result<Self, Refusal> {
        if !target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#') {
            return Err(Refusal::Target);
        }
        if target.starts_with(b"/") {
            return Ok(Self { path_and_query: Span::locate(head, target), ..Self::default() });
        }
        if target == b"*" {
            let refused = method != b"OPTIONS";
            return if refused {
                Err(Refusal::Target)
            } else {
                Ok(Self { asterisk: true, ..Self::default() })
            };
        }
        Self::parse_absolute(head, target)
    }

    fn parse_absolute(head: &[u8], target: &[u8]) -> Result<Self, Refusal> {
        let rest = strip_scheme(target).ok_or(Refusal::Target)?;
        let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).ok_or(Refusal::Target)?;
        let (authority, path) = rest.split_at(end);
        if authority.is_empty() || !path.starts_with(b"/") {
            return Err(Refusal::Target);
        }
        Ok(Self {
            path_and_query: Span::locate(head, path),
            asterisk: false,
            authority: Some(Span::locate(head, authority)),
        })
    }
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}
