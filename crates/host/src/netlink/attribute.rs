//! Attributes of netlink messages (`struct nlattr`), and the numbers in them.
//!
//! It reads; it never guesses where bytes are missing.

/// A part of an answer that is not what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

const HEADER: usize = 4;
/// The flags "nested" and "network byte order" in the type of an attribute.
const FLAGS: u16 = 0xc000;

/// The attributes of a message, or within an attribute: type and value.
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The first of a type.
    pub(crate) fn find(self, wanted: u16) -> Result<Option<&'a [u8]>, Malformed> {
        for attribute in self {
            let (kind, value) = attribute?;
            if kind == wanted {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer bytes than a header are padding.
        if self.0.len() < HEADER {
            return None;
        }
        let attribute = split(self.0);
        self.0 = attribute.map_or(&[], |(_, rest)| rest);
        Some(attribute.map(|(attribute, _)| attribute))
    }
}

type Split<'a> = ((u16, &'a [u8]), &'a [u8]);

fn split(bytes: &[u8]) -> Result<Split<'_>, Malformed> {
    const WHAT: Malformed = Malformed("attribute");
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(WHAT)?;
    let (kind, _) = rest.split_first_chunk::<2>().ok_or(WHAT)?;
    let length = usize::from(u16::from_ne_bytes(*length));
    let value = bytes.get(HEADER..length).ok_or(WHAT)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Ok(((u16::from_ne_bytes(*kind) & !FLAGS, value), rest))
}

/// One attribute as bytes, padded.
pub(crate) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER + value.len()).expect("an attribute of a request is a few bytes long");
    let mut bytes = Vec::from(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A number in the machine's byte order.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Result<u32, Malformed> {
    let number = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    number.map(|number| u32::from_ne_bytes(*number)).ok_or(Malformed("number"))
}

/// A whole value that is a number in network byte order.
pub(crate) fn u32_network(value: &[u8]) -> Result<u32, Malformed> {
    value.try_into().map(u32::from_be_bytes).map_err(|_| Malformed("number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_without_its_flags() {
        let mut bytes = attribute(3, b"lo\0");
        bytes.extend(attribute(0x8012, &[1, 2, 3, 4]));
        let read: Vec<(u16, &[u8])> = Attributes(&bytes).map(|one| one.expect("well formed")).collect();
        assert_eq!(read, [(3, &b"lo\0"[..]), (0x12, &[1, 2, 3, 4])]);
        assert_eq!(Attributes(&bytes).find(0x12), Ok(Some(&[1, 2, 3, 4][..])));
        assert_eq!(Attributes(&bytes).find(4), Ok(None));
    }

    #[test]
    fn an_attribute_with_a_false_length_is_refused() {
        for length in [0u8, 3, 9] {
            let bytes = [length, 0, 3, 0, 1, 2, 3, 4];
            assert_eq!(Attributes(&bytes).find(3), Err(Malformed("attribute")), "length {length}");
        }
    }
}
