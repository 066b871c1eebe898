//! What the parameters of a pattern matched, without allocation.

use crate::pattern::MAX_PARAMETERS;
use std::ops::Range;

/// The segments of a path that the parameters of the winning route's pattern matched, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    ranges: [(u32, u32); MAX_PARAMETERS],
    length: usize,
}

impl Captures {
    /// No captures.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the segment of a parameter stands in the path, by the parameter's position in the pattern.
    #[must_use]
    pub fn range(&self, position: usize) -> Option<Range<usize>> {
        let &(start, end) = self.ranges[..self.length].get(position)?;
        Some(start as usize..end as usize)
    }

    /// The segment of a parameter as it stands in the path that was matched, escapes and parameters included.
    #[must_use]
    pub fn segment<'a>(&self, position: usize, path: &'a [u8]) -> Option<&'a [u8]> {
        path.get(self.range(position)?)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Keeps a range. Patterns have no more parameters than there is room, and a path beyond 4 GiB is no path.
    pub(super) fn push(&mut self, range: Range<usize>) {
        if let (Some(place), Ok(start), Ok(end)) =
            (self.ranges.get_mut(self.length), u32::try_from(range.start), u32::try_from(range.end))
        {
            *place = (start, end);
        }
        self.length = (self.length + 1).min(MAX_PARAMETERS);
    }

    pub(super) fn pop(&mut self) {
        self.length = self.length.saturating_sub(1);
    }
}
