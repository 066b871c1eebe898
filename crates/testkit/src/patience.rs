//! How long tests wait: until something is so, and never longer than a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for what must happen. Generous, because a busy machine is no failure; a test that passes
/// never waits for it.
pub const PATIENCE: Duration = Duration::from_secs(20);

const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Looks again and again until `look` finds something, and fails the test when it does not within [`PATIENCE`].
///
/// # Panics
/// When the time is up; the message names `what`.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    patiently(look).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// The same for who goes on without it: nothing, when the time is up.
pub(crate) fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
