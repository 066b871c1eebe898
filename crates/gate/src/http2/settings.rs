//! What we tell clients, and what the library has to keep to.

use super::Wire;
use bytes::Bytes;
use h2::server::{Builder, Handshake};
use model::plan::Limits;

/// Bytes of one answer that wait for the socket, at most, beyond what the client's window lets through.
const SEND_BUFFER: usize = 64 << 10;

/// What small frames that wait to be forwarded may cost, 256 less their length each, for each byte of the window: a
/// client that streams small messages faster than an instance takes them is cut far beyond what it may send ahead.
const SMALL_FRAMES: usize = 4;

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
        .data_frame_budget(limits.http2_connection_window.saturating_mul(SMALL_FRAMES))
        .max_pending_accept_reset_streams(limits.http2_resets)
        .max_local_error_reset_streams(Some(limits.http2_resets))
        .enable_connect_protocol()
        .handshake(wire)
}

fn saturating(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
