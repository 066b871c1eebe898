//! How often gates died, and how long the next one is kept away for that. Never reads the clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A gate that served for less counts as one that cannot serve.
const STEADY: Duration = Duration::from_secs(2);
/// Gates that cannot serve: five are replaced at once, for a machine may be out of breath for a moment.
const QUICK: Loop = Loop { span: Duration::from_secs(60), at_once: 5, longest: Duration::from_secs(30) };
/// Gates that serve and die, whatever for: twenty are replaced at once. Between them clients are served, so that the pause
/// stays short; it bounds how often somebody can try who knows how to end a gate.
const ANY: Loop = Loop { span: Duration::from_secs(300), at_once: 20, longest: Duration::from_secs(5) };

/// What counts as dying again and again.
#[derive(Debug)]
struct Loop {
    /// Deaths within this time are counted.
    span: Duration,
    /// So many are answered at once.
    at_once: usize,
    /// The longest pause between a death and the next start.
    longest: Duration,
}

impl Loop {
    fn pause(&self, deaths: usize) -> Duration {
        let Some(beyond) = deaths.checked_sub(self.at_once).filter(|beyond| *beyond > 0) else {
            return Duration::ZERO;
        };
        let doubled = u32::try_from(beyond).unwrap_or(u32::MAX).min(16);
        Duration::from_millis(250 << doubled).min(self.longest)
    }
}

/// The deaths of gates.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// When gates died lately that could not serve.
    quick: VecDeque<Instant>,
    /// When any died lately.
    any: VecDeque<Instant>,
    /// Those that served since the keeper began.
    pub(super) total: u64,
    /// The last one whose pause was told.
    told: Option<Instant>,
}

/// What keeps the next gate away.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    /// How long still.
    pub(super) rest: Duration,
    /// What the operator is to hear of it; nothing where that was told.
    pub(super) news: Option<String>,
}

impl Deaths {
    /// One that served has died.
    pub(super) fn note(&mut self, lived: Duration, now: Instant) {
        self.total += 1;
        self.count(lived, now);
    }

    /// One could not be brought up.
    pub(super) fn note_stillborn(&mut self, now: Instant) {
        self.count(Duration::ZERO, now);
    }

    /// How long the next one is to wait, where it is.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Pause> {
        for (deaths, of) in [(&mut self.quick, &QUICK), (&mut self.any, &ANY)] {
            while deaths.front().is_some_and(|death| now.duration_since(*death) > of.span) {
                deaths.pop_front();
            }
        }
        let last = self.any.back().copied()?;
        let (quick, any) = (QUICK.pause(self.quick.len()), ANY.pause(self.any.len()));
        let rest = quick.max(any).checked_sub(now.duration_since(last)).filter(|rest| !rest.is_zero())?;
        let news = (self.told != Some(last)).then(|| {
            let how_often = if quick >= any {
                format!("{} times in a row", self.quick.len())
            } else {
                format!("{} times within {} minutes", self.any.len(), ANY.span.as_secs() / 60)
            };
            format!("the gate died {how_often}; the next one is started in {:.1} s", rest.as_secs_f32())
        });
        self.told = Some(last);
        Some(Pause { rest, news })
    }

    fn count(&mut self, lived: Duration, now: Instant) {
        if lived < STEADY {
            self.quick.push_back(now);
        }
        self.any.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses after each of so many deaths of gates that lived so long.
    fn pauses(lived: Duration, deaths: usize) -> Vec<Duration> {
        let (mut now, mut known) = (Instant::now(), Deaths::default());
        let one = |_| {
            now += lived;
            known.note(lived, now);
            let pause = known.pause(now).map_or(Duration::ZERO, |pause| pause.rest);
            assert_eq!(known.pause(now + pause), None, "it ends");
            now += pause;
            pause
        };
        (0..deaths).map(one).collect()
    }

    #[test]
    fn gates_that_die_at_once_are_kept_away_longer_and_longer() {
        let pauses = pauses(Duration::from_millis(10), 9);
        let expected = [0, 0, 0, 0, 0, 500, 1000, 2000, 4000].map(Duration::from_millis);
        assert_eq!(pauses, expected);
    }

    #[test]
    fn gates_that_live_ten_seconds_and_die_are_kept_away_too() {
        let pauses = pauses(Duration::from_secs(10), 100);
        assert!(pauses[..20].iter().all(Duration::is_zero), "{pauses:?}");
        assert_eq!(pauses[20..25], [500, 1000, 2000, 4000, 5000].map(Duration::from_millis));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(5)), "{pauses:?}");
    }

    #[test]
    fn one_that_dies_now_and_then_is_replaced_at_once() {
        assert!(pauses(Duration::from_secs(16), 200).iter().all(Duration::is_zero));
    }

    #[test]
    fn a_pause_is_told_once_for_each_death_with_its_reason() {
        for (lived, deaths, news) in [
            (0, 6, "the gate died 6 times in a row; the next one is started in 0.5 s"),
            (10, 22, "the gate died 22 times within 5 minutes; the next one is started in 1.0 s"),
        ] {
            let (now, mut known) = (Instant::now(), Deaths::default());
            (0..deaths).for_each(|_| known.note(Duration::from_secs(lived), now));
            let mut told = |milliseconds| {
                let pause = known.pause(now + Duration::from_millis(milliseconds));
                pause.expect("a pause").news
            };
            assert_eq!((told(0).as_deref(), told(1)), (Some(news), None));
        }
    }

    #[test]
    fn one_that_cannot_be_brought_up_counts_and_did_not_serve() {
        let (now, mut known) = (Instant::now(), Deaths::default());
        (0..6).for_each(|_| known.note_stillborn(now));
        assert_eq!(known.pause(now).map(|pause| pause.rest), Some(Duration::from_millis(500)));
        assert_eq!(known.total, 0);
    }
}
