//! What the gate needs to know of certificates beyond serving them: whether two names are one identity.

use std::cell::RefCell;
use std::sync::Arc;

/// Whether names are served as one identity.
pub trait Identities: Send + Sync + std::fmt::Debug {
    /// Whether a TLS connection that was opened for `sni` may carry requests for `host`: the same certificate and
    /// the same policy for client certificates serve both (RFC 9110 section 7.4).
    fn agree(&self, sni: Option<&str>, host: &str) -> bool;
}

thread_local! {
    static ASKED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// A resolver of certificates that notes which name was asked for, because the unbuffered sessions of rustls do not
/// tell. A session resolves on the thread that drives it, before the call that drives it returns.
#[derive(Debug)]
pub(crate) struct NotingResolver {
    inner: Arc<dyn rustls::server::ResolvesServerCert>,
}

impl NotingResolver {
    pub(crate) fn new(inner: Arc<dyn rustls::server::ResolvesServerCert>) -> Self {
        Self { inner }
    }
}

impl rustls::server::ResolvesServerCert for NotingResolver {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        ASKED.set(hello.server_name().map(canonical));
        self.inner.resolve(hello)
    }
}

/// The name that the handshake which was driven last on this thread asked for, in canonical form.
pub(crate) fn take_asked() -> Option<Box<str>> {
    ASKED.take()
}

fn canonical(name: &str) -> Box<str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase().into_boxed_str()
}
