//! The host of a site: one name, or all names one label below it.

use super::name::{HostError, HostName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A host name, or `*.` and a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HostPattern {
    /// This host.
    Exact(HostName),
    /// Every name that has exactly one label more than this one, as in certificates (RFC 6125, 6.4.3).
    Wildcard(HostName),
}

impl HostPattern {
    /// Reads `example.com` or `*.example.com`.
    ///
    /// # Errors
    ///
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let Some(base) = text.strip_prefix("*.") else {
            return HostName::parse(text).map(Self::Exact);
        };
        let base = HostName::parse(base)?;
        if base.is_address() { Err(HostError::Wildcard) } else { Ok(Self::Wildcard(base)) }
    }

    /// Whether it covers a host in canonical form.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.as_str() == host,
            Self::Wildcard(base) => parent(host) == Some(base.as_str()),
        }
    }

    /// The name itself, without `*.`.
    #[must_use]
    pub fn name(&self) -> &HostName {
        match self {
            Self::Exact(name) | Self::Wildcard(name) => name,
        }
    }

    /// Whether this is a wildcard.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Wildcard(_))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Wildcard(base) => write!(f, "*.{base}"),
        }
    }
}

/// What stands after the first label. The base of a wildcard is never an address, so an address is covered by none.
pub(super) fn parent(host: &str) -> Option<&str> {
    match host.split_once('.') {
        Some((label, rest)) if !label.is_empty() => Some(rest),
        _ => None,
    }
}
