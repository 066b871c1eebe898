//! `[limits]`: each field of [`crate::plan::Limits`] by its name.

use super::section::section;
use super::units::{Bytes, Count, DAY, Off, Or, SECOND, Time, Unlimited};

/// A time within which something has to happen: 100 ms to a day.
pub(crate) type Wait = Time<100, DAY>;

/// A bound of a body.
pub(crate) type BodySize = Or<Bytes<0, { 1 << 50 }>, Unlimited>;

section! {
    /// Bounds on what clients and instances may do.
    pub(crate) struct Limits = "`[limits]`", later [];
    /// A message head, request line or status line included; a larger request is answered with 431.
    header_bytes: Bytes<1024, { 64 << 10 }> = "\"16KiB\"",
    /// Fields of a message head; more are answered with 431.
    header_count: Count<1, 256> = "100",
    /// The request line, at most `header_bytes`; a longer one is answered with 414.
    request_line: Bytes<64, { 64 << 10 }> = "\"8KiB\"",
    /// A request body; a larger one is answered with 413. A route may have its own bound.
    body: BodySize = "\"1GiB\"",
    /// From accept to the end of the TLS handshake.
    handshake_timeout: Wait = "\"10s\"",
    /// From the first moment a request may be read to the end of its head; then 408.
    head_timeout: Wait = "\"10s\"",
    /// Silence on a connection between two requests.
    idle_timeout: Wait = "\"60s\"",
    /// Silence of a client in the middle of a request body; then 408.
    read_timeout: Wait = "\"30s\"",
    /// A client takes nothing of a response for so long.
    write_timeout: Wait = "\"30s\"",
    /// What a client must send or take a second, on average, while we wait for it.
    min_rate: Or<Bytes<1, { 1 << 30 }>, Off> = "\"240B\"",
    /// Silence in both directions of an upgraded connection, such as a WebSocket.
    upgrade_timeout: Time<SECOND, { 30 * DAY }> = "\"1h\"",
    /// How long requests in flight may take to end after SIGTERM.
    drain_timeout: Time<0, DAY> = "\"30s\"",
    /// HTTP/2: requests at once on one connection; more are refused with `REFUSED_STREAM`.
    http2_streams: Count<1, 10_000> = "100",
    /// HTTP/2: bytes of one request body that a client may send ahead, at most `http2_connection_window`.
    http2_stream_window: Bytes<65_535, { 16 << 20 }> = "\"256KiB\"",
    /// HTTP/2: bytes of all request bodies of a connection that a client may send ahead.
    http2_connection_window: Bytes<65_535, { 256 << 20 }> = "\"1MiB\"",
    /// HTTP/2: requests that a client may give up within ten seconds, beyond as many as were answered; then the connection is cut.
    http2_resets: Count<1, 1_000_000> = "100",
    /// HTTP/2: frames within ten seconds that move nothing (`PING`, `SETTINGS`, `WINDOW_UPDATE`, `PRIORITY`, empty `DATA`), beyond four for each request, two for each frame of data sent, and one for each KiB moved; then the connection is cut.
    http2_control_frames: Count<1, 1_000_000> = "500",
    /// Client connections in total; derived from the limit of file descriptors where it is not written.
    connections: Count<1, 10_000_000>,
    /// Client connections of one address (IPv6: of one /64).
    connections_per_address: Count<1, 10_000_000> = "1024",
    /// Whether field names with an underscore are accepted.
    underscores_in_headers: bool = "false",
    /// The cache of small files, for each thread.
    file_cache: Bytes<0, { 1 << 40 }> = "\"32MiB\"",
}
