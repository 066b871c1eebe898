//! What a gate tells its keeper. All of it may come from somebody who took the gate over.

use crate::frame::LARGEST_PACKET;
use crate::{Ask, LONGEST_NAME};
use confine::{LayerName, Report, State};
use serde::{Deserialize, Serialize};

/// Bytes of a notice or of the reason of a refusal at most.
pub const LONGEST_TEXT: usize = 8 << 10;
/// Bytes of a text in a report of confinement at most; those of a path, which the kernel bounds as well (PATH_MAX).
const LONGEST_OF_REPORT: usize = 4 << 10;
/// Bytes that the lengths of two texts take at most.
const LARGEST_LENGTHS: usize = 8;
/// Paths that a report of confinement names at most.
const MOST_MISSING: usize = 1000;

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
    Started(Report),
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

impl Answer {
    /// How a gate is confined, with as many of the missing paths as fit into a message.
    #[must_use]
    pub fn started(mut report: Report) -> Self {
        let mut left = LARGEST_PACKET / 2;
        report.missing.truncate(MOST_MISSING);
        report.missing.retain(|path| {
            let bytes = path.path.as_os_str().len() + path.reason.len() + LARGEST_LENGTHS;
            let fits = bytes <= left.min(LONGEST_OF_REPORT);
            left -= if fits { bytes } else { 0 };
            fits
        });
        Self::Started(report)
    }
}

impl Told {
    /// Whether it has the bounds that a gate of any version keeps to. What it asks for has its own ([`Ask::check`]), and
    /// is answered.
    ///
    /// # Errors
    ///
    /// What is too much.
    pub fn check(&self) -> Result<(), &'static str> {
        let within =
            |bytes: usize, most: usize| if bytes <= most { Ok(()) } else { Err("a text is too long") };
        match self {
            Self::Hello(hello) => within(hello.build.len(), LONGEST_NAME),
            Self::Notice(text) => within(text.len(), LONGEST_TEXT),
            Self::Answer { answer: Answer::Refused(refusal), .. } => {
                within(refusal.reason.len(), LONGEST_TEXT)
            }
            Self::Answer { answer: Answer::Started(report), .. } => check_report(report),
            // Sockets are as many as descriptors came with them; the others are numbers.
            Self::Answer { .. } | Self::Ask { .. } => Ok(()),
        }
    }
}

fn check_report(report: &Report) -> Result<(), &'static str> {
    if report.layers.len() > LayerName::ALL.len() || report.missing.len() > MOST_MISSING {
        return Err("it names too much");
    }
    let layers = report.layers.iter().flat_map(|layer| {
        let state = match &layer.state {
            State::Enforced => 0,
            State::Partly(text) | State::NotEnforced(text) => text.len(),
        };
        [state, layer.hint.as_ref().map_or(0, String::len)]
    });
    let missing = report.missing.iter().flat_map(|path| [path.path.as_os_str().len(), path.reason.len()]);
    let is_short = layers.chain(missing).all(|bytes| bytes <= LONGEST_OF_REPORT);
    is_short.then_some(()).ok_or("a text is too long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use confine::{Layer, Missing};

    fn started(layers: usize, missing: usize, bytes: usize) -> Told {
        let text = || "x".repeat(bytes);
        let layer = || Layer { name: LayerName::ALL[0], state: State::Partly(text()), hint: Some(text()) };
        let path = || Missing { path: text().into(), reason: text() };
        let report = Report {
            layers: (0..layers).map(|_| layer()).collect(),
            missing: (0..missing).map(|_| path()).collect(),
        };
        Told::Answer { number: 0, answer: Answer::Started(report) }
    }

    #[test]
    fn a_report_that_names_everything_fits_into_a_message() {
        for (missing, bytes) in [(10_000, 10), (10_000, 1000), (3, 5000), (0, 0)] {
            let Told::Answer { answer: Answer::Started(report), .. } = started(0, missing, bytes) else {
                continue;
            };
            let told = Told::Answer { number: u64::MAX, answer: Answer::started(report) };
            assert_eq!(told.check(), Ok(()));
            assert!(crate::encode(&told).len() <= LARGEST_PACKET / 2 + 32, "{missing} of {bytes}");
        }
    }

    #[test]
    fn each_kind_has_bounds_of_its_own() {
        let text = |bytes| "x".repeat(bytes);
        let hello = |bytes| Told::Hello(Hello { protocol: 1, build: text(bytes), draining: false });
        let refused = |bytes| {
            let answer = Answer::Refused(Refusal { reason: text(bytes) });
            Told::Answer { number: 0, answer }
        };
        let (long, many) = (Err("a text is too long"), Err("it names too much"));
        for (told, expected) in [
            (hello(255), Ok(())),
            (hello(256), long),
            (Told::Notice(text(8192)), Ok(())),
            (Told::Notice(text(8193)), long),
            (refused(8192), Ok(())),
            (refused(8193), long),
            (started(LayerName::ALL.len(), 1000, 1), Ok(())),
            (started(LayerName::ALL.len() + 1, 0, 1), many),
            (started(0, 1001, 1), many),
            (started(1, 1, 4096), Ok(())),
            (started(1, 0, 4097), long),
            (started(0, 1, 4097), long),
        ] {
            assert_eq!(told.check(), expected);
        }
    }
}
