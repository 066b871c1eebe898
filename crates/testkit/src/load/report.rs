//! What a load found, as text and as claims that fail a test.

use super::disturb::Moment;
use super::outcome::{Client, Outcome, Tally};
use std::fmt;
use std::time::Duration;

/// How long after a kill a connection that it cut may be seen to be.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

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
            let of = |moment: &&Moment| {
                event.opened <= moment.end && event.at >= moment.begin && event.at <= moment.end + SEEN_WITHIN
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
