//! Finding a serving thread that hangs or is gone: nothing else in the process would notice, and the connections that it
//! accepted would wait for ever. The process says so and ends, and the keeper starts another one.

use super::voice::Voice;
use crate::failure::Exit;
use gate::{Gate, Pulse};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Looks without a tick after which a thread counts as stuck. It ticks ten times a second, and the longest that it does at
/// once is taking a plan of ten thousand sites, which takes less than one. Looks are counted and not the time: while the
/// whole process or machine is suspended, nobody looks.
const MOST_LOOKS: u32 = 10;

/// Looks after the threads of a gate for as long as it is not told to end, in a thread of its own.
pub(super) fn start(gate: &Gate, voice: Arc<Voice>) -> std::io::Result<()> {
    let pulse = gate.pulse();
    let thread = std::thread::Builder::new().name("watchdog".to_owned());
    thread.spawn(move || watch(&pulse, &voice))?;
    Ok(())
}

fn watch(pulse: &Weak<Pulse>, voice: &Voice) {
    let mut watch = Watch::default();
    loop {
        std::thread::sleep(BETWEEN_LOOKS);
        let Some(pulse) = pulse.upgrade() else { return };
        let Some(fault) = watch.look(pulse.ticks()) else { continue };
        // Without a keeper nobody would start another gate; the other threads serve on.
        if voice.say(&format!("{fault}; the gate ends, so that another one takes its place")) {
            end();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread that is stuck cannot be waited for, so main cannot return"
)]
fn end() {
    std::process::exit(Exit::Bug as i32);
}

/// What is wrong with a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It does not tick.
    Stuck(usize),
    /// It is gone.
    Gone(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stuck(number) => {
                let seconds = BETWEEN_LOOKS.as_secs() * u64::from(MOST_LOOKS);
                write!(f, "the thread gate-{number} has done nothing for {seconds} s")
            }
            Self::Gone(number) => write!(f, "the thread gate-{number} is gone"),
        }
    }
}

/// What was seen of each thread: its ticks, and how many looks ago they were others.
#[derive(Debug, Default)]
struct Watch(Vec<(u64, u32)>);

impl Watch {
    fn look(&mut self, threads: impl Iterator<Item = Option<u64>>) -> Option<Fault> {
        for (number, ticks) in threads.enumerate() {
            let Some(ticks) = ticks else { return Some(Fault::Gone(number)) };
            if self.0.len() <= number {
                self.0.push((ticks, 0));
                continue;
            }
            let (seen, looks) = &mut self.0[number];
            *looks = if *seen == ticks { *looks + 1 } else { 0 };
            *seen = ticks;
            if *looks >= MOST_LOOKS {
                return Some(Fault::Stuck(number));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_does_not_tick_is_found_after_ten_looks() {
        let mut watch = Watch::default();
        for look in 0..10 {
            assert_eq!(watch.look([Some(look), Some(7)].into_iter()), None, "look {look}");
        }
        assert_eq!(watch.look([Some(10), Some(7)].into_iter()), Some(Fault::Stuck(1)));
    }

    #[test]
    fn one_tick_is_a_sign_of_life() {
        let mut watch = Watch::default();
        for look in 0..100 {
            assert_eq!(watch.look([Some(look / 9)].into_iter()), None, "look {look}");
        }
    }

    #[test]
    fn a_thread_that_is_gone_is_found_at_once() {
        assert_eq!(Watch::default().look([Some(1), None].into_iter()), Some(Fault::Gone(1)));
    }
}
