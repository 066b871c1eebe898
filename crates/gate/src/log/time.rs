//! Times in logs. The part that changes once a second is kept.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::Duration;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

thread_local! {
    static RFC3339: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) };
    static COMMON: RefCell<(u64, Vec<u8>)> = const { RefCell::new((u64::MAX, Vec::new())) };
}

/// Writes a time as RFC 3339 says, in UTC with milliseconds.
pub(super) fn rfc3339(out: &mut Vec<u8>, time: Duration) {
    RFC3339.with_borrow_mut(|(of, text)| {
        if *of != time.as_secs() {
            *of = time.as_secs();
            let (year, month, day) = civil(time.as_secs() / 86_400);
            let (hour, minute, second) = clock(time.as_secs());
            text.clear();
            // Writing to a vector cannot fail.
            let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        }
        out.extend_from_slice(text);
    });
    let millis = time.subsec_millis();
    let digits = [millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8);
    out.push(b'.');
    out.extend_from_slice(&digits);
    out.push(b'Z');
}

/// Writes a time as the common log format does, in UTC.
pub(super) fn common(out: &mut Vec<u8>, time: Duration) {
    COMMON.with_borrow_mut(|(of, text)| {
        if *of != time.as_secs() {
            *of = time.as_secs();
            let (year, month, day) = civil(time.as_secs() / 86_400);
            let (hour, minute, second) = clock(time.as_secs());
            let month = MONTHS[month as usize - 1];
            text.clear();
            let _ = write!(text, "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000");
        }
        out.extend_from_slice(text);
    });
}

fn clock(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day of a day since 1970 in the Gregorian calendar: years are counted from 1 March, so that the
/// leap day is the last one.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (19_782, (2024, 2, 29)),
            (20_777, (2026, 11, 20)),
        ] {
            assert_eq!(civil(days), date);
        }
        let mut out = Vec::new();
        rfc3339(&mut out, Duration::from_millis(1_795_178_096_005));
        assert_eq!(String::from_utf8_lossy(&out), "2026-11-20T12:34:56.005Z");
    }
}
