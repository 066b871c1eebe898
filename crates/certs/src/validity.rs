//! From when until when a certificate is valid. Never reads the clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::time::ASN1Time;

/// The last second that certificates of ours may carry: late enough for anything, early enough that a wrong clock
/// cannot make arithmetic on it overflow (year 8307; X.509 ends with 9999).
const LAST_SECOND: u64 = 200_000_000_000;

/// From when until when a certificate is valid, both ends included (RFC 5280, 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// From `backdate` before `now` until `life` after it.
    pub(crate) fn starting(now: SystemTime, backdate: Duration, life: Duration) -> Self {
        let now = seconds(now);
        let not_before = now.saturating_sub(backdate.as_secs());
        Self { not_before: moment(not_before), not_after: moment(now + life.as_secs()) }
    }

    /// From the seconds since 1970 that a certificate carries. Times before 1970 count as 1970.
    pub(crate) fn from_timestamps(not_before: i64, not_after: i64) -> Self {
        let time = |seconds: i64| moment(u64::try_from(seconds).unwrap_or(0));
        Self { not_before: time(not_before), not_after: time(not_after) }
    }

    /// Whether `now` lies within.
    #[must_use]
    pub fn contains(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// How long it still lasts; zero once it has ended.
    #[must_use]
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or(Duration::ZERO)
    }

    /// Whether at most a third of the life remains, or the clock stands before its begin.
    #[must_use]
    pub fn is_renewal_due(&self, now: SystemTime) -> bool {
        let life = self.not_after.duration_since(self.not_before).unwrap_or(Duration::ZERO);
        now < self.not_before || self.remaining(now) <= life / 3
    }
}

/// Whole seconds since 1970, within the bounds of a certificate.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).min(LAST_SECOND)
}

/// The moment so many seconds after 1970.
fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(2 * LAST_SECOND))
}

/// A day as people write it, `2026-11-20`, in UTC.
pub(crate) struct Day(pub(crate) SystemTime);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(seconds(self.0)).unwrap_or(0);
        match ASN1Time::from_timestamp(seconds) {
            Ok(time) => write!(f, "{}", time.to_datetime().date()),
            Err(_) => f.write_str("an unknown day"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn renewal_is_due_when_a_third_remains() {
        let validity = Validity { not_before: at(1000), not_after: at(1900) };
        for (now, due) in
            [(999, true), (1000, false), (1599, false), (1600, true), (1900, true), (5000, true)]
        {
            assert_eq!(validity.is_renewal_due(at(now)), due, "at {now}");
        }
    }

    #[test]
    fn a_clock_beyond_every_calendar_does_not_overflow() {
        let far = UNIX_EPOCH + Duration::from_secs(u64::MAX / 4);
        let validity = Validity::starting(far, Duration::from_secs(3600), Duration::from_secs(1 << 40));
        assert!(validity.not_before < validity.not_after);
        assert_eq!(Day(at(1_763_640_000)).to_string(), "2025-11-20");
        assert!(!Day(far).to_string().is_empty());
    }
}
