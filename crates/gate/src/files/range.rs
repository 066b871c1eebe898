//! The `Range` field (RFC 9110, 14.1.1 and 14.2): what is asked for, and what is given. Reads no file.

use std::ops::Range;

/// Ranges of a request at most; more is answered with the whole file.
const MOST: usize = 8;

/// What a `Range` field means for a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// It is not there, not understood or not worth it: the whole file.
    Whole,
    /// One or more, in the order of the request: none empty, no two touching.
    Some(Vec<Range<u64>>),
    /// None lies within the file: 416.
    Unsatisfiable,
}

impl Ranges {
    /// Judges a field for a file of `size` bytes.
    pub(super) fn of(field: &[u8], size: u64) -> Self {
        // The unit is compared without regard to case; a file without bytes has no ranges to speak of.
        let Some((unit, set)) = field.split_at_checked(6) else { return Self::Whole };
        if !unit.eq_ignore_ascii_case(b"bytes=") || size == 0 {
            return Self::Whole;
        }
        let mut ranges = Vec::new();
        let mut count = 0;
        for element in
            set.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
        {
            count += 1;
            match Spec::parse(element) {
                Some(spec) if count <= MOST => ranges.extend(spec.within(size)),
                _ => return Self::Whole,
            }
        }
        match (count, ranges.is_empty()) {
            (0, _) => Self::Whole,
            (_, true) => Self::Unsatisfiable,
            _ if any_touch(&ranges) => Self::Whole,
            _ => Self::Some(ranges),
        }
    }
}

/// One element of the field.
enum Spec {
    /// `first-last`, the last byte included, or `first-`.
    From(u64, Option<u64>),
    /// `-length`: the last bytes.
    Last(u64),
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|&byte| byte == b'-')?;
        match (&text[..dash], &text[dash + 1..]) {
            ([], length) => number(length).map(Self::Last),
            (first, []) => number(first).map(|first| Self::From(first, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The bytes of a file that it means, when there are any.
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.map_or(size, |last| last.saturating_add(1)).min(size),
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

/// Digits and nothing else. What is too large for a number is larger than any file.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(value))
    })
}

/// Whether two ranges overlap or follow each other without a gap: nobody who wants that needs two.
fn any_touch(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_by_key(|range| range.start);
    sorted.windows(2).any(|pair| pair[1].start <= pair[0].end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(ranges: &Ranges) -> String {
        match ranges {
            Ranges::Whole => "whole".into(),
            Ranges::Unsatisfiable => "416".into(),
            Ranges::Some(ranges) => {
                let texts: Vec<_> =
                    ranges.iter().map(|range| format!("{}-{}", range.start, range.end - 1)).collect();
                texts.join(" ")
            }
        }
    }

    /// Lines of `size | Range => ranges`.
    #[test]
    fn ranges_are_judged() {
        for line in include_str!("cases/ranges.txt").lines().filter(|line| !line.starts_with('#')) {
            let (case, expected) = line.split_once(" => ").expect("a case");
            let (size, field) = case.split_once(" | ").expect("a size and a field");
            let ranges = Ranges::of(field.as_bytes(), size.parse().expect("a size"));
            assert_eq!(shown(&ranges), expected, "{case}");
        }
    }

    #[test]
    fn a_thousand_ranges_are_the_whole_file() {
        let set: Vec<_> = (0..1000).map(|start| format!("{}-{}", start * 3, start * 3)).collect();
        assert_eq!(Ranges::of(format!("bytes={}", set.join(",")).as_bytes(), 10_000), Ranges::Whole);
    }

    proptest! {
        #[test]
        fn given_ranges_lie_within_the_file_and_apart(field in "bytes=[0-9,-]{0,40}", size in 0u64..200) {
            if let Ranges::Some(ranges) = Ranges::of(field.as_bytes(), size) {
                prop_assert!(ranges.len() <= MOST);
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
                prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= size);
            }
        }
    }
}
