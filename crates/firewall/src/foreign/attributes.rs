//! Attributes of netlink as raw bytes: what an expression that is not understood carries.
//!
//! Reads only what is there: lengths that lie end the reading.

/// The name, revision and structure of a match or target of x_tables (`NFTA_MATCH_*`, `NFTA_TARGET_*` of
/// linux/netfilter/nf_tables.h, which share their numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    pub(super) revision: u32,
    pub(super) info: &'a [u8],
}

/// Every attribute in order: its type without flags, and its bytes.
pub(super) fn attributes(data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes([*rest.first()?, *rest.get(1)?]));
        let kind = u16::from_ne_bytes([*rest.get(2)?, *rest.get(3)?]) & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// An attribute of four bytes in the order of the network.
pub(super) fn number(data: &[u8], kind: u16) -> Option<u32> {
    let (_, value) = attributes(data).find(|(found, _)| *found == kind)?;
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Whether an attribute is there.
pub(super) fn has(data: &[u8], kind: u16) -> bool {
    attributes(data).any(|(found, _)| found == kind)
}

/// The match or target in an expression.
pub(super) fn extension(data: &[u8]) -> Option<Extension<'_>> {
    const NAME: u16 = 1;
    const REVISION: u16 = 2;
    const INFO: u16 = 3;
    let find = |kind| attributes(data).find(|(found, _)| *found == kind).map(|(_, value)| value);
    let name = find(NAME)?;
    let name = std::str::from_utf8(name.split(|byte| *byte == 0).next()?).ok()?;
    Some(Extension {
        name,
        revision: number(data, REVISION).unwrap_or(0),
        info: find(INFO).unwrap_or_default(),
    })
}

/// An attribute, as tests write it.
#[cfg(test)]
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).expect("attributes of tests are short");
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The data of a match or target, as tests write it.
#[cfg(test)]
pub(super) fn extension_data(name: &str, revision: u32, info: &[u8]) -> Vec<u8> {
    let name = format!("{name}\0");
    [attribute(1, name.as_bytes()), attribute(2, &revision.to_be_bytes()), attribute(3, info)].concat()
}

#[cfg(test)]
mod tests {
    use super::{Extension, attributes, extension, extension_data};

    #[test]
    fn an_extension_is_read_back() {
        let data = extension_data("multiport", 1, &[1, 2, 3]);
        assert_eq!(extension(&data), Some(Extension { name: "multiport", revision: 1, info: &[1, 2, 3] }));
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        assert_eq!(attributes(&[0, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[255, 255, 1, 0, 7]).count(), 0);
        assert_eq!(attributes(&[3]).count(), 0);
        assert_eq!(attributes(&[4, 0, 1, 0, 4, 0, 2, 0]).count(), 2);
    }
}
