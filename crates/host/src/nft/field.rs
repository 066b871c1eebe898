//! The types of keys, by nft's numbers. The kernel keeps the number for `nft list` and asks for lengths alone.

use firewall::nft::Field;

/// nft's numbers (`enum datatypes`) of the types that are known.
const KNOWN: &[(Field, u8)] = &[
    (Field::NfProto, 2),
    (Field::Ip4, 7),
    (Field::Ip6, 8),
    (Field::Protocol, 12),
    (Field::Port, 13),
    (Field::Mark, 19),
    (Field::User, 24),
    (Field::Interface, 41),
];

/// Lengths of other types, for concatenations of foreign sets: number, bytes.
const LENGTHS: &[(u8, u8)] = &[
    (9, 6),
    (10, 2),
    (11, 2),
    (14, 1),
    (15, 1),
    (20, 4),
    (25, 4),
    (26, 4),
    (27, 1),
    (28, 4),
    (29, 1),
    (31, 1),
    (32, 1),
    (33, 1),
    (36, 1),
    (38, 4),
];

/// A type in a concatenation takes so many bits of the number.
const BITS: u32 = 6;

/// The number of a key of these fields.
pub(super) fn type_of(key: &[Field]) -> u32 {
    key.iter().fold(0, |number, field| number << BITS | u32::from(number_of(*field)))
}

/// The length of a key of these fields: as it is for one, padded to four bytes each for several.
pub(super) fn length_of(key: &[Field]) -> usize {
    match key {
        [one] => one.length(),
        many => many.iter().map(|field| field.length().next_multiple_of(4)).sum(),
    }
}

/// The fields of a key, by nft's number and the length in bytes.
pub(super) fn fields(mut number: u32, length: u32) -> Vec<Field> {
    let whole = vec![Field::Other {
        kind: u8::try_from(number).unwrap_or(0),
        length: u8::try_from(length).unwrap_or(u8::MAX),
    }];
    let mut key = Vec::new();
    while number != 0 {
        let kind = (number & ((1 << BITS) - 1)).to_le_bytes()[0];
        let Some(field) = field_of(kind) else { return whole };
        key.insert(0, field);
        number >>= BITS;
    }
    let matches = usize::try_from(length).is_ok_and(|length| length == length_of(&key));
    if matches && !key.is_empty() { key } else { whole }
}

/// Whether the key's bytes are in the machine's order, as `nft list` must know to print it.
pub(super) fn machine_order(key: &[Field]) -> bool {
    matches!(key, [Field::Interface | Field::User | Field::Mark])
}

fn number_of(field: Field) -> u8 {
    match field {
        Field::Other { kind, .. } => kind,
        known => KNOWN.iter().find(|(field, _)| *field == known).map_or(0, |(_, number)| *number),
    }
}

fn field_of(kind: u8) -> Option<Field> {
    let known = KNOWN.iter().find(|(_, number)| *number == kind).map(|(field, _)| *field);
    let other = || LENGTHS.iter().find(|(number, _)| *number == kind);
    known.or_else(|| other().map(|(kind, length)| Field::Other { kind: *kind, length: *length }))
}

#[cfg(test)]
mod tests {
    use super::{fields, length_of, type_of};
    use firewall::nft::Field;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let keys: &[&[Field]] = &[
            &[Field::Ip4],
            &[Field::Interface],
            &[Field::Ip6, Field::Port],
            &[Field::Ip4, Field::Port, Field::Protocol, Field::Port],
            &[Field::User],
            &[Field::Other { kind: 14, length: 1 }, Field::Mark],
        ];
        for key in keys {
            let length = u32::try_from(length_of(key)).expect("small");
            assert_eq!(fields(type_of(key), length), *key);
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_number_and_length() {
        assert_eq!(fields(63, 5), [Field::Other { kind: 63, length: 5 }]);
        assert_eq!(fields(7, 9), [Field::Other { kind: 7, length: 9 }], "an address has four bytes");
        assert_eq!(fields(0, 4), [Field::Other { kind: 0, length: 4 }]);
        assert_eq!(fields(u32::MAX, u32::MAX), [Field::Other { kind: 0, length: 255 }]);
    }
}
