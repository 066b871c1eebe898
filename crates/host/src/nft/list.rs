//! What the kernel lists.

use super::{
    error::NftError,
    kernel::{NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR},
    socket::{Channel, errno},
    wire::{Body, Message, Messages},
};
use rustix::io::Errno;

/// How often a list is begun anew because the rules changed under it.
const ATTEMPTS: usize = 64;
/// Kinds below this one are of netlink itself (`NLMSG_MIN_TYPE`).
const FIRST_KIND: u16 = 16;

/// What the kernel listed: whole datagrams, so that a million elements are not a million allocations.
#[derive(Debug)]
pub(super) struct Listing {
    datagrams: Vec<Vec<u8>>,
    sequence: u32,
}

impl Listing {
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        let ours = |message: &Message<'_>| message.sequence == self.sequence && message.kind >= FIRST_KIND;
        self.datagrams.iter().flat_map(|datagram| Messages(datagram)).filter(ours)
    }
}

impl Channel {
    /// Everything of a kind; begun anew when the rules changed under it. What does not exist is empty.
    pub(super) fn list(
        &mut self,
        message: u16,
        family: u8,
        what: &str,
        fill: impl Fn(&mut Body),
    ) -> Result<Listing, NftError> {
        for _ in 0..ATTEMPTS {
            let sequence = self.ask(message, NLM_F_DUMP, family, &fill)?;
            if let Some(listing) = self.collect(sequence, what)? {
                return Ok(listing);
            }
        }
        Err(NftError::Busy)
    }

    /// One thing; empty where it does not exist.
    pub(super) fn get(
        &mut self,
        message: u16,
        family: u8,
        what: &str,
        fill: impl Fn(&mut Body),
    ) -> Result<Listing, NftError> {
        let sequence = self.ask(message, NLM_F_ACK, family, fill)?;
        self.collect(sequence, what)?.ok_or(NftError::Busy)
    }

    /// The answers up to their end; `None` where they are not of one moment.
    fn collect(&mut self, sequence: u32, what: &str) -> Result<Option<Listing>, NftError> {
        let mut datagrams = Vec::new();
        let mut interrupted = false;
        loop {
            self.receive(0)?;
            for message in Messages(self.received()).filter(|message| message.sequence == sequence) {
                interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                if message.kind != NLMSG_DONE && message.kind != NLMSG_ERROR {
                    continue;
                }
                // A list that ends early says why in its end.
                if message.error() > 0 {
                    return match errno(&message) {
                        Errno::INTR => Ok(None),
                        Errno::NOENT => Ok(Some(Listing { datagrams: Vec::new(), sequence })),
                        errno => Err(NftError::Kernel { what: what.to_owned(), source: errno.into() }),
                    };
                }
                datagrams.push(self.received().to_vec());
                return Ok((!interrupted).then_some(Listing { datagrams, sequence }));
            }
            datagrams.push(self.received().to_vec());
        }
    }
}
