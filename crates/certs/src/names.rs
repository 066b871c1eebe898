//! Names that certificates carry, as the host patterns that sites have, and which covers which.

use model::host::{HostName, HostPattern};
use std::net::IpAddr;

/// Reads a `dNSName` of a certificate (RFC 5280, 4.2.1.6). `None` when it is not a name that a client could ask for.
pub(crate) fn from_dns(text: &str) -> Option<HostPattern> {
    // Only what is written in letters that DNS has; an address as a name is for no client either.
    let pattern = text.is_ascii().then(|| HostPattern::parse(text).ok()).flatten()?;
    (!pattern.name().is_address()).then_some(pattern)
}

/// Reads an `iPAddress` of a certificate: 4 or 16 bytes. `None` for any other length.
pub(crate) fn from_address(bytes: &[u8]) -> Option<HostPattern> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    of_address(four.or(sixteen).ok()?)
}

/// The pattern of one address.
pub(crate) fn of_address(address: IpAddr) -> Option<HostPattern> {
    HostName::parse(&address.to_string()).ok().map(HostPattern::Exact)
}

/// Whether a certificate that carries one pattern may serve another (RFC 9525, 6.3).
pub(crate) fn covers(carried: &HostPattern, wanted: &HostPattern) -> bool {
    match wanted {
        HostPattern::Exact(name) => carried.matches(name.as_str()),
        HostPattern::Wildcard(_) => carried == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label_and_no_other() {
        let name = |text: &str| from_dns(text).expect("a name");
        for (carried, wanted, expected) in [
            ("example.com", "example.com", true),
            ("EXAMPLE.com.", "example.com", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "*.b.example.com", false),
            ("example.com", "*.example.com", false),
        ] {
            assert_eq!(covers(&name(carried), &name(wanted)), expected, "{carried} for {wanted}");
        }
    }

    #[test]
    fn what_a_client_cannot_ask_for_is_not_a_name() {
        for text in [
            "",
            ".",
            "*",
            "*.",
            "*.*.a",
            "a..b",
            "a b",
            "a\0.example.com",
            "a.*.b",
            "ä.de",
            "f*.a.com",
            "::1",
            "10.0.0.1",
        ] {
            assert_eq!(from_dns(text), None, "{text:?}");
        }
        assert_eq!(from_address(&[127, 0, 0]), None);
        assert_eq!(from_address(&[127, 0, 0, 1]).map(|name| name.to_string()).as_deref(), Some("127.0.0.1"));
    }
}
