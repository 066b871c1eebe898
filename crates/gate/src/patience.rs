//! How a gate ends: what it still waits for, and for how long.

use std::time::Duration;

/// How long a connection that is idle may stay when another gate takes over. A request may be on its way: its answer
/// announces the end, and no connection ends in the moment in which it is asked something.
const IDLE: Duration = Duration::from_secs(10);

/// What a gate that takes no more connections waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
    /// Whether another gate has the listeners from now on.
    pub(crate) succeeded: bool,
}

impl Patience {
    /// For the end of the service. Connections on which nothing is asked end at once; whatever is in flight (requests,
    /// WebSockets, streams) has `total`. Sessions of UDP go on until they are silent for a second.
    #[must_use]
    pub fn stop(total: Duration) -> Self {
        Self { idle: Duration::ZERO, total, succeeded: false }
    }

    /// For a gate whose listeners another one has taken over. The next answer on each connection announces its end
    /// (`Connection: close`, GOAWAY); those that are idle end after 10 s, or after `total` where that is less; whatever
    /// is in flight has `total`. What clients send over UDP is the other one's; answers still go to them.
    #[must_use]
    pub fn hand_over(total: Duration) -> Self {
        Self { idle: IDLE.min(total), total, succeeded: true }
    }
}
