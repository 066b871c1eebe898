//! What becomes of requests and connections under load: the words of the judge, and how they are counted.

use std::time::Duration;

/// Events that are kept one by one; more are only counted, and no report with more is trusted.
const MOST_EVENTS: usize = 200_000;
/// Examples of each kind of client and outcome that keep their text.
const EXAMPLES: u64 = 3;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// HTTP/1.1, one request after the other on one connection.
    KeepAlive,
    /// HTTP/1.1, a connection for each request.
    Fresh,
    /// HTTP/2, several requests at once on one connection.
    Http2,
    /// A WebSocket; each message and its echo count as a request.
    WebSocket,
    /// One long answer that is read slowly.
    Download,
    /// One stream of server-sent events.
    Events,
}

impl Client {
    /// Each of them, in the order of tables.
    pub const ALL: [Self; 6] =
        [Self::KeepAlive, Self::Fresh, Self::Http2, Self::WebSocket, Self::Download, Self::Events];
}

/// What came of a request, or of a connection on which nobody waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right answer.
    Answered,
    /// The server had said that it would take no more (GOAWAY, or `REFUSED_STREAM`): a client sends it again.
    Raced,
    /// A connection ended between two requests, as the server had announced.
    Ended,
    /// A connection ended between two requests without an announcement.
    Closed,
    /// Nobody listened.
    Refused,
    /// A new connection ended before a byte of its first answer.
    Unanswered,
    /// A connection that had been used ended without an announcement, before a byte of the answer.
    Dropped,
    /// It ended in the middle of an answer.
    Cut,
    /// Another status than asked for.
    WrongStatus,
    /// Another body, or what is no message at all.
    WrongBody,
    /// No answer for too long.
    TimedOut,
}

impl Outcome {
    /// Each of them, in the order of tables.
    pub const ALL: [Self; 11] = [
        Self::Answered,
        Self::Raced,
        Self::Ended,
        Self::Closed,
        Self::Refused,
        Self::Unanswered,
        Self::Dropped,
        Self::Cut,
        Self::WrongStatus,
        Self::WrongBody,
        Self::TimedOut,
    ];

    /// Whether somebody who asked got no answer, and could not know that asking again is safe.
    #[must_use]
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Answered | Self::Raced | Self::Ended | Self::Closed)
    }

    /// Whether it is what a server that is killed does to a connection that it had accepted.
    #[must_use]
    pub fn is_cut(self) -> bool {
        matches!(self, Self::Closed | Self::Unanswered | Self::Dropped | Self::Cut)
    }
}

/// Something other than an answer, with its times since the load began.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Whose it is.
    pub client: Client,
    /// What it is.
    pub outcome: Outcome,
    /// When its connection was open, or was tried.
    pub opened: Duration,
    /// When it was seen.
    pub at: Duration,
}

/// How long answers took, in buckets that are 9 % wide.
#[derive(Clone, Debug)]
pub struct Latencies([u64; Self::BUCKETS]);

impl Default for Latencies {
    fn default() -> Self {
        Self([0; Self::BUCKETS])
    }
}

impl Latencies {
    const BUCKETS: usize = 256;
    const STEPS: f64 = 8.0;

    fn add(&mut self, latency: Duration) {
        let place = (latency.as_micros().max(1) as f64).log2() * Self::STEPS;
        self.0[(place as usize).min(Self::BUCKETS - 1)] += 1;
    }

    /// The time that this part (0 to 1) of the answers kept to; zero when there was none.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.0.iter().sum::<u64>() as f64 * part).ceil() as u64;
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= wanted
        };
        let place = self.0.iter().position(reached).filter(|_| wanted > 0);
        place.map_or(Duration::ZERO, |place| {
            Duration::from_micros(((place + 1) as f64 / Self::STEPS).exp2() as u64)
        })
    }
}

/// Everything that was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: [[u64; Outcome::ALL.len()]; Client::ALL.len()],
    /// Everything but answers, in order.
    pub events: Vec<Event>,
    /// Events that found no room.
    pub lost_events: u64,
    /// The first texts of each kind.
    pub examples: Vec<(Event, String)>,
    /// Of requests over HTTP, since the last look.
    pub latencies: Latencies,
}

impl Tally {
    pub(super) fn answered(&mut self, client: Client, latency: Duration) {
        self.counts[client as usize][Outcome::Answered as usize] += 1;
        if matches!(client, Client::KeepAlive | Client::Fresh | Client::Http2) {
            self.latencies.add(latency);
        }
    }

    pub(super) fn note(&mut self, event: Event, text: &str) {
        let count = &mut self.counts[event.client as usize][event.outcome as usize];
        *count += 1;
        if *count <= EXAMPLES {
            self.examples.push((event, text.to_owned()));
        }
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        } else {
            self.lost_events += 1;
        }
    }

    /// How often something came of the requests or connections of one kind of client.
    #[must_use]
    pub fn count(&self, client: Client, outcome: Outcome) -> u64 {
        self.counts[client as usize][outcome as usize]
    }

    /// How often something came of any of them.
    #[must_use]
    pub fn total(&self, outcome: Outcome) -> u64 {
        Client::ALL.into_iter().map(|client| self.count(client, outcome)).sum()
    }

    /// How many failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.is_failure())
            .map(|outcome| self.total(outcome))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_a_bucket_too_long() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.99), Duration::ZERO);
        for milliseconds in 1..=100 {
            latencies.add(Duration::from_millis(milliseconds));
        }
        for (part, exact) in [(0.5, 50), (0.99, 99), (1.0, 100)] {
            let found = latencies.quantile(part);
            let (least, most) = (Duration::from_millis(exact), Duration::from_millis(exact).mul_f64(1.1));
            assert!((least..=most).contains(&found), "{part}: {found:?}");
        }
    }
}
