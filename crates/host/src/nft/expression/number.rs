//! The kernel's numbers of registers, keys and operators, one table each.

use firewall::nft::{
    CtDirection, CtKey, DynsetOperation, FibResult, MetaKey, Operator, PayloadBase, Register,
};

/// `enum nft_meta_keys`.
const META: &[(MetaKey, u32)] = &[
    (MetaKey::Mark, 3),
    (MetaKey::InputIndex, 4),
    (MetaKey::OutputIndex, 5),
    (MetaKey::InputName, 6),
    (MetaKey::OutputName, 7),
    (MetaKey::InputType, 8),
    (MetaKey::SocketUser, 10),
    (MetaKey::NfProto, 15),
    (MetaKey::L4Proto, 16),
    (MetaKey::PacketType, 19),
];

/// `enum nft_ct_keys`.
const CT: &[(CtKey, u32)] = &[
    (CtKey::State, 0),
    (CtKey::Direction, 1),
    (CtKey::Status, 2),
    (CtKey::Mark, 3),
    (CtKey::Protocol, 10),
    (CtKey::SourcePort, 11),
    (CtKey::DestinationPort, 12),
    (CtKey::SourceIp4, 19),
    (CtKey::DestinationIp4, 20),
    (CtKey::SourceIp6, 21),
    (CtKey::DestinationIp6, 22),
];

/// `enum nft_payload_bases`.
pub(super) const BASES: &[(PayloadBase, u32)] = &[
    (PayloadBase::Link, 0),
    (PayloadBase::Network, 1),
    (PayloadBase::Transport, 2),
    (PayloadBase::Inner, 3),
];

/// `enum ip_conntrack_dir`.
pub(super) const DIRECTIONS: &[(CtDirection, u32)] = &[(CtDirection::Original, 0), (CtDirection::Reply, 1)];

/// `enum nft_fib_result`.
pub(super) const FIB_RESULTS: &[(FibResult, u32)] =
    &[(FibResult::OutputIndex, 1), (FibResult::OutputName, 2), (FibResult::AddressType, 3)];

/// `enum nft_cmp_ops`; the first two are `enum nft_range_ops` as well.
pub(super) const OPERATORS: &[(Operator, u32)] = &[
    (Operator::Equal, 0),
    (Operator::NotEqual, 1),
    (Operator::Less, 2),
    (Operator::LessOrEqual, 3),
    (Operator::Greater, 4),
    (Operator::GreaterOrEqual, 5),
];

/// `enum nft_dynset_ops`.
pub(super) const DYNSET_OPERATIONS: &[(DynsetOperation, u32)] =
    &[(DynsetOperation::Add, 0), (DynsetOperation::Update, 1), (DynsetOperation::Delete, 2)];

/// The number of a value. Every table is whole, which a test states.
pub(super) fn number<T: PartialEq>(table: &[(T, u32)], value: &T) -> u32 {
    table.iter().find(|(known, _)| known == value).map_or(u32::MAX, |(_, number)| *number)
}

/// The value of a number.
pub(super) fn value<T: Copy>(table: &[(T, u32)], number: u32) -> Option<T> {
    table.iter().find(|(_, known)| *known == number).map(|(value, _)| *value)
}

pub(super) fn meta_number(key: MetaKey) -> u32 {
    if let MetaKey::Other(number) = key { number } else { number(META, &key) }
}

pub(super) fn meta_key(number: u32) -> MetaKey {
    value(META, number).unwrap_or(MetaKey::Other(number))
}

pub(super) fn ct_number(key: CtKey) -> u32 {
    if let CtKey::Other(number) = key { number } else { number(CT, &key) }
}

pub(super) fn ct_key(number: u32) -> CtKey {
    value(CT, number).unwrap_or(CtKey::Other(number))
}

/// Registers are numbered twice (`enum nft_registers`): four of 16 bytes, and sixteen of four bytes in the same place.
/// The kernel tells each by its wide number where it has one.
pub(super) fn register_number(register: Register) -> u32 {
    let word = u32::from(register.0);
    if word < 16 && word % 4 == 0 { word / 4 + 1 } else { word + 8 }
}

pub(super) fn register(number: Option<u32>) -> Option<Register> {
    let word = match number? {
        wide @ 1..=4 => (wide - 1) * 4,
        narrow @ 8..=23 => narrow - 8,
        _ => return None,
    };
    u8::try_from(word).ok().map(Register)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_has_a_number_of_its_own() {
        for word in 0..16 {
            assert_eq!(register(Some(register_number(Register(word)))), Some(Register(word)));
        }
        for hostile in [0, 5, 7, 24, u32::MAX] {
            assert_eq!(register(Some(hostile)), None);
        }
    }

    #[test]
    fn the_tables_are_whole() {
        for key in 0..64 {
            assert_eq!(meta_number(meta_key(key)), key);
            assert_eq!(ct_number(ct_key(key)), key);
        }
        for operator in 0..6 {
            assert!(value(OPERATORS, operator).is_some_and(|found| number(OPERATORS, &found) == operator));
        }
        for operation in 0..3 {
            assert!(value(DYNSET_OPERATIONS, operation).is_some());
        }
    }
}
