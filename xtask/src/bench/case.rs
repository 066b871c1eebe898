//! What is measured: one row of the table for each case. Adding a case is adding an entry.

use super::backend::{LARGE, SMALL};
use super::client::Mode;

/// One kind of work.
pub(super) struct Case {
    /// The name for `--case`.
    pub(super) name: &'static str,
    /// What it is, for the report.
    pub(super) title: &'static str,
    pub(super) mode: Mode,
    pub(super) tls: bool,
    /// Whether bytes are relayed as they are, and nobody on the way knows HTTP.
    pub(super) stream: bool,
    pub(super) path: &'static str,
    /// Bytes of the body.
    pub(super) length: usize,
    pub(super) connections: usize,
}

impl Case {
    /// Whether a file answers, and no instance.
    pub(super) fn is_file(&self) -> bool {
        !self.path.starts_with("/api/") && !self.is_call()
    }

    /// Whether it is a call of gRPC, over HTTP/2 without TLS on both sides.
    pub(super) fn is_call(&self) -> bool {
        self.path.starts_with("/hello.Echo/")
    }
}

/// Bytes of the small file.
pub(super) const FILE: usize = 1 << 10;

/// Bytes of a message of gRPC, with its prefix.
pub(super) const CALL: usize = 105;

/// Idle connections whose memory is measured.
const IDLE: usize = 8000;

const PLAIN: Case = Case {
    name: "plain",
    title: "HTTP/1.1, 256 B",
    mode: Mode::KeepAlive,
    tls: false,
    stream: false,
    path: "/api/products/7",
    length: SMALL,
    connections: 64,
};

const HTTP2: Case = Case {
    name: "http2",
    title: "HTTP/2 over TLS 1.3, 256 B",
    mode: Mode::Http2,
    tls: true,
    connections: 8,
    ..PLAIN
};

/// Every case, in the order of the report.
pub(super) const CASES: [Case; 16] = [
    PLAIN,
    Case { name: "tls", title: "HTTP/1.1 over TLS 1.3, 256 B", tls: true, ..PLAIN },
    Case {
        name: "handshake",
        title: "full TLS 1.3 handshake and one request of 256 B",
        mode: Mode::Handshakes,
        tls: true,
        connections: 16,
        ..PLAIN
    },
    Case { name: "large", title: "1 MiB", path: "/api/1m", length: LARGE, connections: 8, ..PLAIN },
    Case {
        name: "large-tls",
        title: "1 MiB over TLS 1.3",
        tls: true,
        path: "/api/1m",
        length: LARGE,
        connections: 8,
        ..PLAIN
    },
    HTTP2,
    Case {
        name: "http2-large",
        title: "1 MiB over HTTP/2, TLS 1.3",
        path: "/api/1m",
        length: LARGE,
        connections: 4,
        ..HTTP2
    },
    Case {
        name: "grpc",
        title: "gRPC, unary call of 100 B",
        tls: false,
        path: "/hello.Echo/Say",
        length: CALL,
        ..HTTP2
    },
    Case { name: "file", title: "file of 1 KiB", path: "/small.bin", length: FILE, ..PLAIN },
    Case {
        name: "file-large",
        title: "file of 1 MiB",
        path: "/large.bin",
        length: LARGE,
        connections: 8,
        ..PLAIN
    },
    Case { name: "stream", title: "relayed TCP, 256 B", stream: true, ..PLAIN },
    Case {
        name: "stream-large",
        title: "relayed TCP, 1 MiB",
        stream: true,
        path: "/api/1m",
        length: LARGE,
        connections: 8,
        ..PLAIN
    },
    Case {
        name: "datagrams",
        title: "relayed UDP, 256 B both ways",
        mode: Mode::Datagrams,
        stream: true,
        ..PLAIN
    },
    Case { name: "idle", title: "idle connections", mode: Mode::Idle, connections: IDLE, ..PLAIN },
    Case {
        name: "idle-tls",
        title: "idle TLS connections",
        mode: Mode::Idle,
        tls: true,
        connections: IDLE,
        ..PLAIN
    },
    Case {
        name: "idle-stream",
        title: "idle relayed connections",
        mode: Mode::Idle,
        stream: true,
        connections: IDLE,
        ..PLAIN
    },
];
