//! Outside facts without trust: a process without rights asks for them, and the keeper takes from it what it asked for.
//!
//! Bytes that come from a resolver are read by the watcher alone. It lives for one errand, so that nothing is left of one
//! that was deceived, and knows neither the gate nor the file. Where it fails the keeper goes on with what it knew.

mod errand;
mod facts;
mod process;

pub(crate) use errand::resolve;
pub(crate) use facts::Resolved;
pub(crate) use process::run;
