//! Ports that nobody uses.

use std::net::{Ipv4Addr, TcpListener};

/// A TCP port of the loopback that was free a moment ago.
///
/// Somebody else may take it before the caller does; prefer port 0 and asking what was bound wherever that is possible.
///
/// # Panics
/// When the machine has no free port.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("the loopback has a free port")
        .port()
}
