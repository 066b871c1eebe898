//! Writing a header, for an instance that wants to know who the client is.

use super::v2;
use std::net::{IpAddr, SocketAddr};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// One line of text.
    V1,
    /// Binary.
    V2,
}

/// Appends the header of a TCP connection from `source` to `destination`. Addresses of two families are both written as
/// IPv6, the IPv4 one mapped (RFC 4291 section 2.5.5.2).
pub fn write(out: &mut Vec<u8>, version: Version, source: SocketAddr, destination: SocketAddr) {
    let (from, to) = of_one_family(source.ip().to_canonical(), destination.ip().to_canonical());
    match version {
        Version::V1 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let line = format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port());
            out.extend_from_slice(line.as_bytes());
        }
        Version::V2 => {
            let (family, length) = if from.is_ipv4() { (v2::TCP4, 12u16) } else { (v2::TCP6, 36) };
            out.extend_from_slice(&v2::SIGNATURE);
            out.extend_from_slice(&[v2::PROXY, family]);
            out.extend_from_slice(&length.to_be_bytes());
            octets(out, from);
            octets(out, to);
            out.extend_from_slice(&source.port().to_be_bytes());
            out.extend_from_slice(&destination.port().to_be_bytes());
        }
    }
}

fn octets(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
}

fn of_one_family(one: IpAddr, other: IpAddr) -> (IpAddr, IpAddr) {
    if one.is_ipv4() == other.is_ipv4() { (one, other) } else { (mapped(one), mapped(other)) }
}

fn mapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V6(address.to_ipv6_mapped()),
        IpAddr::V6(address) => IpAddr::V6(address),
    }
}
