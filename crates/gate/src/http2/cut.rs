//! Connections of HTTP/2 that were cut: why, how many, and what the operator hears of it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines about one reason.
const BETWEEN: Duration = Duration::from_secs(60);

/// Why a connection was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// `http2_resets`.
    Resets,
    /// `http2_control_frames`.
    ControlFrames,
    /// `head_timeout`, in the middle of a frame or of a head.
    HeadTimeout,
    /// `write_timeout` or `min_rate`.
    WriteTimeout,
    /// A bound of the library: heads without an end, small frames of data that nobody takes yet.
    Flood,
    /// What is no HTTP/2.
    Protocol,
}

impl Cut {
    /// Every reason, in the order of their numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::Resets,
        Self::ControlFrames,
        Self::HeadTimeout,
        Self::WriteTimeout,
        Self::Flood,
        Self::Protocol,
    ];

    /// The reason as metrics and lines name it.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Resets => "http2-resets",
            Self::ControlFrames => "http2-control-frames",
            Self::HeadTimeout => "head-timeout",
            Self::WriteTimeout => "write-timeout",
            Self::Flood => "http2-flood",
            Self::Protocol => "http2-protocol",
        }
    }

    /// What the library ended a connection for, unless it was the client that did, or its socket.
    pub(crate) fn of(error: &h2::Error) -> Option<Self> {
        match error.reason() {
            _ if error.is_io() || error.is_remote() => None,
            Some(h2::Reason::NO_ERROR) => None,
            Some(h2::Reason::ENHANCE_YOUR_CALM) => Some(Self::Flood),
            _ => Some(Self::Protocol),
        }
    }
}

/// Counts of all threads.
#[derive(Debug, Default)]
pub(crate) struct Cuts([Count; Cut::ALL.len()]);

#[derive(Debug, Default)]
struct Count {
    all: AtomicU64,
    /// When there was a line, and how many were cut until then.
    told: Mutex<Option<(Instant, u64)>>,
}

impl Cuts {
    /// How many were cut for a reason.
    pub(crate) fn count(&self, cut: Cut) -> u64 {
        self.0[cut as usize].all.load(Ordering::Relaxed)
    }

    /// Counts a connection; answers the line for the operator, where it is time for one.
    pub(crate) fn note(&self, cut: Cut, client: IpAddr, now: Instant) -> Option<String> {
        let count = &self.0[cut as usize];
        let all = count.all.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = count.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *told {
            Some((when, _)) if now.saturating_duration_since(when) < BETWEEN => return None,
            Some((_, before)) => before,
            None => 0,
        };
        *told = Some((now, all));
        let others = match all.saturating_sub(before) {
            0 | 1 => String::new(),
            more => format!(", and {} more since the last such line", more - 1),
        };
        Some(format!("cut a connection of HTTP/2 from {client}: {}{others}", cut.rule()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_line_a_minute_and_its_own_count() {
        let (cuts, start) = (Cuts::default(), Instant::now());
        let client = IpAddr::from([192, 0, 2, 1]);
        let note = |cut, seconds| cuts.note(cut, client, start + Duration::from_secs(seconds));
        let line = "cut a connection of HTTP/2 from 192.0.2.1: http2-resets";
        assert_eq!(note(Cut::Resets, 0).as_deref(), Some(line));
        assert_eq!(note(Cut::Resets, 1), None);
        assert_eq!(note(Cut::Resets, 59), None);
        assert!(note(Cut::Flood, 1).is_some());
        let more = format!("{line}, and 2 more since the last such line");
        assert_eq!(note(Cut::Resets, 60).as_deref(), Some(more.as_str()));
        let counts = Cut::ALL.map(|cut| cuts.count(cut));
        assert_eq!(counts, [4, 0, 0, 0, 1, 0]);
    }
}
