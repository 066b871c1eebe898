//! How much may come at once, and how much in the long run. Never reads the clock.

use std::time::{Duration, Instant};

/// A bucket of tokens: so many at once, and one more whenever an interval has passed.
#[derive(Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    /// How long it takes to fill.
    whole: Duration,
    /// When it is full again.
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(at_once: u32, interval: Duration, now: Instant) -> Self {
        Self { interval, whole: interval * at_once, full_at: now }
    }

    /// Takes a token, where there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.interval;
        let is_there = full_at <= now + self.whole;
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}

/// Something that is told at most once in a while, with how often it happened since.
#[derive(Debug)]
pub(crate) struct Seldom {
    interval: Duration,
    told: Option<Instant>,
    times: u64,
}

impl Seldom {
    /// Nothing happened yet.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval, told: None, times: 0 }
    }

    /// It happened again: how often since it was told last, where it is to be told now.
    pub(crate) fn again(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < self.interval) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_has_and_fills_in_time() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(3, Duration::from_millis(100), begin);
        for (milliseconds, taken) in [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (99, false),
            (100, true),
            (150, false),
            (300, true),
            (300, true),
            (300, false),
            (9000, true),
            (9000, true),
            (9000, true),
            (9000, false),
        ] {
            assert_eq!(
                bucket.take(begin + Duration::from_millis(milliseconds)),
                taken,
                "at {milliseconds} ms"
            );
        }
    }

    #[test]
    fn what_happens_often_is_told_seldom_with_its_number() {
        let begin = Instant::now();
        let mut seldom = Seldom::new(Duration::from_secs(10));
        for (seconds, told) in [(0, Some(1)), (1, None), (9, None), (10, Some(3)), (11, None), (99, Some(2))]
        {
            assert_eq!(seldom.again(begin + Duration::from_secs(seconds)), told, "at {seconds} s");
        }
    }
}
