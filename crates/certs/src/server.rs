//! How the gate speaks TLS with clients.

use crate::resolver::Resolver;
use model::plan::{Tls, TlsVersion};
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};
use std::sync::Arc;

/// Tickets for each TLS 1.3 handshake. One is enough: a client gets a new one with every connection, resumed ones
/// included, so its stock never runs dry; each more would cost an encryption and about 200 bytes of every handshake,
/// most of which are never used.
const TICKETS: usize = 1;

/// How the gate speaks TLS with clients: TLS 1.3, and 1.2 unless the plan says otherwise, with the cipher suites of
/// rustls and hybrid post-quantum key exchange first (X25519MLKEM768), `h2` and `http/1.1` by ALPN.
///
/// - Sessions are resumed by tickets alone: no state for each client, and threads need not share any. Early data
///   is refused, because it can be replayed (RFC 8446, 8).
/// - The client's order of cipher suites decides. All of them are good, and only the client knows whether it has
///   instructions for AES.
/// - Records stay as large as rustls makes them, 16 KiB.
///
/// # Panics
///
/// Never: the provider has cipher suites and key exchange groups for both versions, which is what rustls checks.
#[must_use]
pub fn server_config(
    resolver: Arc<Resolver>,
    tls: &Tls,
    ticketer: Arc<dyn ProducesTickets>,
) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions(tls.min_version))
        .expect("the provider serves both versions")
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = protocols(tls);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ticketer;
    config.send_tls13_tickets = TICKETS;
    config.max_early_data_size = 0;
    config.ignore_client_order = false;
    Arc::new(config)
}

/// What is offered by ALPN, best first.
fn protocols(tls: &Tls) -> Vec<Vec<u8>> {
    let offered = [&b"h2"[..], b"http/1.1", b"http/1.0"];
    offered[usize::from(!tls.http2)..].iter().map(|name| name.to_vec()).collect()
}

/// Makes the keys of session tickets: random, changed every six hours, good for twelve. Kept by the caller so that
/// sessions survive a reload; never on disk, so that nobody can decrypt yesterday's sessions tomorrow.
///
/// # Errors
///
/// When the system has no random numbers.
pub fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    aws_lc_rs::Ticketer::new()
}

fn versions(lowest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match lowest {
        TlsVersion::V1_2 => &BOTH,
        TlsVersion::V1_3 => &BOTH[..1],
    }
}
