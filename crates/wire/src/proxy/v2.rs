//! Version 2: a fixed part of 16 bytes, addresses, and extensions (type, length, value).

use super::{Header, Malformed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub(super) const FIXED: usize = 16;
/// What may follow the fixed part. The addresses of Unix sockets have 216 bytes; the rest is for extensions, of which a
/// client certificate's name is the largest in use.
pub(super) const LONGEST_REST: usize = 4096;

pub(super) const LOCAL: u8 = 0x20;
pub(super) const PROXY: u8 = 0x21;
pub(super) const UNSPECIFIED: u8 = 0x00;
pub(super) const TCP4: u8 = 0x11;
pub(super) const TCP6: u8 = 0x21;
pub(super) const UDP4: u8 = 0x12;
pub(super) const UDP6: u8 = 0x22;
const UNIX: [u8; 2] = [0x31, 0x32];

pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let shared = bytes.len().min(SIGNATURE.len());
    bytes[..shared] == SIGNATURE[..shared]
}

pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else { return Ok(None) };
    let command = fixed[12];
    if command != LOCAL && command != PROXY {
        return Err(Malformed::Command);
    }
    let family = fixed[13];
    let addresses = length_of_addresses(family)?;
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    // What LOCAL carries is to be skipped, whatever it is (section 2.2).
    if length > LONGEST_REST || (command == PROXY && length < addresses) {
        return Err(Malformed::Length);
    }
    let Some(rest) = rest.get(..length) else { return Ok(None) };
    let header = if command == LOCAL {
        Header::Own
    } else {
        check_extensions(&rest[addresses..])?;
        header(family, rest)
    };
    Ok(Some((header, FIXED + length)))
}

fn length_of_addresses(family: u8) -> Result<usize, Malformed> {
    match family {
        UNSPECIFIED => Ok(0),
        TCP4 | UDP4 => Ok(12),
        TCP6 | UDP6 => Ok(36),
        family if UNIX.contains(&family) => Ok(216),
        _ => Err(Malformed::Family),
    }
}

/// The addresses. `rest` is as long as the family needs.
fn header(family: u8, rest: &[u8]) -> Header {
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    let (source, destination, ports) = match family {
        TCP4 | UDP4 => (v4(rest), v4(&rest[4..]), 8),
        TCP6 | UDP6 => (v6(rest), v6(&rest[16..]), 32),
        _ => return Header::Own,
    };
    Header::Proxied {
        source: SocketAddr::new(source, port(ports)),
        destination: SocketAddr::new(destination, port(ports + 2)),
    }
}

fn v4(bytes: &[u8]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
}

fn v6(bytes: &[u8]) -> IpAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&bytes[..16]);
    IpAddr::V6(Ipv6Addr::from(octets))
}

/// Extensions mean nothing to us, and must still be a list that everybody would read alike.
fn check_extensions(mut bytes: &[u8]) -> Result<(), Malformed> {
    while let [_, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        bytes = rest.get(length..).ok_or(Malformed::Length)?;
    }
    if bytes.is_empty() { Ok(()) } else { Err(Malformed::Length) }
}
