//! One host name in canonical form, and the rules that every host name obeys.

use idna::AsciiDenyList;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most bytes that a name may have, without its trailing dot (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;
/// The most bytes that a label may have (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// A host name or address in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostName(String);

impl HostName {
    /// Reads a host as a person writes it: any case, U-labels or A-labels, with or without a trailing dot, an IPv6
    /// address with or without brackets.
    ///
    /// # Errors
    ///
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(HostError::Address)?;
            return parse_v6(inner).map(|address| Self(address.to_string()));
        }
        if text.contains(':') {
            return parse_v6(text).map(|address| Self(address.to_string()));
        }
        let ascii = to_ascii(text)?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        check_name(name)?;
        Ok(Self(name.to_owned()))
    }

    /// The canonical text; an IPv6 address has no brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an IP address and not a name.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.address().is_some()
    }

    /// The address, where this is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// Whether no public authority certifies this host: names reserved for local use (RFC 6761, RFC 6762, RFC 8375
    /// and ICANN's `internal`), names of one label, and loopback, private or link-local addresses.
    #[must_use]
    pub fn is_local(&self) -> bool {
        const LOCAL: [&str; 5] = [".localhost", ".test", ".internal", ".home.arpa", ".local"];
        match self.address() {
            Some(IpAddr::V4(address)) => is_local_v4(address),
            Some(IpAddr::V6(address)) => is_local_v6(address),
            None => {
                !self.0.contains('.')
                    || self.0 == "home.arpa"
                    || LOCAL.iter().any(|suffix| self.0.ends_with(suffix))
            }
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule that a host name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostError {
    /// There is no name.
    Empty,
    /// Two dots in a row, or a dot at the start.
    EmptyLabel,
    /// A label of more than 63 bytes.
    LongLabel,
    /// More than 253 bytes.
    LongName,
    /// A label starts or ends with a hyphen.
    Hyphen,
    /// A byte other than letters, digits, hyphen, underscore and dot.
    Character,
    /// It looks like an address and is none in the one accepted spelling.
    Address,
    /// An IPv6 address with a zone (RFC 6874), which means something on one machine only.
    Zone,
    /// A label that is not valid under IDNA (UTS 46).
    International,
    /// A `*` anywhere but as the whole first label, or before an address.
    Wildcard,
}

impl HostError {
    /// The rule's name, as in the log and in `explain`.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Empty => "host-empty",
            Self::EmptyLabel => "host-empty-label",
            Self::LongLabel => "host-long-label",
            Self::LongName => "host-long-name",
            Self::Hyphen => "host-hyphen",
            Self::Character => "host-character",
            Self::Address => "host-address",
            Self::Zone => "host-zone",
            Self::International => "host-international",
            Self::Wildcard => "host-wildcard",
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the host name is empty",
            Self::EmptyLabel => "the host name has an empty label",
            Self::LongLabel => "a label of the host name is longer than 63 bytes",
            Self::LongName => "the host name is longer than 253 bytes",
            Self::Hyphen => "a label of the host name starts or ends with a hyphen",
            Self::Character => "the host name has a character other than letters, digits, `-`, `_` and `.`",
            Self::Address => "the host looks like an IP address but is not written as one",
            Self::Zone => "an IPv6 zone is not accepted in a host",
            Self::International => "the host name is not valid under IDNA",
            Self::Wildcard => "`*` may only stand as the whole first label of a name",
        })
    }
}

impl std::error::Error for HostError {}

/// Maps to lower case A-labels; what is plain ASCII already is only lower-cased.
fn to_ascii(text: &str) -> Result<Cow<'_, str>, HostError> {
    let has_a_label =
        text.split('.').any(|label| label.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("xn--")));
    if text.is_ascii() && !has_a_label {
        return Ok(Cow::Owned(text.to_ascii_lowercase()));
    }
    idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::EMPTY).map_err(|_| HostError::International)
}

/// Judges a lower-case ASCII name without trailing dot, or an IPv4 address. Does not decode A-labels.
pub(super) fn check_name(name: &str) -> Result<(), HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(HostError::LongName);
    }
    let mut last: &[u8] = &[];
    for label in name.as_bytes().split(|&b| b == b'.') {
        check_label(label)?;
        last = label;
    }
    // The WHATWG URL standard reads every name with a numeric last label as an IPv4 address, others do not: only
    // the one spelling on which all agree may pass.
    if is_numeric(last) && name.parse::<Ipv4Addr>().is_err() {
        return Err(HostError::Address);
    }
    Ok(())
}

fn check_label(label: &[u8]) -> Result<(), HostError> {
    let (Some(first), Some(last)) = (label.first(), label.last()) else {
        return Err(HostError::EmptyLabel);
    };
    if !label.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
        return Err(if label.contains(&b'*') { HostError::Wildcard } else { HostError::Character });
    }
    if label.len() > MAX_LABEL {
        return Err(HostError::LongLabel);
    }
    if *first == b'-' || *last == b'-' {
        return Err(HostError::Hyphen);
    }
    Ok(())
}

/// A decimal number, or a hexadecimal one as `inet_aton` reads it.
fn is_numeric(label: &[u8]) -> bool {
    let is_hex = label.strip_prefix(b"0x").is_some_and(|rest| rest.iter().all(u8::is_ascii_hexdigit));
    is_hex || label.iter().all(u8::is_ascii_digit)
}

/// Reads an IPv6 address without brackets.
pub(super) fn parse_v6(text: &str) -> Result<Ipv6Addr, HostError> {
    if text.contains('%') {
        return Err(HostError::Zone);
    }
    text.parse().map_err(|_| HostError::Address)
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || is_shared
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_local_v4(mapped);
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}
