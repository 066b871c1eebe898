//! The bytes of a message: a head that says what follows, and a value in the format of postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// What every packet begins with: two letters, the version of this head, and where the value is.
const MAGIC: [u8; 3] = [b'P', b'L', 1];
/// Bytes of the head.
pub(crate) const HEAD: usize = 4;
/// Bytes of a packet at most, with its head. What is larger comes in a memfd.
pub(crate) const LARGEST_PACKET: usize = 32 << 10;

/// Where the value of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind the head.
    Here = 0,
    /// In a memfd, the last of the descriptors.
    Beside = 1,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// They do not begin as one.
    Head,
    /// The value is not understood.
    Value,
    /// Something follows the value.
    Rest,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "it does not begin as a message",
            Self::Value => "its value is not understood",
            Self::Rest => "something follows its value",
        })
    }
}

impl std::error::Error for FrameError {}

/// A value as bytes, without the head.
///
/// # Panics
///
/// Never: the messages of this crate consist of what postcard can write.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(message).expect("a message can be written")
}

/// A value from its bytes, all of which belong to it.
///
/// # Errors
///
/// They are not such a value.
pub fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, FrameError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(FrameError::Rest),
        Err(_) => Err(FrameError::Value),
    }
}

/// The message in a packet; `None` where it lies beside it.
///
/// # Errors
///
/// It is no packet, or what is in it is no such message.
pub fn from_packet<M: DeserializeOwned>(packet: &[u8]) -> Result<Option<M>, FrameError> {
    match open(packet)? {
        (Place::Here, value) => decode(value).map(Some),
        (Place::Beside, _) => Ok(None),
    }
}

/// The head of a packet.
pub(crate) fn head(place: Place) -> [u8; HEAD] {
    [MAGIC[0], MAGIC[1], MAGIC[2], place as u8]
}

/// What a packet says about its value, and what is behind its head.
fn open(packet: &[u8]) -> Result<(Place, &[u8]), FrameError> {
    let (head, value) = packet.split_at_checked(HEAD).ok_or(FrameError::Head)?;
    let place = match head.strip_prefix(&MAGIC) {
        Some([0]) => Place::Here,
        Some([1]) if value.is_empty() => Place::Beside,
        _ => return Err(FrameError::Head),
    };
    Ok((place, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_where_its_value_is() {
        assert_eq!(open(&[b'P', b'L', 1, 0, 7]), Ok((Place::Here, &[7][..])));
        assert_eq!(open(&head(Place::Beside)), Ok((Place::Beside, &[][..])));
    }

    #[test]
    fn what_does_not_begin_as_one_is_no_packet() {
        for packet in [&b""[..], b"PL\x01", b"PL\x02\0x", b"PX\x01\0x", b"PL\x01\x02x", b"PL\x01\x01x"] {
            assert_eq!(open(packet), Err(FrameError::Head), "{packet:?}");
        }
    }

    #[test]
    fn a_value_has_no_rest() {
        let bytes = encode(&(1_u8, "text"));
        assert_eq!(decode::<(u8, String)>(&bytes), Ok((1, "text".to_owned())));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode::<(u8, String)>(&longer), Err(FrameError::Rest));
        assert_eq!(decode::<(u8, String)>(&bytes[..bytes.len() - 1]), Err(FrameError::Value));
    }
}
