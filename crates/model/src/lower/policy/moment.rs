//! Dates and times (RFC 3339) as seconds since 1970-01-01 UTC. Which moment is now is not known here.

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MomentError {
    /// Not of the form of RFC 3339.
    Form,
    /// A time without its offset from UTC.
    NoOffset,
    /// A day, hour, minute or second that does not exist.
    Range,
    /// Before 1970.
    Past,
}

impl std::fmt::Display for MomentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Form => "not a date and time",
            Self::NoOffset => "which time zone?",
            Self::Range => "there is no such day or time",
            Self::Past => "before 1970",
        })
    }
}

const DAY: i64 = 86_400;

/// Reads `2026-12-31T18:00:00Z`, also with an offset, or `2026-12-31`, which lasts to the end of that day in UTC.
pub(super) fn parse(text: &str) -> Result<u64, MomentError> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let midnight = days(date)? * DAY;
    let seconds = match time {
        Some(time) => midnight + clock(time)?,
        None => midnight + DAY,
    };
    u64::try_from(seconds).map_err(|_| MomentError::Past)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(date: &str) -> Result<i64, MomentError> {
    let mut parts = date.split('-');
    let mut next = |length| parts.next().and_then(|part| digits(part, length)).ok_or(MomentError::Form);
    let (year, month, day) = (next(4)?, next(2)?, next(2)?);
    if parts.next().is_some() {
        return Err(MomentError::Form);
    }
    if !(1..=12).contains(&month) || !(1..=length_of(month, year)).contains(&day) {
        return Err(MomentError::Range);
    }
    // Years begin in March, so that the leap day is their last one; 306 days lie between March and January.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Ok(year * 365 + leaps + of_year - 719_468)
}

fn length_of(month: i64, year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Seconds from midnight in UTC to a time with its offset.
fn clock(time: &str) -> Result<i64, MomentError> {
    let offset_at = time.find(['Z', 'z', '+', '-']).ok_or(MomentError::NoOffset)?;
    let (time, offset) = time.split_at(offset_at);
    let (whole, fraction) = time.split_once('.').map_or((time, None), |(whole, part)| (whole, Some(part)));
    if fraction.is_some_and(|part| part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(MomentError::Form);
    }
    let mut parts = whole.split(':');
    let mut next = || parts.next().map(|part| digits(part, 2).ok_or(MomentError::Form));
    let hour = next().ok_or(MomentError::Form)??;
    let minute = next().ok_or(MomentError::Form)??;
    let second = next().transpose()?.unwrap_or(0);
    if parts.next().is_some() {
        return Err(MomentError::Form);
    }
    if hour > 23 || minute > 59 || second > 60 {
        return Err(MomentError::Range);
    }
    Ok(hour * 3600 + minute * 60 + second - self::offset(offset)?)
}

fn offset(text: &str) -> Result<i64, MomentError> {
    if text.eq_ignore_ascii_case("z") {
        return Ok(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, minute) = text[1..].split_once(':').ok_or(MomentError::Form)?;
    let (hour, minute) = digits(hour, 2).zip(digits(minute, 2)).ok_or(MomentError::Form)?;
    if hour > 23 || minute > 59 {
        return Err(MomentError::Range);
    }
    Ok(sign * (hour * 3600 + minute * 60))
}

/// A number of exactly so many digits.
fn digits(text: &str, length: usize) -> Option<i64> {
    let whole = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read() {
        let cases = [
            ("1970-01-01T00:00:00Z", Ok(0)),
            ("2026-12-31T18:00:00Z", Ok(1_798_740_000)),
            ("2026-12-31t18:00:00.5z", Ok(1_798_740_000)),
            ("2026-12-31 18:00Z", Ok(1_798_740_000)),
            ("2026-12-31T19:30:00+01:30", Ok(1_798_740_000)),
            ("2026-12-31T13:00:00-05:00", Ok(1_798_740_000)),
            ("2026-12-31", Ok(1_798_761_600)),
            ("2000-02-29", Ok(951_868_800)),
            ("2100-02-28", Ok(4_107_542_400)),
            ("2100-02-29", Err(MomentError::Range)),
            ("2026-13-01", Err(MomentError::Range)),
            ("2026-04-31", Err(MomentError::Range)),
            ("2026-12-31T24:00:00Z", Err(MomentError::Range)),
            ("2026-12-31T18:00:00", Err(MomentError::NoOffset)),
            ("2026-12-31T18:00:00+1", Err(MomentError::Form)),
            ("2026-12-31T18:00:00.Z", Err(MomentError::Form)),
            ("1969-12-31T00:00:00Z", Err(MomentError::Past)),
            ("31.12.2026", Err(MomentError::Form)),
            ("18:00:00", Err(MomentError::Form)),
            ("", Err(MomentError::Form)),
            ("tomorrow", Err(MomentError::Form)),
            ("é-ü", Err(MomentError::Form)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[0-9:TZ+. -]{0,30}") {
            let _ = parse(&text);
        }

        #[test]
        fn the_next_day_is_a_day_later(year in 1970_u32..2200, month in 1_u32..=12, day in 1_u32..=27) {
            let at = |day: u32| parse(&format!("{year:04}-{month:02}-{day:02}"));
            prop_assert_eq!(at(day + 1), at(day).map(|seconds| seconds + 86_400));
        }
    }
}
