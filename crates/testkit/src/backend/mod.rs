//! Instances for tests: one that records and judges, one that follows a script, one that speaks FastCGI.

pub mod fastcgi;
mod recording;
mod scripted;
mod server;

pub use recording::{Answer, Recording};
pub use scripted::{Scripted, Step};
