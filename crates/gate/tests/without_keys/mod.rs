//! What a gate serves that has no certificates, because nobody comes over TLS.

use gate::{Content, Given, Identities, Listener, PlannedPort, Snapshot};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::net::TcpListener;
use std::sync::Arc;

#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

impl Identities for Nobody {
    fn agree(&self, _: Option<&str>, _: &str) -> bool {
        false
    }

    fn certificate(&self, _: &str) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// A port of the loopback that was planned as 80.
pub(crate) fn listener() -> Listener {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let local = socket.local_addr().unwrap();
    Listener::new(PlannedPort::of_sites(80, false), local, vec![socket])
}

/// What a configuration without errors means.
pub(crate) fn content(file: &str) -> Content {
    let compiled = model::compile_text("portcullis.toml", file);
    let snapshot = Snapshot::new(compiled.plan.unwrap(), &Given::default()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_cert_resolver(Arc::new(Nobody));
    Content { snapshot, tls, identities: Arc::new(Nobody), given: Given::default() }
}
