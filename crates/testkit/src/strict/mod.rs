//! A deliberately simple and independent judge of HTTP/1.1 messages (RFC 9112): it accepts one spelling of everything.
//!
//! It blocks, copies and is slow; it must share nothing with the product, because it says whether the product is right.

mod body;
mod fields;
mod request;
mod response;
mod source;

pub use fields::Field;
pub use request::Request;
pub use response::Response;
pub use source::{Broken, Source};

/// How the length of a body was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing said it, and there is none.
    None,
    /// By `Content-Length`.
    Length(u64),
    /// By `Transfer-Encoding: chunked`.
    Chunked,
    /// By the end of the connection (responses only).
    UntilClose,
}
