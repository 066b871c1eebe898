//! HTTP/2 (RFC 9113) as far as it has to be watched: which frames a peer sends, and whether it is in the middle of one.
//!
//! Framing itself is the work of a library. What it does not bound is bounded by what is counted here.

mod meter;

pub use meter::{Meter, PREFACE, Seen};
