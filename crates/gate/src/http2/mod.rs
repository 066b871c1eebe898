//! HTTP/2 (RFC 9113) with clients, at the edge: framing and flow control by a library, and each stream dressed as a
//! connection of HTTP/1.1 that carries one request. So the engine behind it judges, routes, forwards and logs as ever.
//!
//! The library has no clock and does not bound everything: times, and the counts that it leaves open, are kept here.

mod allowance;
mod answer;
mod settings;
mod stream;
mod wire;

pub(crate) use settings::handshake;
pub(crate) use stream::Http2Stream;
pub(crate) use wire::Wire;
