//! Buffers that a thread lends to connections while they are busy. An idle connection holds none.

use std::cell::RefCell;

/// Bytes of a small buffer: a head of the largest default size, or a TLS record with its overhead.
const SMALL: usize = 20 << 10;
/// Bytes of a large buffer: three TLS records with their overhead, or a piece of a body.
const LARGE: usize = 50 << 10;
/// Bytes of a body that are moved at once. What is copied in and out again should stay in the first cache of a core:
/// with 68 KiB a relayed megabyte took up to twice the time.
pub(crate) const PIECE: usize = 48 << 10;
/// How many buffers of each size a thread keeps; what is above goes back to the allocator.
const KEPT: usize = 128;

thread_local! {
    static SMALL_POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
    static LARGE_POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer whose middle part holds data: bytes are filled in at the end and consumed at the front.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// A buffer for a head or one TLS record.
    pub(crate) fn small() -> Self {
        Self::take(&SMALL_POOL, SMALL)
    }

    /// A buffer for bodies.
    pub(crate) fn large() -> Self {
        Self::take(&LARGE_POOL, LARGE)
    }

    /// A buffer that holds at least `size` bytes.
    pub(crate) fn of_at_least(size: usize) -> Self {
        if size <= SMALL {
            Self::small()
        } else if size <= LARGE {
            Self::large()
        } else {
            Self { bytes: vec![0; size].into_boxed_slice(), start: 0, end: 0 }
        }
    }

    fn take(pool: &'static std::thread::LocalKey<RefCell<Vec<Box<[u8]>>>>, size: usize) -> Self {
        let bytes = pool.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; size].into_boxed_slice());
        Self { bytes, start: 0, end: 0 }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_large(&self) -> bool {
        self.bytes.len() >= LARGE
    }

    /// The data.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The data, to be changed in place.
    pub(crate) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The room behind the data.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// Makes the room behind the data as large as it can be, by moving the data to the front.
    pub(crate) fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Notes that the first `count` bytes of the room are data now.
    pub(crate) fn filled(&mut self, count: usize) {
        self.end += count;
        assert!(self.end <= self.bytes.len(), "no more is filled than there is room");
    }

    /// Drops the first `count` bytes of the data.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        assert!(self.start <= self.end, "no more is consumed than there is data");
    }

    /// Appends bytes as far as there is room, and answers how many.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + count].copy_from_slice(&bytes[..count]);
        self.end += count;
        count
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let pool = match self.bytes.len() {
            SMALL => &SMALL_POOL,
            LARGE => &LARGE_POOL,
            _ => return,
        };
        let bytes = std::mem::take(&mut self.bytes);
        // While a thread ends its pools may be gone already; the buffer then goes back to the allocator.
        let _ = pool.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEPT {
                pool.push(bytes);
            }
        });
    }
}
