//! What `internet` means: unicast addresses that the special-purpose registries (RFC 6890) leave for global use.
//!
//! Entries that the registries mark as globally reachable (anycast of AS112, AMT, NAT64 and others) are left in.

use super::AddressSet;
use ipnet::IpNet;

/// Prefixes that are not of the internet, with the document that says so (IANA IPv4 and IPv6 Special-Purpose Address
/// Registries; multicast by RFC 5771 and RFC 4291).
const RESERVED: &[(&str, &str)] = &[
    ("0.0.0.0/8", "RFC 791"),
    ("10.0.0.0/8", "RFC 1918"),
    ("100.64.0.0/10", "RFC 6598"),
    ("127.0.0.0/8", "RFC 1122"),
    ("169.254.0.0/16", "RFC 3927"),
    ("172.16.0.0/12", "RFC 1918"),
    ("192.0.0.0/24", "RFC 6890"),
    ("192.0.2.0/24", "RFC 5737"),
    ("192.88.99.0/24", "RFC 7526"),
    ("192.168.0.0/16", "RFC 1918"),
    ("198.18.0.0/15", "RFC 2544"),
    ("198.51.100.0/24", "RFC 5737"),
    ("203.0.113.0/24", "RFC 5737"),
    ("224.0.0.0/4", "RFC 5771"),
    ("240.0.0.0/4", "RFC 1112"),
    ("::/128", "RFC 4291"),
    ("::1/128", "RFC 4291"),
    ("::ffff:0:0/96", "RFC 4291"),
    ("64:ff9b:1::/48", "RFC 8215"),
    ("100::/64", "RFC 6666"),
    ("100:0:0:1::/64", "RFC 9780"),
    ("2001::/23", "RFC 2928"),
    ("2001:db8::/32", "RFC 3849"),
    ("2002::/16", "RFC 3056"),
    ("3fff::/20", "RFC 9637"),
    ("5f00::/16", "RFC 9602"),
    ("fc00::/7", "RFC 4193"),
    ("fe80::/10", "RFC 4291"),
    ("ff00::/8", "RFC 4291"),
];

/// Parts of the prefixes above that are globally reachable all the same.
const REACHABLE: &[(&str, &str)] = &[
    ("192.0.0.9/32", "RFC 7723"),
    ("192.0.0.10/32", "RFC 8155"),
    ("2001:1::1/128", "RFC 7723"),
    ("2001:1::2/128", "RFC 8155"),
    ("2001:1::3/128", "RFC 9665"),
    ("2001:3::/32", "RFC 7450"),
    ("2001:4:112::/48", "RFC 7535"),
    ("2001:20::/28", "RFC 7343"),
    ("2001:30::/28", "RFC 9374"),
];

/// Every address of the internet that is not of this host's own prefixes.
#[must_use]
pub fn internet<'a>(own: impl IntoIterator<Item = &'a IpNet>) -> AddressSet {
    let table = |entries: &[(&str, &str)]| {
        let prefixes: Vec<IpNet> = entries.iter().filter_map(|(prefix, _)| prefix.parse().ok()).collect();
        AddressSet::from_prefixes(&prefixes)
    };
    AddressSet::everything()
        .subtract(&table(RESERVED))
        .union(&table(REACHABLE))
        .subtract(&AddressSet::from_prefixes(own))
}

#[cfg(test)]
mod tests {
    use super::{REACHABLE, RESERVED, internet};
    use ipnet::IpNet;

    #[test]
    fn every_entry_of_the_tables_is_a_prefix() {
        for (prefix, source) in RESERVED.iter().chain(REACHABLE) {
            assert!(prefix.parse::<IpNet>().is_ok_and(|p| p == p.trunc()), "{prefix} of {source}");
        }
    }

    #[test]
    fn the_internet_is_neither_private_nor_ours() {
        let own: Vec<IpNet> = vec!["9.9.9.0/24".parse().expect("a prefix")];
        let internet = internet(&own);
        for (address, expected) in [
            ("8.8.8.8", true),
            ("9.9.8.255", true),
            ("9.9.9.1", false),
            ("10.1.2.3", false),
            ("172.32.0.0", true),
            ("192.0.0.9", true),
            ("192.0.0.8", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2a00::1", true),
            ("2001:db8::1", false),
            ("2001:20::1", true),
            ("fe80::1", false),
            ("::ffff:8.8.8.8", false),
        ] {
            assert_eq!(internet.contains(address.parse().expect("an address")), expected, "{address}");
        }
    }
}
