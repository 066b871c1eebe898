//! The wall clock of a thread, read once a second at most where a formatted date is wanted.

use std::cell::Cell;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

thread_local! {
    static DATE: Cell<(u64, [u8; 29])> = const { Cell::new((0, [0; 29])) };
}

/// Time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The current time as an HTTP date (RFC 9110 section 5.6.7), of this second.
pub(crate) fn http_date() -> [u8; 29] {
    let seconds = now().as_secs();
    let (of, date) = DATE.get();
    if of == seconds {
        return date;
    }
    let mut date = [b' '; 29];
    // The text of a date has exactly this length.
    let _ = write!(&mut date[..], "{}", httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds)));
    DATE.set((seconds, date));
    date
}
