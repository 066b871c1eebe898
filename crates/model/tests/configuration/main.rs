//! The configuration from text to plan: cases as files, documents, and texts at random.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a case or document that cannot be read is a failed test"
)]

mod again;
mod cases;
mod documents;
mod hosts;
mod panics;
mod plan;
mod policy;
mod sent;
mod surroundings;
