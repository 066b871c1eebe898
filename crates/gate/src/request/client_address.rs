//! Whom a request is from, where a trusted proxy stands between.

use http1::{Known, Request};
use ipnet::IpNet;
use std::net::IpAddr;

/// The most hops that are looked at; what stands further left is not believed.
const MAX_HOPS: usize = 32;

/// Whether an address is one of the trusted proxies. IPv4 in IPv6 (RFC 4291 section 2.5.5.2) counts as IPv4.
pub(crate) fn is_trusted(peer: IpAddr, trusted: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|net| net.contains(&peer))
}

/// The address of the client: the rightmost one in `X-Forwarded-For` that is not a trusted proxy itself. Where
/// something unreadable stands, the address to the right of it is taken, which somebody trusted has seen.
pub(crate) fn client_ip(request: &Request, head: &[u8], peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines = request.fields.iter().rev().filter(|field| field.known == Known::XForwardedFor);
    let hops = lines.flat_map(|field| field.value.of(head).rsplit(|byte| *byte == b','));
    for hop in hops.take(MAX_HOPS) {
        let Some(address) = parse_hop(hop.trim_ascii()) else { break };
        client = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

/// An address, possibly in brackets, possibly with a port.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http1::HeadLimits;

    fn client(forwarded: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{forwarded}\r\n");
        let mut request = Request::default();
        request.parse(head.as_bytes(), &HeadLimits::default()).expect("a good head");
        let trusted = ["10.0.0.0/8".parse().expect("a prefix")];
        client_ip(&request, head.as_bytes(), "10.0.0.1".parse().expect("an address"), &trusted).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        for (forwarded, expected) in [
            ("", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.0.0.9\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
            ("X-Forwarded-For: [2001:db8::1]:443\r\n", "2001:db8::1"),
            ("X-Forwarded-For: ::ffff:10.0.0.3\r\n", "10.0.0.3"),
            ("X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.9\r\n", "10.0.0.9"),
        ] {
            assert_eq!(client(forwarded), expected, "{forwarded}");
        }
    }
}
