//! WebSockets over HTTP/2 (RFC 8441): the handshake of HTTP/1.1 that they do without.

use crate::request::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A key (RFC 6455 section 4.1): sixteen bytes in base64. They prove nothing to anybody but ourselves.
pub(super) fn key() -> String {
    STANDARD.encode([random().to_ne_bytes(), random().to_ne_bytes()].concat())
}

/// What answers a key (RFC 6455 section 4.2.2).
pub(super) fn accept(key: &[u8]) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    STANDARD.encode(digest)
}
