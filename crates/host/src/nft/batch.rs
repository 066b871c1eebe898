//! A transaction under construction: operations, and a name for each that an error can say.

use super::{
    kernel::{
        NFNL_BATCH_GENID, NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES, NLM_F_ACK,
        NLM_F_REQUEST,
    },
    wire::{self, Body},
};

/// A change that is applied whole or not at all.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    operations: Vec<Operation>,
    broken: Option<usize>,
}

#[derive(Clone, Debug)]
struct Operation {
    start: usize,
    name: String,
}

impl Batch {
    /// Adds an operation; `name` completes "the kernel refused".
    pub(super) fn push(&mut self, message: u16, flags: u16, body: &Body, name: impl Into<String>) {
        if body.is_broken() && self.broken.is_none() {
            self.broken = Some(self.operations.len());
        }
        self.operations.push(Operation { start: self.bytes.len(), name: name.into() });
        let kind = NFNL_SUBSYS_NFTABLES << 8 | message;
        wire::message(&mut self.bytes, kind, NLM_F_REQUEST | flags, 0, body.bytes());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(super) const fn count(&self) -> usize {
        self.operations.len()
    }

    /// The bytes of the operations.
    pub(super) const fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The name of the first operation that holds a value which does not fit.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.and_then(|index| self.name(index))
    }

    pub(super) fn name(&self, index: usize) -> Option<&str> {
        self.operations.get(index).map(|operation| operation.name.as_str())
    }

    /// The datagram: the begin has the number `sequence`, the operations the following ones. The last operation alone
    /// asks for an answer; errors are told in any case, and thousands of answers would not fit the receive buffer.
    pub(super) fn datagram(&self, sequence: u32, generation: Option<u32>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 64);
        let mut begin = Body::new(0, NFNL_SUBSYS_NFTABLES);
        if let Some(generation) = generation {
            begin.u32(NFNL_BATCH_GENID, generation);
        }
        wire::message(&mut out, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, sequence, begin.bytes());
        let first = out.len();
        out.extend_from_slice(&self.bytes);
        let mut number = sequence;
        for operation in &self.operations {
            number = number.wrapping_add(1);
            let at = first + operation.start + 8;
            out[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        if let Some(last) = self.operations.last() {
            let at = first + last.start + 6;
            let flags = u16::from_ne_bytes([out[at], out[at + 1]]) | NLM_F_ACK;
            out[at..at + 2].copy_from_slice(&flags.to_ne_bytes());
        }
        let end = Body::new(0, NFNL_SUBSYS_NFTABLES);
        wire::message(&mut out, NFNL_MSG_BATCH_END, NLM_F_REQUEST, number.wrapping_add(1), end.bytes());
        out
    }
}
