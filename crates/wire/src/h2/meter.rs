//! Counting frames in the bytes that a client sends.

/// What every client says first (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEAD: usize = 9;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// What was seen so far. The counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `HEADERS` frames: streams, and the trailers of some.
    pub heads: u64,
    /// Streams that the peer reset.
    pub resets: u64,
    /// Frames that move nothing: everything but `HEADERS`, `CONTINUATION`, `RST_STREAM` and `DATA` with data.
    pub control: u64,
    /// Bytes of data, padding included.
    pub data: u64,
}

/// Counts frames in bytes that arrive in pieces.
#[derive(Debug)]
pub struct Meter {
    preface: usize,
    head: [u8; HEAD],
    have: usize,
    payload: usize,
    /// The type of the frame whose payload is arriving.
    kind: u8,
    open_block: bool,
    seen: Seen,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            preface: PREFACE.len(),
            head: [0; HEAD],
            have: 0,
            payload: 0,
            kind: DATA,
            open_block: false,
            seen: Seen::default(),
        }
    }
}

impl Meter {
    /// Takes the next bytes that were received. The preface is passed over; whoever reads the frames judges it.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            let taken = if self.payload > 0 { self.payload.min(bytes.len()) } else { self.take_head(bytes) };
            if self.payload > 0 && self.have == 0 {
                self.payload -= taken;
            }
            bytes = &bytes[taken..];
            if self.have == HEAD {
                self.begin();
            }
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> usize {
        let count = (HEAD - self.have).min(bytes.len());
        self.head[self.have..self.have + count].copy_from_slice(&bytes[..count]);
        self.have += count;
        count
    }

    fn begin(&mut self) {
        let [a, b, c, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        (self.have, self.payload, self.kind) = (0, length, kind);
        match kind {
            DATA if length > 0 => self.seen.data += length as u64,
            HEADERS => self.seen.heads += 1,
            CONTINUATION => {}
            RST_STREAM => self.seen.resets += 1,
            _ => self.seen.control += 1,
        }
        if matches!(kind, HEADERS | CONTINUATION) {
            self.open_block = flags & END_HEADERS == 0;
        }
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Whether something has begun that nobody else waits for: the preface, the head of a frame, a frame without data,
    /// or a block of fields that goes on in further frames.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        self.preface > 0 || self.have > 0 || self.open_block || (self.payload > 0 && self.kind != DATA)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn conversation() -> Vec<u8> {
        [
            PREFACE.to_vec(),
            frame(4, 0, &[0; 6]),
            frame(HEADERS, 0, b"abc"),
            frame(CONTINUATION, END_HEADERS, b""),
            frame(DATA, 0, b"12345"),
            frame(DATA, 0, b""),
            frame(6, 0, &[0; 8]),
            frame(RST_STREAM, 0, &[0; 4]),
        ]
        .concat()
    }

    #[test]
    fn frames_are_counted_however_the_bytes_arrive() {
        let bytes = conversation();
        for step in 1..=bytes.len() {
            let mut meter = Meter::default();
            bytes.chunks(step).for_each(|piece| meter.feed(piece));
            assert_eq!(meter.seen(), Seen { heads: 1, resets: 1, control: 3, data: 5 }, "{step}");
            assert!(!meter.is_amid(), "{step}");
        }
    }

    #[test]
    fn what_nobody_else_waits_for_is_noticed() {
        let bytes = conversation();
        let data = PREFACE.len() + 15 + 12 + 9;
        let amid: Vec<_> = (0..bytes.len())
            .filter(|end| {
                let mut meter = Meter::default();
                meter.feed(&bytes[..*end]);
                meter.is_amid()
            })
            .collect();
        for end in [0, 1, 23, 25, 24 + 15 + 12, data + 1, data + 8] {
            assert!(amid.contains(&end), "{end}");
        }
        for end in [24, 24 + 15, data, data + 9, data + 12, data + 14] {
            assert!(!amid.contains(&end), "{end}");
        }
    }
}
