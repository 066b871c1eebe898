//! What the gate needs to know of certificates beyond serving them: whether two names are one identity, and which one
//! serves a client that asks for no name.

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::cell::RefCell;
use std::sync::Arc;

/// Whether names are served as one identity.
pub trait Identities: Send + Sync + std::fmt::Debug {
    /// Whether a TLS connection that was opened for `sni` may carry requests for `host`: the same certificate and
    /// the same policy for client certificates serve both (RFC 9110 section 7.4).
    fn agree(&self, sni: Option<&str>, host: &str) -> bool;

    /// The certificate of a host, or of a wildcard as it is written.
    fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>>;
}

thread_local! {
    static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
}

/// What a client asked for in its handshake.
#[derive(Debug)]
pub(crate) struct Asked {
    /// In canonical form.
    pub(crate) name: Option<Box<str>>,
    /// Whether there is a certificate for it.
    pub(crate) served: bool,
}

/// A resolver of certificates that notes which name was asked for, because the unbuffered sessions of rustls do not
/// tell. A session resolves on the thread that drives it, before the call that drives it returns.
#[derive(Debug)]
pub(crate) struct NotingResolver {
    inner: Arc<dyn ResolvesServerCert>,
}

impl NotingResolver {
    pub(crate) fn new(inner: Arc<dyn ResolvesServerCert>) -> Self {
        Self { inner }
    }
}

impl ResolvesServerCert for NotingResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(canonical);
        let resolved = self.inner.resolve(hello);
        ASKED.set(Some(Asked { name, served: resolved.is_some() }));
        resolved
    }
}

/// A resolver for clients that can only mean one host: one that asks for no name is served as if it had asked for that.
#[derive(Debug)]
pub(crate) struct AloneResolver {
    pub(crate) inner: Arc<dyn ResolvesServerCert>,
    pub(crate) identities: Arc<dyn Identities>,
    /// The host, or a wildcard as it is written.
    pub(crate) host: String,
}

impl ResolvesServerCert for AloneResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        match hello.server_name() {
            Some(_) => self.inner.resolve(hello),
            None => self.identities.certificate(&self.host),
        }
    }
}

/// What the handshake that was driven last on this thread asked for, if it came so far.
pub(crate) fn take_asked() -> Option<Asked> {
    ASKED.take()
}

fn canonical(name: &str) -> Box<str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase().into_boxed_str()
}
