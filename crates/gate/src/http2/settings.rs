//! What we tell clients, and what the library has to keep to.

use super::Wire;
use bytes::Bytes;
use h2::server::{Builder, Handshake};
use model::plan::Limits;

/// Bytes of one answer that wait for the socket, at most, beyond what the client's window lets through.
const SEND_BUFFER: usize = 64 << 10;

/// Starts a connection.
pub(crate) fn handshake(wire: Wire, limits: &Limits) -> Handshake<Wire, Bytes> {
    Builder::new()
        // Twice our own bound: what is beyond ours is then refused by us and with our rule, what is far beyond by the
        // library.
        .max_header_list_size(saturating(limits.header_bytes * 2))
        .max_concurrent_streams(saturating(limits.http2_streams))
        .initial_window_size(saturating(limits.http2_stream_window))
        .initial_connection_window_size(saturating(limits.http2_connection_window))
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(limits.http2_resets)
        .max_local_error_reset_streams(Some(limits.http2_resets))
        .enable_connect_protocol()
        .handshake(wire)
}

fn saturating(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
