//! What rustls asks for a certificate in every handshake.

use crate::table::Table;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Finds the certificate for a client's server name indication.
///
/// The table is replaced as a whole; a handshake reads the one that is there when it comes. The lock is held for the
/// time of one clone of a pointer.
pub struct Resolver(RwLock<Arc<Table>>);

impl Resolver {
    pub(crate) fn new(table: Table) -> Self {
        Self(RwLock::new(Arc::new(table)))
    }

    /// The table as it is now.
    #[must_use]
    pub fn table(&self) -> Arc<Table> {
        // A pointer cannot be half replaced, so a panic of another thread has left it whole.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, table: Table) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}

impl ResolvesServerCert for Resolver {
    /// `None` makes rustls refuse the handshake.
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.table().find(client_hello.server_name())?.pair.certified().cloned()
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
