//! The host and port that a client asks for, judged strictly and without allocation.
//!
//! Clients send A-labels, so nothing is mapped here but case: what is not a host name in ASCII is refused, never
//! repaired.

use super::name::{HostError, check_name, parse_v6};
use std::fmt;
use std::fmt::Write;

/// The `Host` field or the authority of an absolute-form target, in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// The host in canonical form, an IPv6 address without brackets.
    pub host: &'a str,
    /// The port, where one was sent; never 0.
    pub port: Option<u16>,
}

/// Reads `host [":" port]` (RFC 9110, 7.2; RFC 3986, 3.2).
///
/// The host is written to `scratch`, which is emptied first; keep it from request to request and nothing is
/// allocated.
///
/// # Errors
///
/// Names the rule that the bytes break: anything that two readers could take for two hosts is refused.
pub fn parse_authority<'a>(raw: &[u8], scratch: &'a mut String) -> Result<Authority<'a>, AuthorityError> {
    scratch.clear();
    let text = visible_text(raw)?;
    let port = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, rest) = rest.split_once(']').ok_or(AuthorityError::Host(HostError::Address))?;
            let address = parse_v6(inner).map_err(AuthorityError::Host)?;
            // Writing to a string cannot fail.
            let _ = write!(scratch, "{address}");
            match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(AuthorityError::Host(HostError::Address)),
            }
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(parse_port(port)?)),
                None => (text, None),
            };
            write_name(host, scratch).map_err(AuthorityError::Host)?;
            port
        }
    };
    Ok(Authority { host: scratch, port })
}

/// Reads the host name of a TLS server name indication (RFC 6066, 3), which is never an address.
///
/// # Errors
///
/// Names the rule that the text breaks.
pub fn canonical_sni<'a>(name: &str, scratch: &'a mut String) -> Result<&'a str, HostError> {
    scratch.clear();
    write_name(name, scratch)?;
    if scratch.as_bytes().last().is_some_and(u8::is_ascii_digit)
        && scratch.parse::<std::net::Ipv4Addr>().is_ok()
    {
        return Err(HostError::Address);
    }
    Ok(scratch)
}

/// Appends the canonical form of a name or IPv4 address.
fn write_name(host: &str, scratch: &mut String) -> Result<(), HostError> {
    let host = host.strip_suffix('.').unwrap_or(host);
    scratch.push_str(host);
    scratch.make_ascii_lowercase();
    check_name(scratch)
}

/// Refuses every byte that has no place in any authority, each with its own reason.
fn visible_text(raw: &[u8]) -> Result<&str, AuthorityError> {
    if raw.is_empty() {
        return Err(AuthorityError::Empty);
    }
    for byte in raw {
        match byte {
            b'@' => return Err(AuthorityError::UserInformation),
            b',' => return Err(AuthorityError::Comma),
            b'/' | b'\\' | b'?' | b'#' => return Err(AuthorityError::Delimiter),
            b'%' => return Err(AuthorityError::Percent),
            0x21..=0x7e => {}
            _ => return Err(AuthorityError::Byte),
        }
    }
    std::str::from_utf8(raw).map_err(|_| AuthorityError::Byte)
}

/// A port from 1 to 65535 in the one spelling without leading zeros.
fn parse_port(text: &str) -> Result<u16, AuthorityError> {
    let is_canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if !is_canonical {
        return Err(AuthorityError::Port);
    }
    text.parse().map_err(|_| AuthorityError::Port)
}

/// The rule that an authority breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorityError {
    /// There is nothing.
    Empty,
    /// An `@`: user information is not accepted (RFC 9110, 4.2.4).
    UserInformation,
    /// A comma, as of two `Host` fields joined.
    Comma,
    /// A slash, backslash, question mark or `#`.
    Delimiter,
    /// A percent sign: neither escapes nor IPv6 zones are accepted.
    Percent,
    /// A space, a control byte or a byte beyond ASCII.
    Byte,
    /// A port that is not a number from 1 to 65535 without leading zeros.
    Port,
    /// The host.
    Host(HostError),
}

impl AuthorityError {
    /// The rule's name, as in the log and in `explain`.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Empty => "authority-empty",
            Self::UserInformation => "authority-user-information",
            Self::Comma => "authority-comma",
            Self::Delimiter => "authority-delimiter",
            Self::Percent => "authority-percent",
            Self::Byte => "authority-byte",
            Self::Port => "authority-port",
            Self::Host(error) => error.rule(),
        }
    }
}

impl fmt::Display for AuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the authority is empty",
            Self::UserInformation => "the authority has user information",
            Self::Comma => "the authority has a comma",
            Self::Delimiter => "the authority has a slash, backslash, question mark or `#`",
            Self::Percent => "the authority has a percent sign",
            Self::Byte => "the authority has a space, a control byte or a byte beyond ASCII",
            Self::Port => "the port is not a number from 1 to 65535",
            Self::Host(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for AuthorityError {}
