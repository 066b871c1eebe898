//! What a load found, as text and as claims that fail a test.

use super::disturb::Moment;
use super::outcome::{Client, Outcome, Tally};
use std::fmt;
use std::time::Duration;

/// How long after a kill a connection that it cut may be seen to be.
const SEEN_WITHIN: Duration = Duration::from_secs(2);
/// The same by who reads slowly what lay in the buffers of the kernel: 6 MB at most, 16 KiB at once.
const SEEN_LATE: Duration = Duration::from_secs(10);

/// What a load found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The counts and the events.
    pub tally: Tally,
    /// How long it ran.
    pub took: Duration,
    /// When something was done to the server, in order.
    pub moments: Vec<Moment>,
}

impl Report {
    /// Every request was answered, or could be sent again as the server had said.
    ///
    /// # Panics
    /// When one failed.
    pub fn assert_nothing_failed(&self) {
        assert!(self.tally.total(Outcome::Answered) > 0, "nothing was asked\n{self}");
        assert_eq!(self.tally.failures(), 0, "requests failed\n{self}");
    }

    /// Every request was answered, and no connection ended.
    ///
    /// # Panics
    /// When one failed or ended.
    pub fn assert_nothing_was_lost(&self) {
        self.assert_nothing_failed();
        assert!(self.tally.events.is_empty(), "connections ended\n{self}");
    }

    /// Nothing was refused, no answer was wrong, and what ended without an announcement was open when the server was
    /// killed and ended then.
    ///
    /// # Panics
    /// When something else was lost.
    pub fn assert_only_accepted_were_cut(&self) {
        assert!(self.tally.total(Outcome::Answered) > 0, "nothing was asked\n{self}");
        assert_eq!(self.tally.lost_events, 0, "too many events to judge them\n{self}");
        for event in &self.tally.events {
            let within = if event.client == Client::Download { SEEN_LATE } else { SEEN_WITHIN };
            let of = |moment: &&Moment| {
                event.opened <= moment.end && event.at >= moment.begin && event.at <= moment.end + within
            };
            let is_excused = event.outcome.is_cut() && self.moments.iter().find(of).is_some();
            assert!(
                is_excused || !event.outcome.is_failure() && event.outcome != Outcome::Closed,
                "{event:?}\n{self}"
            );
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:.1} s under load, disturbed {} times", self.took.as_secs_f64(), self.moments.len())?;
        for client in Client::ALL {
            let counts = Outcome::ALL.map(|outcome| (outcome, self.tally.count(client, outcome)));
            let text: Vec<String> = counts
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(outcome, count)| format!("{outcome:?} {count}"))
                .collect();
            if !text.is_empty() {
                writeln!(f, "  {client:?}: {}", text.join(", "))?;
            }
        }
        for (event, text) in &self.tally.examples {
            let (at, age) = (event.at.as_secs_f64(), event.at.saturating_sub(event.opened).as_secs_f64());
            writeln!(
                f,
                "  at {at:.3} s, connection {age:.3} s old: {:?} {:?}: {text}",
                event.client, event.outcome
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Event;

    /// Whether a claim holds of a load that was disturbed from second 10 to 11.
    fn holds(claim: fn(&Report), outcome: Outcome, opened: u64, at: u64) -> bool {
        let mut tally = Tally::default();
        tally.answered(Client::Fresh, Duration::from_millis(1));
        let (opened, at) = (Duration::from_secs(opened), Duration::from_secs(at));
        tally.note(Event { client: Client::Fresh, outcome, opened, at }, "text");
        let moments = vec![Moment { begin: Duration::from_secs(10), end: Duration::from_secs(11) }];
        let report = Report { tally, took: Duration::from_secs(20), moments };
        std::panic::catch_unwind(|| claim(&report)).is_ok()
    }

    #[test]
    fn a_kill_excuses_what_was_open_and_ended_then() {
        for (outcome, opened, at, excused) in [
            (Outcome::Cut, 1, 11, true),
            (Outcome::Dropped, 1, 12, true),
            (Outcome::Unanswered, 11, 11, true),
            (Outcome::Closed, 1, 11, true),
            (Outcome::Cut, 1, 9, false),
            (Outcome::Cut, 1, 14, false),
            (Outcome::Unanswered, 12, 12, false),
            (Outcome::Refused, 10, 10, false),
            (Outcome::WrongStatus, 1, 11, false),
            (Outcome::WrongBody, 1, 11, false),
            (Outcome::TimedOut, 1, 11, false),
            (Outcome::Ended, 1, 2, true),
            (Outcome::Raced, 1, 2, true),
        ] {
            let held = holds(Report::assert_only_accepted_were_cut, outcome, opened, at);
            assert_eq!(held, excused, "{outcome:?}, opened at {opened}, seen at {at}");
        }
    }

    #[test]
    fn an_announced_end_is_no_failure_and_yet_a_loss() {
        for outcome in [Outcome::Ended, Outcome::Raced, Outcome::Closed] {
            assert!(holds(Report::assert_nothing_failed, outcome, 1, 11), "{outcome:?}");
            assert!(!holds(Report::assert_nothing_was_lost, outcome, 1, 11), "{outcome:?}");
        }
        assert!(!holds(Report::assert_nothing_failed, Outcome::Cut, 1, 11));
    }
}
