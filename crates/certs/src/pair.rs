//! A chain and its private key, as DER and, once somebody asks, ready for handshakes.

use rustls::crypto::aws_lc_rs::sign::{any_ecdsa_type, any_supported_type};
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
        let make = || Some(Arc::new(CertifiedKey::new(self.chain.clone(), signer(&self.key).ok()?)));
        self.ready.get_or_init(make).as_ref()
    }
}

/// `id-ecPublicKey` as DER (RFC 5480, 2.1.1), which a key of PKCS #8 has in its first bytes.
const ELLIPTIC: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// How far into a key that stands.
const BEGINNING: usize = 32;

/// What signs with a private key.
///
/// rustls takes every key for one of RSA first, and proves the whole of one of an elliptic curve before it finds out.
pub(crate) fn signer(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let is_elliptic = match key {
        PrivateKeyDer::Sec1(_) => true,
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            der[..der.len().min(BEGINNING)].windows(ELLIPTIC.len()).any(|window| window == ELLIPTIC)
        }
        _ => false,
    };
    let elliptic = if is_elliptic { any_ecdsa_type(key).ok() } else { None };
    elliptic.map_or_else(|| any_supported_type(key), Ok)
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        f.write_str("Pair")
    }
}
