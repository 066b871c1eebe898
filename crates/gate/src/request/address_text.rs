//! Addresses as text. They stand several times in every request, and the formatting of the standard library would cost
//! more than the lines around them.

use http1::write;
use std::io::Write as _;
use std::net::IpAddr;

/// Writes an address, IPv6 without brackets.
pub(crate) fn write_ip(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{address}");
        return;
    };
    let [first, rest @ ..] = address.octets();
    write::number(out, u64::from(first));
    for octet in rest {
        out.push(b'.');
        write::number(out, u64::from(octet));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_the_standard_library_writes_them() {
        for text in ["0.0.0.0", "127.0.0.1", "255.255.255.255", "192.0.2.10", "::", "2001:db8::1"] {
            let mut out = Vec::new();
            write_ip(&mut out, text.parse().expect("an address"));
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
