//! A chain and its private key, as DER and, once somebody asks, ready for handshakes.

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A chain and its private key.
pub struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Made by the first handshake that needs it: most of ten thousand certificates wait for theirs.
    ready: OnceLock<Option<Arc<CertifiedKey>>>,
}

impl Pair {
    /// A pair that somebody has looked at already.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key, ready: OnceLock::new() }
    }

    /// A pair whose key was read.
    pub(crate) fn with_signer(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        signer: Arc<dyn SigningKey>,
    ) -> Self {
        let ready = OnceLock::from(Some(Arc::new(CertifiedKey::new(chain.clone(), signer))));
        Self { chain, key, ready }
    }

    /// The chain, the leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key. It leaves this process for nobody but the one that serves it.
    #[must_use]
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// What handshakes need; `None` where the key is of no kind that TLS uses.
    #[must_use]
    pub fn certified(&self) -> Option<&Arc<CertifiedKey>> {
        let make =
            || Some(Arc::new(CertifiedKey::new(self.chain.clone(), any_supported_type(&self.key).ok()?)));
        self.ready.get_or_init(make).as_ref()
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.write_str("Pair")
    }
}
