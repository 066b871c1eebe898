//! Bounds on what clients and instances may do. The table of `docs/limits.md` is this file.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Bounds on what clients and instances may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a message head, request line or status line included (431 when a request is larger).
    pub header_bytes: usize,
    /// Fields of a message head (431).
    pub header_count: usize,
    /// Bytes of the request line (414).
    pub request_line: usize,
    /// Bytes of a request body (413); `None` is unlimited.
    pub body: Option<u64>,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first moment a request may be read to the end of its head (408).
    pub head_timeout: Duration,
    /// Silence on a connection between two requests.
    pub idle_timeout: Duration,
    /// Silence of a client in the middle of a request body (408).
    pub read_timeout: Duration,
    /// A client takes nothing of a response for so long.
    pub write_timeout: Duration,
    /// Bytes a second that a client must send or take on average while we wait for it; 0 switches the rule off.
    pub min_rate: u64,
    /// Silence in both directions of an upgraded connection.
    pub upgrade_timeout: Duration,
    /// How long requests in flight may take to end after SIGTERM.
    pub drain_timeout: Duration,
    /// Requests at once on one connection of HTTP/2.
    pub http2_streams: usize,
    /// Bytes of one request body that a client of HTTP/2 may send ahead.
    pub http2_stream_window: usize,
    /// Bytes of all request bodies of a connection that a client of HTTP/2 may send ahead.
    pub http2_connection_window: usize,
    /// Requests that a client of HTTP/2 may give up within ten seconds, beyond as many as were answered.
    pub http2_resets: usize,
    /// Frames of HTTP/2 within ten seconds that move nothing, beyond those that the traffic explains.
    pub http2_control_frames: usize,
    /// Client connections in total; `None` derives it from the limit of file descriptors.
    pub connections: Option<usize>,
    /// Client connections of one address (IPv6: of one /64).
    pub connections_per_address: usize,
    /// Whether field names with an underscore are accepted.
    pub underscores_in_headers: bool,
    /// Bytes of the cache of small files, for each thread.
    pub file_cache: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 16 << 10,
            header_count: 100,
            request_line: 8 << 10,
            body: Some(1 << 30),
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            read_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            min_rate: 240,
            upgrade_timeout: Duration::from_secs(3600),
            drain_timeout: Duration::from_secs(30),
            http2_streams: 100,
            http2_stream_window: 256 << 10,
            http2_connection_window: 1 << 20,
            http2_resets: 100,
            http2_control_frames: 500,
            connections: None,
            connections_per_address: 1024,
            underscores_in_headers: false,
            file_cache: 32 << 20,
        }
    }
}
