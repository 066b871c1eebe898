//! Which certificate serves which name: an immutable value, looked up once for each handshake.

use crate::pair::Pair;
use model::host::HostTable;
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// A certificate as the store holds it. Equal identities mean the same certificate, also across tables; a renewed
/// certificate has a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateId(pub(crate) u64);

impl From<u64> for CertificateId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<CertificateId> for u64 {
    fn from(id: CertificateId) -> Self {
        id.0
    }
}

/// A certificate in a table.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    /// Which.
    pub(crate) id: CertificateId,
    /// The certificate itself.
    pub(crate) pair: Arc<Pair>,
}

/// Which certificate serves which name.
#[derive(Debug, Default)]
pub struct Table {
    /// By name; addresses are names too, as in `https://127.0.0.1`.
    pub(crate) hosts: HostTable<Served>,
    /// For clients that ask for no name, which is what they do when the URL has an address (RFC 6066, 3).
    pub(crate) nameless: Option<Served>,
}

impl Table {
    /// The certificate that serves a host in canonical form (see [`model::host`]), `None` when none does.
    ///
    /// Two hosts may share a connection when one certificate serves both; otherwise the answer is 421 (RFC 9110,
    /// 15.5.20).
    #[must_use]
    pub fn identity(&self, host: &str) -> Option<CertificateId> {
        self.hosts.find(host).map(|served| served.id)
    }

    /// The same, for the handshake. A wildcard as it is written stands for a host of its own.
    #[must_use]
    pub fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.hosts.find(host)?.pair.certified().cloned()
    }

    /// The certificate that serves clients without SNI, `None` when their handshakes are refused.
    #[must_use]
    pub fn nameless(&self) -> Option<CertificateId> {
        self.nameless.as_ref().map(|served| served.id)
    }

    /// The certificate for a server name indication as it came from the client.
    pub(crate) fn find(&self, server_name: Option<&str>) -> Option<&Served> {
        let Some(name) = server_name else { return self.nameless.as_ref() };
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut buffer = [0; LONGEST_NAME];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        self.hosts.find(std::str::from_utf8(lower).ok()?)
    }
}

/// Bytes of a DNS name at most, without the last dot (RFC 1035, 2.3.4).
const LONGEST_NAME: usize = 253;
