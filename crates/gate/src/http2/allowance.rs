//! How much of what moves nothing a client may send.

use super::Cut;
use crate::worker::deadlines::{self, Tick};
use model::plan::Limits;
use std::time::Duration;
use wire::h2::Seen;

/// The time that the bounds are about.
const WINDOW: Duration = Duration::from_secs(10);
/// Frames that one request explains: priorities, updates of its window, an end without data.
const FOR_REQUEST: u64 = 4;
/// Frames that one frame of data which was sent explains: an update of either window, for clients that count each.
const FOR_DATA: u64 = 2;
/// Bytes, in either direction, that explain one more.
const FOR_FRAME: u64 = 1 << 10;

/// What moved on a connection. The counts only grow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    pub(super) seen: Seen,
    pub(super) sent: u64,
    /// Frames of data that were sent.
    pub(super) frames: u64,
    pub(super) answered: u64,
}

/// Judges what a client sends.
#[derive(Debug)]
pub(super) struct Allowance {
    resets: u64,
    control: u64,
    since: Tick,
    then: Moved,
}

impl Allowance {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            resets: limits.http2_resets as u64,
            control: limits.http2_control_frames as u64,
            since: deadlines::now(),
            then: Moved::default(),
        }
    }

    /// Which bound the client exceeds by what moves nothing.
    pub(super) fn judge(&mut self, now: &Moved) -> Option<Cut> {
        let (then, tick) = (self.then, deadlines::now());
        let resets = now.seen.resets - then.seen.resets;
        let control = now.seen.control - then.seen.control;
        let data = (now.seen.data - then.seen.data) + (now.sent - then.sent);
        let explained = FOR_REQUEST * (now.seen.heads - then.seen.heads)
            + FOR_DATA * (now.frames - then.frames)
            + data / FOR_FRAME;
        if resets > self.resets + (now.answered - then.answered) {
            return Some(Cut::Resets);
        }
        if control > self.control + explained {
            return Some(Cut::ControlFrames);
        }
        if tick.since(self.since) >= WINDOW {
            (self.since, self.then) = (tick, *now);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(resets: u64, control: u64, heads: u64, answered: u64, sent: u64) -> Moved {
        Moved { seen: Seen { heads, resets, control, data: 0 }, sent, answered, frames: 0 }
    }

    #[test]
    fn traffic_explains_frames_and_answers_explain_resets() {
        for (moved, cut) in [
            (moved(100, 500, 0, 0, 0), None),
            (moved(101, 0, 1000, 0, 0), Some(Cut::Resets)),
            (moved(101, 0, 1000, 1, 0), None),
            (moved(0, 501, 0, 0, 0), Some(Cut::ControlFrames)),
            (moved(0, 504, 1, 0, 0), None),
            (moved(0, 600, 0, 0, 100 << 10), None),
            (Moved { frames: 50, ..moved(0, 600, 0, 0, 0) }, None),
            (Moved { frames: 49, ..moved(0, 600, 0, 0, 0) }, Some(Cut::ControlFrames)),
        ] {
            let mut allowance = Allowance::new(&Limits::default());
            assert_eq!(allowance.judge(&moved), cut, "{moved:?}");
        }
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let mut allowance = Allowance::new(&Limits::default());
        let mut control = 0;
        for _ in 0..20 {
            control += 400;
            deadlines::advance(101);
            assert_eq!(allowance.judge(&moved(0, control, 0, 0, 0)), None);
        }
        assert_eq!(allowance.judge(&moved(0, control + 501, 0, 0, 0)), Some(Cut::ControlFrames));
    }
}
