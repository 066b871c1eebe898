//! Addresses and prefixes as people write them: the good spellings are read, the classic slips are named.

use super::super::Lowering;
use crate::problem::{Problem, shown};
use crate::raw::decode::Text;
use ipnet::{IpNet, Ipv4Net, Ipv4Subnets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// As many prefixes are worth writing in a hint.
const HINTED: usize = 6;

/// Whether a text can only be meant as an address or a prefix, rightly or wrongly written.
pub(super) fn looks_like_one(text: &str) -> bool {
    let head = text.split('/').next().unwrap_or(text);
    let v6 = head.matches(':').count() >= 2 || head.starts_with('[');
    let number = head.starts_with(|first: char| first.is_ascii_digit());
    let v4 = number
        && head.contains('.')
        && head.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':'));
    v6 || v4 || !head.is_empty() && text.contains('/') && head.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads an address or a prefix; address bits after the prefix are dropped with a warning.
pub(super) fn prefix(text: &Text, lowering: &mut Lowering<'_>) -> Option<IpNet> {
    let written = text.as_str();
    let single = written.parse::<IpAddr>().map(IpNet::from);
    let Ok(prefix) = single.or_else(|_| written.parse::<IpNet>()) else {
        let (label, hint) = slip(written);
        let title = format!("{} is not an address or prefix", shown(written));
        lowering.report(Problem::error(text.inner(), title).label(label).hint_maybe(hint));
        return None;
    };
    if let Some(hint) = mapped(prefix) {
        lowering.report(
            Problem::error(text.inner(), format!("`{written}` never is on a packet"))
                .label("an IPv4 address inside of an IPv6 one")
                .hint(hint),
        );
        return None;
    }
    let canonical = prefix.trunc();
    if canonical != prefix {
        lowering.report(
            Problem::warning(text.inner(), format!("`{written}` has address bits after the prefix"))
                .label(format!("read as \"{canonical}\""))
                .hint(format!("write \"{canonical}\", or \"{}\" for this address alone", prefix.addr())),
        );
    }
    Some(canonical)
}

/// An IPv4-mapped address (RFC 4291, 2.5.5.2) is a matter of sockets, not of packets.
fn mapped(prefix: IpNet) -> Option<String> {
    let IpNet::V6(v6) = prefix else { return None };
    let v4 = v6.addr().to_ipv4_mapped().filter(|_| v6.prefix_len() >= 96)?;
    match v6.prefix_len() - 96 {
        32 => Some(format!("write \"{v4}\"")),
        length => Some(format!("write \"{v4}/{length}\"")),
    }
}

/// What is probably wrong, and what to write.
fn slip(text: &str) -> (&'static str, Option<String>) {
    let example =
        || Some("write for example \"10.0.0.0/8\", \"2001:db8::/32\" or a single address".to_owned());
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return ("has a port", Some(format!("write \"{}\"; ports stand in `allow`", socket.ip())));
    }
    if text.contains('%') {
        return ("has a zone", Some("write the address alone, and the interface as `on`".to_owned()));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if bare != text && bare.parse::<Ipv6Addr>().is_ok() {
        return ("has brackets", Some(format!("write \"{bare}\"")));
    }
    if let Some((first, last)) = text.split_once('-') {
        return ("a range, not a prefix", span(first, last).or_else(example));
    }
    if text == "0/0" {
        return ("not a prefix", Some("write \"anywhere\"".to_owned()));
    }
    if let Some((address, mask)) = text.split_once('/') {
        return with_mask(address, mask).unwrap_or(("not a prefix", example()));
    }
    ("not an address", example())
}

/// The prefixes of a range of IPv4 addresses.
fn span(first: &str, last: &str) -> Option<String> {
    let (first, last): (Ipv4Addr, Ipv4Addr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let prefixes: Vec<Ipv4Net> = Ipv4Subnets::new(first, last, 0).take(HINTED + 1).collect();
    if first > last || prefixes.len() > HINTED {
        return None;
    }
    let quoted: Vec<String> = prefixes.iter().map(|prefix| format!("\"{prefix}\"")).collect();
    Some(format!("write its prefixes: [{}]", quoted.join(", ")))
}

/// An address with a mask, or with a prefix length that is out of range.
fn with_mask(address: &str, mask: &str) -> Option<(&'static str, Option<String>)> {
    let address: IpAddr = address.parse().ok()?;
    if let Some(length) = mask.parse().ok().and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok()) {
        return Some(("has a mask", Some(format!("write \"{address}/{length}\""))));
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    Some(("the length of the prefix is out of range", Some(format!("write a length from 0 to {most}"))))
}

/// Reads one address of a machine.
pub(super) fn address(text: &Text, lowering: &mut Lowering<'_>) -> Option<IpAddr> {
    let written = text.as_str();
    let Ok(address) = written.parse::<IpAddr>() else {
        let with_length = written.parse::<IpNet>().ok();
        let (label, hint) = match (with_length, written.parse::<SocketAddr>()) {
            (Some(prefix), _) => ("has a prefix length", Some(format!("write \"{}\"", prefix.addr()))),
            (None, Ok(socket)) => ("has a port", Some(format!("write \"{}\"", socket.ip()))),
            (None, Err(_)) => {
                ("not an address", Some("write for example \"192.0.2.1\" or \"2001:db8::1\"".to_owned()))
            }
        };
        let title = format!("{} is not an IP address", shown(written));
        lowering.report(Problem::error(text.inner(), title).label(label).hint_maybe(hint));
        return None;
    };
    let why = match address.to_canonical() {
        _ if address.is_unspecified() => "stands for every address",
        _ if address.is_multicast() => "a multicast address is not of one machine",
        canonical if canonical.is_loopback() => "every machine has this address",
        canonical if canonical != address => "an IPv4 address inside of an IPv6 one",
        _ => return Some(address),
    };
    lowering.report(
        Problem::error(text.inner(), format!("`{written}` cannot be the address of a host")).label(why),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_and_addresses_are_told_apart() {
        let cases = [
            ("10.0.0.1", true),
            ("10.0.0.0/8", true),
            ("10.0.0", true),
            ("10.0.0.1:80", true),
            ("10.0.0.1-10.0.0.9", true),
            ("0/0", true),
            ("2001:db8::1", true),
            ("::/0", true),
            ("[::1]", true),
            ("fe80::1%eth0", true),
            ("office", false),
            ("api.example.com", false),
            ("service:db", false),
            ("my-ip", false),
            ("", false),
            ("./deny.txt", false),
            ("./deny/list.txt", false),
            ("../deny/list.txt", false),
            ("/etc/deny", false),
            ("web1.example.com:80", false),
        ];
        for (text, expected) in cases {
            assert_eq!(looks_like_one(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,30}|[0-9a-f.:/%\\[\\]-]{0,30}") {
            let _ = (looks_like_one(&text), slip(&text));
        }
    }

    #[test]
    fn slips_are_answered_with_what_to_write() {
        let cases = [
            ("10.0.0.1:80", "write \"10.0.0.1\"; ports stand in `allow`"),
            ("10.0.0.0/255.255.0.0", "write \"10.0.0.0/16\""),
            ("10.0.0.0/33", "write a length from 0 to 32"),
            ("10.0.0.0-10.0.0.4", "write its prefixes: [\"10.0.0.0/30\", \"10.0.0.4/32\"]"),
            ("[::1]", "write \"::1\""),
            ("fe80::1%eth0", "write the address alone, and the interface as `on`"),
        ];
        for (text, expected) in cases {
            assert_eq!(slip(text).1.as_deref(), Some(expected), "{text}");
        }
    }
}
