//! Headers as data, and what must hold for any bytes.

use super::*;
use proptest::prelude::*;

fn proxied(source: &str, destination: &str) -> Header {
    let address = |text: &str| text.parse().expect("an address");
    Header::Proxied { source: address(source), destination: address(destination) }
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
    [&v2::SIGNATURE[..], &[command, family], &length, rest].concat()
}

#[test]
fn lines_of_version_1() {
    let four = proxied("192.0.2.1:56324", "198.51.100.1:443");
    let six = proxied("[2001:db8::1]:1", "[::1]:65535");
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET", Ok(Some(four))),
        ("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Ok(Some(six))),
        ("PROXY UNKNOWN\r\n", Ok(Some(Header::Own))),
        ("PROXY UNKNOWN ffff::1 whatever\r\n", Ok(Some(Header::Own))),
        ("P", Ok(None)),
        ("PROXY TCP4 192.0.2.1", Ok(None)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", Err(Malformed::Line)),
        ("PROXY  TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", Err(Malformed::Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n", Err(Malformed::Line)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n", Err(Malformed::Line)),
        ("PROXY UDP4 192.0.2.1 198.51.100.1 56324 443\r\n", Err(Malformed::Line)),
        ("PROXY TCP4 2001:db8::1 ::1 1 2\r\n", Err(Malformed::Address)),
        ("PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", Err(Malformed::Address)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n", Err(Malformed::Port)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", Err(Malformed::Port)),
        ("PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n", Err(Malformed::Port)),
        ("GET / HTTP/1.1\r\n", Err(Malformed::Signature)),
        ("proxy TCP4", Err(Malformed::Signature)),
    ] {
        let parsed = parse(line.as_bytes()).map(|found| found.map(|(header, _)| header));
        assert_eq!(parsed, expected, "{line}");
    }
    assert_eq!(parse(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat()), Err(Malformed::LineTooLong));
}

#[test]
fn headers_of_version_2() {
    let four = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 4, 1, 0xbb];
    let extended = |extension: &[u8]| v2(0x21, 0x11, &[&four[..], extension].concat());
    let expected = Ok(Some(proxied("192.0.2.1:56324", "198.51.100.1:443")));
    for (bytes, expected) in [
        (v2(0x21, 0x11, &four), expected),
        (extended(&[4, 0, 2, 9, 9]), expected),
        (extended(&[4, 0, 3, 9, 9]), Err(Malformed::Length)),
        (extended(&[4, 0]), Err(Malformed::Length)),
        (v2(0x20, 0x00, b"anything"), Ok(Some(Header::Own))),
        (v2(0x21, 0x00, b""), Ok(Some(Header::Own))),
        (v2(0x21, 0x31, &[0; 216]), Ok(Some(Header::Own))),
        (v2(0x21, 0x11, &four[..11]), Err(Malformed::Length)),
        (v2(0x21, 0x11, &[0; 4097]), Err(Malformed::Length)),
        (v2(0x22, 0x11, &four), Err(Malformed::Command)),
        (v2(0x11, 0x11, &four), Err(Malformed::Command)),
        (v2(0x21, 0x13, &four), Err(Malformed::Family)),
        (v2(0x21, 0x41, &four), Err(Malformed::Family)),
    ] {
        let parsed = parse(&bytes).map(|found| found.map(|(header, _)| header));
        assert_eq!(parsed, expected, "{bytes:?}");
    }
}

#[test]
fn addresses_of_two_families_are_written_as_one() {
    let mut out = Vec::new();
    write(&mut out, Version::V1, "192.0.2.1:1".parse().expect("one"), "[::1]:2".parse().expect("one"));
    assert_eq!(out, b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n");
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip.to_canonical(), port))
}

proptest! {
    #[test]
    fn what_is_written_is_read(source in address(), destination in address(), first in any::<bool>()) {
        let mut out = Vec::new();
        write(&mut out, if first { Version::V1 } else { Version::V2 }, source, destination);
        let length = out.len();
        out.extend_from_slice(b"rest");
        let (header, consumed) = parse(&out).expect("well formed").expect("complete");
        prop_assert_eq!(consumed, length);
        let canonical = |one: SocketAddr| SocketAddr::new(one.ip().to_canonical(), one.port());
        let ends = match header {
            Header::Proxied { source, destination } => Some((canonical(source), canonical(destination))),
            Header::Own => None,
        };
        prop_assert_eq!(ends, Some((source, destination)));
    }

    #[test]
    fn an_answer_never_changes_when_more_bytes_come(
        begin in prop_oneof![Just(b"PROXY TCP4 1.1.1.1 2".to_vec()), Just(v2(0x21, 0x11, &[0; 12])), Just(Vec::new())],
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [begin, rest].concat();
        let whole = parse(&bytes);
        for end in 0..bytes.len() {
            match parse(&bytes[..end]) {
                Ok(None) => {}
                settled => prop_assert_eq!(settled, whole),
            }
        }
    }
}
