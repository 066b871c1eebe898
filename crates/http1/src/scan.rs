//! Finding the end of a head as bytes arrive, so that a head is parsed once however slowly it comes.

use crate::limits::HeadLimits;
use crate::refusal::Refusal;
use memchr::memchr;

/// Finds the end of a head in bytes that arrive in pieces.
///
/// Every byte is looked at once. Line endings and sizes are judged on the way, so that a head which can no longer
/// become good is refused before it is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadScanner {
    scanned: usize,
    line_start: usize,
    lines: usize,
    skipped: bool,
}

impl HeadScanner {
    /// Looks for the end of the head in `bytes`, which must start where they started at the last call and may have
    /// grown. Answers with the length of the head, the empty line included.
    ///
    /// # Errors
    ///
    /// A line that ends without CRLF, and any bound that is exceeded.
    pub fn scan(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        while let Some(found) = memchr(b'\n', &bytes[self.scanned..]) {
            let line_feed = self.scanned + found;
            if line_feed == 0 || bytes[line_feed - 1] != b'\r' {
                return Err(Refusal::BareLineFeed);
            }
            let line = line_feed - 1 - self.line_start;
            self.scanned = line_feed + 1;
            if line == 0 && self.lines == 0 {
                self.skip_empty_line()?;
                continue;
            }
            if line == 0 {
                let end = self.scanned;
                return if end > limits.bytes { Err(Refusal::HeadTooLarge) } else { Ok(Some(end)) };
            }
            self.judge_line(line, limits)?;
            self.line_start = self.scanned;
        }
        self.scanned = bytes.len();
        self.judge_unfinished(bytes.len(), limits)?;
        Ok(None)
    }

    /// One empty line before the first line is passed over, as RFC 9112 section 2.2 asks for.
    fn skip_empty_line(&mut self) -> Result<(), Refusal> {
        if self.skipped {
            return Err(Refusal::LeadingEmptyLines);
        }
        self.skipped = true;
        self.line_start = self.scanned;
        Ok(())
    }

    fn judge_line(&mut self, line: usize, limits: &HeadLimits) -> Result<(), Refusal> {
        if self.lines == 0 && line > limits.first_line {
            return Err(Refusal::FirstLineTooLong);
        }
        if self.lines > limits.fields {
            return Err(Refusal::TooManyFields);
        }
        self.lines += 1;
        Ok(())
    }

    fn judge_unfinished(&self, length: usize, limits: &HeadLimits) -> Result<(), Refusal> {
        if self.lines == 0 && length - self.line_start > limits.first_line + 1 {
            return Err(Refusal::FirstLineTooLong);
        }
        if length >= limits.bytes { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        HeadScanner::default().scan(bytes, limits)
    }

    #[test]
    fn the_end_is_found_however_the_bytes_are_split() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let limits = HeadLimits::default();
        let mut scanner = HeadScanner::default();
        let mut found = None;
        for end in 0..=head.len() {
            if let Some(length) = scanner.scan(&head[..end], &limits).expect("a good head") {
                found = Some(length);
                break;
            }
        }
        assert_eq!(found, Some(head.len() - 4));
        assert_eq!(scan(head, &limits), Ok(found));
    }

    #[test]
    fn a_bare_line_feed_is_refused_before_the_head_is_complete() {
        assert_eq!(scan(b"GET / HTTP/1.1\nHo", &HeadLimits::default()), Err(Refusal::BareLineFeed));
        assert_eq!(scan(b"\n", &HeadLimits::default()), Err(Refusal::BareLineFeed));
    }

    #[test]
    fn bounds_hold_at_n_and_refuse_at_n_plus_1() {
        let head = b"GET /aa HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
        let exact = HeadLimits { bytes: head.len(), fields: 2, first_line: 16, underscores: false };
        assert_eq!(scan(head, &exact), Ok(Some(head.len())));
        let bytes = HeadLimits { bytes: head.len() - 1, ..exact };
        assert_eq!(scan(head, &bytes), Err(Refusal::HeadTooLarge));
        let fields = HeadLimits { fields: 1, ..exact };
        assert_eq!(scan(head, &fields), Err(Refusal::TooManyFields));
        let line = HeadLimits { first_line: 15, ..exact };
        assert_eq!(scan(head, &line), Err(Refusal::FirstLineTooLong));
        assert_eq!(scan(&head[..17], &line), Err(Refusal::FirstLineTooLong));
    }
}
