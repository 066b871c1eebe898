//! How values are written: addresses, ports, names of interfaces, by the kind of what is compared.

use crate::nft::Field;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NfProto,
    Protocol,
    Ip4,
    Ip6,
    Port,
    Interface,
    Index,
    User,
    AddressType,
    State,
    Status,
    Direction,
    /// A number in network order.
    Number,
    /// A number in the machine's order.
    HostNumber,
    /// Flags of TCP.
    TcpFlags,
}

impl From<Field> for Kind {
    fn from(field: Field) -> Self {
        match field {
            Field::NfProto => Self::NfProto,
            Field::Ip4 => Self::Ip4,
            Field::Ip6 => Self::Ip6,
            Field::Protocol => Self::Protocol,
            Field::Port => Self::Port,
            Field::Interface => Self::Interface,
            Field::User => Self::User,
            Field::Mark => Self::HostNumber,
            Field::Other { .. } => Self::Number,
        }
    }
}

const STATES: [(u32, &str); 5] =
    [(1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked")];
const TCP_FLAGS: [(u32, &str); 6] =
    [(1, "fin"), (2, "syn"), (4, "rst"), (8, "psh"), (16, "ack"), (32, "urg")];
const ADDRESS_TYPES: [(u32, &str); 5] =
    [(1, "unicast"), (2, "local"), (3, "broadcast"), (4, "anycast"), (5, "multicast")];
const PROTOCOLS: [(u32, &str); 4] = [(1, "icmp"), (6, "tcp"), (17, "udp"), (58, "ipv6-icmp")];

/// A value as nft reads it.
pub(super) fn value(kind: Kind, bytes: &[u8]) -> String {
    match kind {
        Kind::NfProto if bytes == [2] => "ipv4".to_owned(),
        Kind::NfProto if bytes == [10] => "ipv6".to_owned(),
        Kind::Protocol => name_of(&PROTOCOLS, big(bytes)),
        Kind::AddressType => name_of(&ADDRESS_TYPES, host(bytes)),
        Kind::State => flags(&STATES, host(bytes), ","),
        Kind::Status if host(bytes) == 32 => "dnat".to_owned(),
        Kind::TcpFlags => flags(&TCP_FLAGS, big(bytes), " | "),
        Kind::Direction => if bytes == [1] { "reply" } else { "original" }.to_owned(),
        Kind::Ip4 => {
            <[u8; 4]>::try_from(bytes).map_or_else(|_| hex(bytes), |ip| Ipv4Addr::from(ip).to_string())
        }
        Kind::Ip6 => {
            <[u8; 16]>::try_from(bytes).map_or_else(|_| hex(bytes), |ip| Ipv6Addr::from(ip).to_string())
        }
        Kind::Interface => interface(bytes),
        Kind::Index if host(bytes) == 1 => "\"lo\"".to_owned(),
        Kind::Index | Kind::User | Kind::HostNumber | Kind::Status => host(bytes).to_string(),
        Kind::NfProto | Kind::Port | Kind::Number => big(bytes).to_string(),
    }
}

/// An interval as nft reads it: a prefix where it is one.
pub(super) fn interval(kind: Kind, first: &[u8], last: &[u8]) -> String {
    if first == last {
        return value(kind, first);
    }
    let prefix = matches!(kind, Kind::Ip4 | Kind::Ip6).then(|| prefix_length(first, last)).flatten();
    match prefix {
        Some(length) => format!("{}/{length}", value(kind, first)),
        None => format!("{}-{}", value(kind, first), value(kind, last)),
    }
}

/// How many leading bits a prefix from `first` to `last` has, where it is one.
fn prefix_length(first: &[u8], last: &[u8]) -> Option<u32> {
    let ones = |bytes: &mut dyn Iterator<Item = u8>| {
        bytes.fold(0u128, |number, byte| (number << 8) | u128::from(byte))
    };
    let differ = ones(&mut first.iter().zip(last).map(|(a, b)| a ^ b));
    let low = ones(&mut first.iter().copied());
    let bits = u32::try_from(first.len()).ok()? * 8;
    let is_prefix = differ & differ.wrapping_add(1) == 0 && low & differ == 0;
    is_prefix.then(|| bits - differ.count_ones())
}

/// The length of a mask of leading ones.
pub(super) fn mask_length(mask: &[u8]) -> Option<u32> {
    prefix_length(&vec![0; mask.len()], &mask.iter().map(|byte| !byte).collect::<Vec<_>>())
}

fn name_of(names: &[(u32, &str)], number: u32) -> String {
    let name = names.iter().find(|(value, _)| *value == number);
    name.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

fn flags(names: &[(u32, &str)], bits: u32, between: &str) -> String {
    let known = names.iter().fold(0, |known, (bit, _)| known | bit);
    if bits == 0 || bits & !known != 0 {
        return bits.to_string();
    }
    let set: Vec<&str> = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    set.join(between)
}

fn interface(bytes: &[u8]) -> String {
    let name: Vec<u8> = bytes.iter().copied().take_while(|&byte| byte != 0).collect();
    format!("\"{}\"", String::from_utf8_lossy(&name).replace(['"', '\n'], "?"))
}

fn big(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, &byte| (number << 8) | u32::from(byte))
}

fn host(bytes: &[u8]) -> u32 {
    <[u8; 4]>::try_from(bytes).map_or_else(|_| big(bytes), u32::from_ne_bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
