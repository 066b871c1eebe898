//! Where a body ends (RFC 9112 section 6), decided once from the fields of a judged head.

use crate::field::elements;
use crate::refusal::Refusal;

/// Where a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    #[default]
    None,
    /// After this many bytes, never 0 for a request without body but possibly for one that says `Content-Length: 0`.
    Exact(u64),
    /// With the last chunk.
    Chunked,
    /// When the connection ends; responses only.
    UntilClose,
}

/// Collects the framing fields of a head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Framing {
    pub(crate) content_length: Option<u64>,
    pub(crate) chunked: bool,
}

impl Framing {
    pub(crate) fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.content_length.is_some() {
            return Err(Refusal::ContentLengthRepeated);
        }
        self.content_length = Some(decimal(value).ok_or(Refusal::ContentLengthMalformed)?);
        Ok(())
    }

    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::TransferEncodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::ChunkedNotLast);
        }
        self.chunked = true;
        Ok(())
    }

    /// What both fields together say; `None` when neither is there.
    pub(crate) fn judge(self) -> Result<Option<BodyLength>, Refusal> {
        match (self.content_length, self.chunked) {
            (Some(_), true) => Err(Refusal::ContentLengthWithTransferEncoding),
            (Some(length), false) => Ok(Some(BodyLength::Exact(length))),
            (None, true) => Ok(Some(BodyLength::Chunked)),
            (None, false) => Ok(None),
        }
    }
}

/// A decimal number without sign, white space or superfluous zeros, below 2^63.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || (value[0] == b'0' && value.len() > 1) {
        return None;
    }
    value
        .iter()
        .try_fold(0_u64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

/// What a `Connection` field says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// Whether options besides these are listed, which name fields.
    pub(crate) names_fields: bool,
}

impl ConnectionOptions {
    pub(crate) fn read(&mut self, value: &[u8]) {
        for option in elements(value) {
            if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else {
                self.names_fields = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_numbers_are_lengths() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"5"), Some(5));
        assert_eq!(decimal(b"999999999999999999"), Some(999_999_999_999_999_999));
        for bad in [
            "",
            "+5",
            "-1",
            "0x10",
            "05",
            "00",
            "5,5",
            "5, 6",
            " 5",
            "5 ",
            "9223372036854775808",
            "1e3",
            "5\0",
        ] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
