//! What a gate tells its keeper. All of it may come from somebody who took the gate over.

use crate::Ask;
use serde::{Deserialize, Serialize};

/// What a gate tells its keeper. The first two stay as they are in every version of the protocol.
#[derive(Debug, Serialize, Deserialize)]
pub enum Told {
    /// The first words to a keeper that came later.
    Hello(Hello),
    /// What came of an order.
    Answer {
        /// The number of the order.
        number: u64,
        /// What came of it.
        answer: Answer,
    },
    /// Something that the operator should hear of.
    Notice(String),
    /// What the gate asks for.
    Ask {
        /// Counted up by the gate.
        number: u64,
        /// What.
        ask: Ask,
    },
}

/// Who a gate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of its messages.
    pub protocol: u16,
    /// The build that its keeper gave it as its own.
    pub build: String,
    /// Whether it is ending.
    pub draining: bool,
}

/// What came of an order. The first three stay as they are in every version of the protocol.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Listening sockets, which come with it in the same order; none is the end of them.
    Sockets(Vec<HeldSocket>),
    /// All connections have ended; so many were cut.
    Drained {
        /// How many.
        cut: u64,
    },
    /// It is done.
    Done,
    /// It is not done.
    Refused(Refusal),
    /// The gate runs, confined as this says.
    Started(confine::Report),
    /// What there is to count.
    Counts(Counts),
}

/// A listening socket that a gate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSocket {
    /// The number that the keeper gave it.
    pub number: u64,
    /// The port that it was opened for, as the plan names it.
    pub port: u16,
}

/// Why an order was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub reason: String,
}

/// What a gate counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Open client connections.
    pub connections: u64,
    /// Requests answered since it began.
    pub requests: u64,
    /// Lines of the access log that were lost.
    pub log_lost: u64,
}
