//! HTTP/2 (RFC 9113) at the edges: framing and flow control by a library, and each stream, of a client or to an instance,
//! dressed as a connection of HTTP/1.1 that carries one request. So the engine behind it judges, routes, forwards and logs as ever.
//!
//! The library has no clock and does not bound everything: times, and the counts that it leaves open, are kept here.

mod allowance;
mod answer;
mod cut;
mod exchange;
mod head;
mod incoming;
mod outgoing;
mod settings;
mod stream;
mod websocket;
mod wire;

pub(crate) use cut::{Cut, Cuts};
pub(crate) use exchange::{Http2Exchange, Place};
pub(crate) use settings::handshake;
pub(crate) use stream::Http2Stream;
pub(crate) use wire::Wire;

use http::{HeaderMap, HeaderName, HeaderValue};
use std::io;

/// Adds a field of a judged head.
fn append(fields: &mut HeaderMap, name: &[u8], value: &[u8]) -> io::Result<()> {
    let name = HeaderName::from_bytes(name).map_err(io::Error::other)?;
    let value = HeaderValue::from_bytes(value).map_err(io::Error::other)?;
    fields.try_append(name, value).map_err(io::Error::other)?;
    Ok(())
}

/// An error of the library as one of a stream of bytes.
fn into_io(error: h2::Error) -> io::Error {
    if error.is_io() {
        return error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}
