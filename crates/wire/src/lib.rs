//! Small wire formats without IO: bytes go in, values come out, and the other way round.
//!
//! Everything here reads what somebody else wrote, so nothing is repaired: what the format does not allow is refused.

pub mod fastcgi;
pub mod grpc_web;
pub mod h2;
pub mod proxy;
pub mod tls_hello;
