//! Sets without their elements.

use super::{
    field::{fields, length_of, machine_order, type_of},
    kernel::{
        NFT_DATA_VERDICT, NFT_OBJECT_COUNTER, NFT_SET_CONCAT, NFT_SET_EVAL, NFT_SET_INTERVAL, NFT_SET_MAP,
        NFT_SET_OBJECT, NFT_SET_TIMEOUT, NFTA_LIST_ELEM, NFTA_SET_DATA_TYPE, NFTA_SET_DESC,
        NFTA_SET_DESC_CONCAT, NFTA_SET_DESC_SIZE, NFTA_SET_FIELD_LEN, NFTA_SET_FLAGS, NFTA_SET_ID,
        NFTA_SET_KEY_LEN, NFTA_SET_KEY_TYPE, NFTA_SET_OBJ_TYPE, NFTA_SET_USERDATA,
    },
    wire::{Attributes, Body},
};
use firewall::nft::Set;

// What the kernel keeps for programs (`enum nftnl_udata_set_types`): type, length, value.
const KEY_BYTE_ORDER: u8 = 0;
const COMMENT: u8 = 7;
/// A live set says so in its comment: to who lists the rules, and to us when we read them.
const LIVE: &[u8] = b"live: kept when the policy changes\0";

/// Whether elements are intervals of each field of the key, and not of the whole key.
pub(super) const fn by_field(set: &Set) -> bool {
    set.interval && set.key.len() > 1
}

/// Whether two sets differ in nothing but their elements.
pub(super) fn same_kind(one: &Set, other: &Set) -> bool {
    let kind = |set: &Set| (set.interval, set.timeout, set.dynamic, set.size, set.live);
    let data = |set: &Set| (set.verdicts, set.counters);
    one.key == other.key && kind(one) == kind(other) && data(one) == data(other)
}

/// The attributes behind table and name. `id` tells apart the sets of one transaction.
pub(super) fn write(body: &mut Body, set: &Set, id: u32) {
    body.u32(NFTA_SET_FLAGS, flags(set));
    body.u32(NFTA_SET_KEY_TYPE, type_of(&set.key));
    body.u32(NFTA_SET_KEY_LEN, u32::try_from(length_of(&set.key)).unwrap_or(u32::MAX));
    body.u32(NFTA_SET_ID, id);
    if set.verdicts {
        body.u32(NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
    }
    if set.counters {
        body.u32(NFTA_SET_OBJ_TYPE, NFT_OBJECT_COUNTER);
    }
    body.nest(NFTA_SET_DESC, |body| {
        if let Some(size) = set.size {
            body.u32(NFTA_SET_DESC_SIZE, size);
        }
        if by_field(set) {
            body.nest(NFTA_SET_DESC_CONCAT, |body| {
                for field in &set.key {
                    let length = u32::try_from(field.length()).unwrap_or(u32::MAX);
                    body.nest(NFTA_LIST_ELEM, |body| _ = body.u32(NFTA_SET_FIELD_LEN, length));
                }
            });
        }
    });
    body.attribute(NFTA_SET_USERDATA, &user_data(set));
}

fn flags(set: &Set) -> u32 {
    [
        (set.interval, NFT_SET_INTERVAL),
        (set.verdicts, NFT_SET_MAP),
        (set.counters, NFT_SET_OBJECT),
        (set.timeout, NFT_SET_TIMEOUT),
        (set.dynamic, NFT_SET_EVAL),
        (by_field(set), NFT_SET_CONCAT),
    ]
    .into_iter()
    .filter_map(|(on, flag)| on.then_some(flag))
    .sum()
}

fn user_data(set: &Set) -> Vec<u8> {
    // BYTEORDER_HOST_ENDIAN or BYTEORDER_BIG_ENDIAN of nft.
    let order: u32 = if machine_order(&set.key) { 1 } else { 2 };
    let mut data = vec![KEY_BYTE_ORDER, 4];
    data.extend(order.to_ne_bytes());
    if set.live {
        data.extend([COMMENT, LIVE.len().to_le_bytes()[0]]);
        data.extend(LIVE);
    }
    data
}

/// A set as the kernel describes it, without elements.
pub(super) fn read(data: Attributes<'_>) -> Set {
    let flags = data.u32(NFTA_SET_FLAGS).unwrap_or(0);
    let has = |flag| flags & flag != 0;
    Set {
        key: fields(data.u32(NFTA_SET_KEY_TYPE).unwrap_or(0), data.u32(NFTA_SET_KEY_LEN).unwrap_or(0)),
        interval: has(NFT_SET_INTERVAL),
        timeout: has(NFT_SET_TIMEOUT),
        dynamic: has(NFT_SET_EVAL),
        size: data.nest(NFTA_SET_DESC).u32(NFTA_SET_DESC_SIZE),
        verdicts: has(NFT_SET_MAP) && data.u32(NFTA_SET_DATA_TYPE) == Some(NFT_DATA_VERDICT),
        counters: has(NFT_SET_OBJECT) && data.u32(NFTA_SET_OBJ_TYPE) == Some(NFT_OBJECT_COUNTER),
        live: is_live(data.get(NFTA_SET_USERDATA).unwrap_or_default()),
        elements: Vec::new(),
    }
}

fn is_live(mut user_data: &[u8]) -> bool {
    while let [kind, length, rest @ ..] = user_data {
        let Some((value, next)) = rest.split_at_checked(usize::from(*length)) else { return false };
        if *kind == COMMENT && value == LIVE {
            return true;
        }
        user_data = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{is_live, read, same_kind, write};
    use crate::nft::wire::{Attributes, Body};
    use firewall::nft::{Field, Set};
    use proptest::prelude::*;

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let set = Set {
            key: vec![Field::Ip4, Field::Port],
            interval: true,
            timeout: true,
            size: Some(9),
            live: true,
            ..Set::default()
        };
        let mut body = Body::default();
        write(&mut body, &set, 1);
        assert_eq!(read(Attributes(body.bytes())), set);
        assert!(same_kind(&set, &read(Attributes(body.bytes()))));
        assert!(!same_kind(&set, &Set { live: false, ..set.clone() }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            _ = is_live(&bytes);
            _ = read(Attributes(&bytes));
        }
    }
}
