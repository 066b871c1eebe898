//! Since when a message does not move, and until when that is borne.

use super::pump::Blocked;
use crate::worker::deadlines::{self, Tick};
use std::time::Duration;

/// How long a slow client may take before its rate is looked at.
const GRACE: Duration = Duration::from_secs(10);

/// Since when a message does not move.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// What it waits for, since when, and whether the client is to blame.
    since: Option<(Blocked, Tick, bool)>,
    moved: u64,
    /// Time spent waiting for the client, over the whole message.
    waited: Duration,
}

/// How long is borne what a message waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Without any movement.
    pub(crate) silence: Duration,
    /// Bytes a second on average that a client has to keep up; 0 for an instance, or when the rule is off.
    pub(crate) rate: u64,
}

impl Stall {
    /// Notes what the message waits for after `moved` bytes, and answers when that has to end.
    pub(crate) fn observe(&mut self, blocked: Blocked, moved: u64, patience: Patience) -> Tick {
        let now = deadlines::now();
        let since = match self.since {
            Some((what, since, _)) if what == blocked && moved == self.moved => since,
            former => {
                if let Some((_, since, true)) = former {
                    self.waited += now.since(since);
                }
                now
            }
        };
        self.since = Some((blocked, since, patience.rate > 0));
        self.moved = moved;
        let silence = since.after(patience.silence);
        if patience.rate == 0 {
            return silence;
        }
        let allowed = GRACE + Duration::from_secs(moved / patience.rate);
        silence.min(since.after(allowed.saturating_sub(self.waited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_trickles_is_cut_and_one_that_keeps_the_rate_is_not() {
        let patience = Patience { silence: Duration::from_secs(5), rate: 100 };
        let (mut slow, mut honest) = (Stall::default(), Stall::default());
        let mut cut = None;
        let mut due = (Tick::NEVER, Tick::NEVER);
        for second in 0..60_u64 {
            deadlines::advance(10);
            if due.0 <= deadlines::now() {
                cut = cut.or(Some(second));
            }
            assert!(due.1 > deadlines::now());
            due.0 = slow.observe(Blocked::OnSource, second, patience);
            due.1 = honest.observe(Blocked::OnSource, second * 110, patience);
        }
        assert!(cut.is_some_and(|second| (9..13).contains(&second)), "{cut:?}");
    }

    #[test]
    fn a_client_does_not_pay_for_the_time_of_an_instance() {
        let silence = Duration::from_secs(300);
        let (of_client, of_instance) = (Patience { silence, rate: 100 }, Patience { silence, rate: 0 });
        let mut stall = Stall::default();
        stall.observe(Blocked::OnSource, 0, of_instance);
        deadlines::advance(2000);
        let due = stall.observe(Blocked::OnSink, 1000, of_client);
        assert!(due >= deadlines::now().after(GRACE));
    }
}
