//! HTTP/1.1 (RFC 9112) without IO: heads, framing, both roles.
//!
//! Bytes go in; judged heads, body bytes and refusals come out. Nothing here reads a socket, a clock or a file, and
//! nothing allocates in steady state: heads are reused values whose fields are ranges of the received bytes.
//!
//! The order of calls for one message is [`HeadScanner::scan`] until it finds the end of the head, then
//! [`Request::parse`] or [`Response::parse`], then a [`BodyReader`] made from the judged [`BodyLength`]. What goes out
//! is written by [`mod@write`] from what was judged, so nothing that was not understood can pass.
//!
//! This crate is strict on purpose: what two implementations could read in two ways is refused, never repaired.

mod body;
pub mod cgi;
mod chunked;
mod exchange;
mod field;
mod framing;
pub mod http2;
mod limits;
mod refusal;
mod request;
mod response;
mod scan;
mod target;
pub mod write;

pub use body::{BodyReader, Decoded};
pub use chunked::ChunkDecoder;
pub use exchange::{ClientNext, Exchange, InstanceNext};
pub use field::{Field, Fields, Known, Span};
pub use framing::BodyLength;
pub use limits::{HeadLimits, MAX_FIELDS};
pub use refusal::Refusal;
pub use request::{Request, Upgrade};
pub use response::Response;
pub use scan::HeadScanner;
pub use target::Target;

/// The version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1 (RFC 9112).
    Http11,
}
