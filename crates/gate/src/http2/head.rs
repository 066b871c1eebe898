//! What the engine writes, taken up to the end of a head, and part by part.

use http1::{HeadLimits, HeadScanner};
use std::io;
use std::task::Poll;

/// A head as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Collected {
    known: Vec<u8>,
    scanner: HeadScanner,
}

impl Collected {
    /// Takes bytes of a head; how many were taken, and the head once it is complete. Then the next one begins.
    pub(super) fn take(&mut self, bytes: &[u8], limits: &HeadLimits) -> io::Result<(usize, Option<Vec<u8>>)> {
        let before = self.known.len();
        self.known.extend_from_slice(bytes);
        let Some(length) = self.scanner.scan(&self.known, limits).map_err(io::Error::other)? else {
            return Ok((bytes.len(), None));
        };
        let Self { known: mut head, .. } = std::mem::take(self);
        head.truncate(length);
        Ok((length - before, Some(head)))
    }
}

/// Has both parts taken, one after the other, as far as that goes; answers how many bytes were.
pub(super) fn poll_each(
    parts: [&[u8]; 2],
    mut poll_take: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
) -> Poll<io::Result<usize>> {
    let mut taken = 0;
    for part in parts {
        let mut left = part;
        while !left.is_empty() {
            match poll_take(left) {
                Poll::Ready(Ok(count)) => {
                    left = &left[count..];
                    taken += count;
                }
                Poll::Pending if taken > 0 => return Poll::Ready(Ok(taken)),
                stopped => return stopped,
            }
        }
    }
    Poll::Ready(Ok(taken))
}
