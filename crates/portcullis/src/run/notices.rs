//! Passing on what the gate tells as it happens, without flooding the journal.

use crate::report;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Lines that are passed on in one [`SPAN`].
const MOST: u32 = 10;
/// Bytes of a line at most.
const LONGEST: usize = 8 << 10;
const SPAN: Duration = Duration::from_secs(1);

/// Passes notices on in a thread of its own, which ends with the gate.
pub(super) fn pass_on(notices: Receiver<String>) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("notices".to_owned());
    thread.spawn(move || {
        let (mut began, mut passed, mut left_out) = (Instant::now(), 0, 0_u64);
        for notice in &notices {
            if began.elapsed() >= SPAN {
                (began, passed) = (Instant::now(), 0);
            }
            if passed == MOST {
                left_out += 1;
                continue;
            }
            if left_out > 0 {
                report::warning(format_args!(
                    "{left_out} further requests failed like this; the access log has them"
                ));
                left_out = 0;
            }
            passed += 1;
            // It is escaped there, for a gate may say anything.
            report::warning(&notice[..notice.floor_char_boundary(LONGEST)]);
        }
    })?;
    Ok(())
}
