//! The bytes of netlink: messages and attributes, written and read. Nothing about nftables.
//!
//! What is read is not trusted: a length that does not fit ends the list, and nothing here panics. What is written
//! and cannot be (an attribute above 64 KiB, a name with a NUL in it) makes the body broken, and a broken body is
//! refused before it is sent.

use crate::netlink::attribute;

const HEADER: usize = 4;
const NESTED: u16 = 0x8000;

/// The length of the header of a message (`struct nlmsghdr`).
pub(super) const MESSAGE_HEADER: usize = 16;

/// What follows the header of a message that is being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
    broken: bool,
}

impl Body {
    /// A body that begins as every one of netfilter does (`struct nfgenmsg`).
    pub(super) fn new(family: u8, resource: u16) -> Self {
        let [high, low] = resource.to_be_bytes();
        Self { bytes: vec![family, 0, high, low], broken: false }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether something did not fit.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.put(kind, |body| body.bytes.extend_from_slice(value))
    }

    pub(super) fn u8(&mut self, kind: u16, value: u8) -> &mut Self {
        self.attribute(kind, &[value])
    }

    pub(super) fn u16(&mut self, kind: u16, value: u16) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    pub(super) fn u64(&mut self, kind: u16, value: u64) -> &mut Self {
        self.attribute(kind, &value.to_be_bytes())
    }

    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.broken |= value.contains('\0');
        self.put(kind, |body| {
            body.bytes.extend_from_slice(value.as_bytes());
            body.bytes.push(0);
        })
    }

    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.put(kind | NESTED, fill)
    }

    /// Attributes that are written already, as the kernel gave them.
    pub(super) fn raw(&mut self, attributes: &[u8]) {
        self.bytes.extend_from_slice(attributes);
    }

    fn put(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        fill(self);
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.broken = true,
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(HEADER), 0);
        self
    }
}

/// Appends one whole message.
pub(super) fn message(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32, body: &[u8]) {
    // A message of 4 GiB does not fit any send buffer; the socket refuses it by the length of `out`.
    let length = u32::try_from(MESSAGE_HEADER + body.len()).unwrap_or(u32::MAX);
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(HEADER), 0);
}

/// A message as received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    /// The port of the socket that it answers, or whose change it tells of.
    pub(super) port: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind `struct nfgenmsg`.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.payload.get(HEADER..).unwrap_or_default())
    }

    /// The family of `struct nfgenmsg`.
    pub(super) fn family(&self) -> u8 {
        self.payload.first().copied().unwrap_or_default()
    }

    /// The error number of an acknowledgement, as a positive number; 0 is success.
    pub(super) fn error(&self) -> i32 {
        array(self.payload).map_or(0, i32::from_ne_bytes).saturating_neg()
    }
}

/// The messages of one datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Messages<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32::from_ne_bytes(array(self.0)?)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes(array(self.0.get(4..)?)?),
            flags: u16::from_ne_bytes(array(self.0.get(6..)?)?),
            sequence: u32::from_ne_bytes(array(self.0.get(8..)?)?),
            port: u32::from_ne_bytes(array(self.0.get(12..)?)?),
            payload: self.0.get(MESSAGE_HEADER..length)?,
        };
        self.0 = self.0.get(length.next_multiple_of(HEADER)..).unwrap_or_default();
        Some(message)
    }
}

/// A list of attributes as received. One that is malformed ends it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut strict = attribute::Attributes(self.0);
        let found = strict.next()?.ok()?;
        self.0 = strict.0;
        Some(found)
    }
}

impl<'a> Attributes<'a> {
    pub(super) fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find(|(found, _)| *found == kind).map(|(_, value)| value)
    }

    /// The attributes within one; none where it is absent.
    pub(super) fn nest(self, kind: u16) -> Self {
        Self(self.get(kind).unwrap_or_default())
    }

    pub(super) fn u8(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    pub(super) fn u16(self, kind: u16) -> Option<u16> {
        exact(self.get(kind)?).map(u16::from_be_bytes)
    }

    pub(super) fn u32(self, kind: u16) -> Option<u32> {
        exact(self.get(kind)?).map(u32::from_be_bytes)
    }

    pub(super) fn u64(self, kind: u16) -> Option<u64> {
        exact(self.get(kind)?).map(u64::from_be_bytes)
    }

    /// A text up to its NUL.
    pub(super) fn text(self, kind: u16) -> Option<&'a str> {
        let bytes = self.get(kind)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        std::str::from_utf8(bytes.get(..end)?).ok()
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Body, Messages, message};
    use proptest::prelude::*;

    #[test]
    fn what_was_written_is_read() {
        let mut body = Body::new(1, 10);
        body.u32(1, 7).text(2, "inbound").nest(3, |nest| {
            nest.u16(1, 443).u64(2, 1 << 40).u8(3, 9);
        });
        let mut bytes = Vec::new();
        message(&mut bytes, 5, 6, 7, body.bytes());
        let read: Vec<_> = Messages(&bytes).collect();
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].kind, read[0].flags, read[0].sequence, read[0].family()), (5, 6, 7, 1));
        let attributes = read[0].attributes();
        assert_eq!(attributes.u32(1), Some(7));
        assert_eq!(attributes.text(2), Some("inbound"));
        let nest = attributes.nest(3);
        assert_eq!((nest.u16(1), nest.u64(2), nest.u8(3)), (Some(443), Some(1 << 40), Some(9)));
        assert!(!body.is_broken());
    }

    #[test]
    fn what_does_not_fit_breaks_the_body() {
        let mut long = Body::default();
        assert!(long.attribute(1, &[0; 65_532]).is_broken());
        assert!(!Body::default().attribute(1, &[0; 65_531]).is_broken());
        assert!(Body::default().nest(1, |nest| _ = nest.text(1, "a\0b")).is_broken());
    }

    #[test]
    fn a_length_that_does_not_fit_ends_the_list() {
        for hostile in [[0, 0, 1, 0], [3, 0, 1, 0], [5, 0, 1, 0], [255, 255, 1, 0]] {
            assert_eq!(Attributes(&hostile).count(), 0, "{hostile:?}");
        }
        assert_eq!(Messages(&[0; 16]).count(), 0, "a message is at least its header");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Attributes(&bytes).count() <= bytes.len() / 4 + 1);
            for message in Messages(&bytes) {
                for kind in 0..4 {
                    let found = message.attributes();
                    _ = (found.u8(kind), found.u16(kind), found.u32(kind), found.u64(kind), found.text(kind));
                }
                _ = (message.error(), message.family());
            }
        }
    }
}
