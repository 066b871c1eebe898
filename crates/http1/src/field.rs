//! Fields of a head as ranges of the received bytes.

/// A range of the bytes of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The place of `part` in `whole`. Both must belong to the same buffer, `part` within `whole`.
    pub(crate) fn locate(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        debug_assert!(start + part.len() <= whole.len(), "a part lies in its whole");
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    /// The bytes of this range.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// Whether the range is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// The names that mean something to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the field of that name")]
pub enum Known {
    AcceptEncoding,
    Authorization,
    CacheControl,
    Connection,
    ContentEncoding,
    ContentLength,
    ContentRange,
    ContentType,
    Cookie,
    Date,
    ETag,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    IfMatch,
    IfModifiedSince,
    IfNoneMatch,
    IfRange,
    IfUnmodifiedSince,
    KeepAlive,
    Location,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    Range,
    Referer,
    SecWebSocketKey,
    Server,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    Vary,
    XForwardedFor,
    XForwardedHost,
    XForwardedOther,
    XForwardedProto,
    XRealIp,
    XRequestId,
    Other,
}

/// The names of [`Known`], by length.
const NAMES: &[(&str, Known)] = &[
    ("te", Known::Te),
    ("date", Known::Date),
    ("etag", Known::ETag),
    ("host", Known::Host),
    ("vary", Known::Vary),
    ("range", Known::Range),
    ("cookie", Known::Cookie),
    ("expect", Known::Expect),
    ("server", Known::Server),
    ("referer", Known::Referer),
    ("trailer", Known::Trailer),
    ("upgrade", Known::Upgrade),
    ("if-match", Known::IfMatch),
    ("if-range", Known::IfRange),
    ("location", Known::Location),
    ("forwarded", Known::Forwarded),
    ("x-real-ip", Known::XRealIp),
    ("connection", Known::Connection),
    ("keep-alive", Known::KeepAlive),
    ("set-cookie", Known::SetCookie),
    ("user-agent", Known::UserAgent),
    ("content-type", Known::ContentType),
    ("x-request-id", Known::XRequestId),
    ("authorization", Known::Authorization),
    ("cache-control", Known::CacheControl),
    ("content-range", Known::ContentRange),
    ("if-none-match", Known::IfNoneMatch),
    ("content-length", Known::ContentLength),
    ("http2-settings", Known::Http2Settings),
    ("accept-encoding", Known::AcceptEncoding),
    ("x-forwarded-for", Known::XForwardedFor),
    ("content-encoding", Known::ContentEncoding),
    ("proxy-connection", Known::ProxyConnection),
    ("x-forwarded-host", Known::XForwardedHost),
    ("x-forwarded-port", Known::XForwardedOther),
    ("if-modified-since", Known::IfModifiedSince),
    ("sec-websocket-key", Known::SecWebSocketKey),
    ("transfer-encoding", Known::TransferEncoding),
    ("x-forwarded-proto", Known::XForwardedProto),
    ("proxy-authenticate", Known::ProxyAuthenticate),
    ("if-unmodified-since", Known::IfUnmodifiedSince),
    ("proxy-authorization", Known::ProxyAuthorization),
];

/// For each length of a name, the range of [`NAMES`] that has it.
const BY_LENGTH: [(u8, u8); 20] = {
    let mut ranges = [(0, 0); 20];
    let mut index = 0;
    while index < NAMES.len() {
        let length = NAMES[index].0.len();
        if ranges[length].1 == 0 {
            ranges[length].0 = index as u8;
        }
        ranges[length].1 = index as u8 + 1;
        index += 1;
    }
    ranges
};

impl Known {
    /// The meaning of a field name, whatever its case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let Some(&(start, end)) = BY_LENGTH.get(name.len()) else {
            return if starts_with(name, b"x-forwarded-") { Self::XForwardedOther } else { Self::Other };
        };
        for (known, meaning) in &NAMES[start as usize..end as usize] {
            if name.eq_ignore_ascii_case(known.as_bytes()) {
                return *meaning;
            }
        }
        if starts_with(name, b"x-forwarded-") { Self::XForwardedOther } else { Self::Other }
    }

    /// Whether the field belongs to one connection only (RFC 9110 section 7.6.1), and so is never forwarded.
    #[must_use]
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Whether the field says where a request came from, so that only a trusted proxy may send it.
    #[must_use]
    pub fn is_forwarding(self) -> bool {
        matches!(
            self,
            Self::Forwarded
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedOther
                | Self::XForwardedProto
                | Self::XRealIp
        )
    }

    /// Whether the field frames or routes a message, so that it may stand neither in a trailer section nor be named
    /// by `Connection`.
    #[must_use]
    pub fn is_framing(self) -> bool {
        matches!(self, Self::ContentLength | Self::Host | Self::TransferEncoding)
    }
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.len() > prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix)
}

/// A field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, in the case it was received in.
    pub name: Span,
    /// The value without leading and trailing white space.
    pub value: Span,
    /// What the name means.
    pub known: Known,
    /// Whether the field belongs to this connection only: hop-by-hop by its name, or named by `Connection`.
    pub hop: bool,
}

/// The fields of a head, in the order they were received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub(crate) list: Vec<Field>,
}

impl Fields {
    /// All fields.
    pub fn iter(&self) -> std::slice::Iter<'_, Field> {
        self.list.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The first field of this meaning.
    #[must_use]
    pub fn first(&self, known: Known) -> Option<&Field> {
        self.list.iter().find(|field| field.known == known)
    }

    /// The value of the only field of this meaning; `None` when there is none or more than one.
    #[must_use]
    pub fn only<'b>(&self, known: Known, head: &'b [u8]) -> Option<&'b [u8]> {
        let mut found = self.list.iter().filter(|field| field.known == known);
        match (found.next(), found.next()) {
            (Some(field), None) => Some(field.value.of(head)),
            _ => None,
        }
    }

    /// The fields of a name, whatever its case.
    pub fn named<'a>(&'a self, name: &'a [u8], head: &'a [u8]) -> impl Iterator<Item = &'a Field> {
        self.list.iter().filter(move |field| field.name.of(head).eq_ignore_ascii_case(name))
    }
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1), without white space around them; empty elements
/// are left out.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for (name, meaning) in NAMES {
            assert_eq!(Known::of(name.as_bytes()), *meaning);
            assert_eq!(Known::of(name.to_uppercase().as_bytes()), *meaning);
        }
        assert_eq!(Known::of(b"hos"), Known::Other);
        assert_eq!(Known::of(b""), Known::Other);
        assert_eq!(Known::of(b"X-Forwarded-Client-Cert"), Known::XForwardedOther);
    }

    #[test]
    fn names_are_sorted_by_length() {
        assert!(NAMES.is_sorted_by_key(|(name, _)| name.len()));
    }
}
