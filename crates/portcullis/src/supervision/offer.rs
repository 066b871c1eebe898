//! What a gate serves, as it is sent to it: the plan, what lies in the files that it names, the listeners, the
//! certificates.

use certs::{Change, Serving};
use gate::{Given, Listener, Speaks};
use link::{Certificate, CertificateChange, Install, Key, Protocol};
use model::plan::{Delta, Edition};
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

/// Connections that may wait to be accepted.
pub(crate) const BACKLOG: i32 = 4096;

/// A listener that is open, with the numbers that the kernel gave its sockets.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The sockets.
    pub(crate) listener: Listener,
    /// Their numbers, in the same order.
    pub(crate) numbers: Vec<u64>,
}

impl Bound {
    /// Has sockets listen again that a gate has shut down, which is so for everybody who has them.
    pub(super) fn revive(&self) {
        if self.listener.planned().speaks == Speaks::Udp {
            return;
        }
        for socket in self.listener.descriptors() {
            if !rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(true) {
                // Where it fails, the gate that is started now says so.
                let _ = rustix::net::listen(socket, BACKLOG);
            }
        }
    }
}

/// Everything that a gate serves.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// The plan of this host. Each offer has a number of its own, above 0.
    pub(crate) edition: Edition,
    /// What lies in the files that it names.
    pub(crate) given: Given,
    /// The listeners of exactly this plan.
    pub(crate) listeners: Vec<Bound>,
    /// Which certificate serves which host.
    pub(crate) serving: Arc<Serving>,
}

impl Offer {
    /// The order to serve it.
    pub(super) fn install(&self, before: Option<&Self>) -> Install {
        let nothing = Edition::default();
        let plan = Delta::between(before.map_or(&nothing, |before| &before.edition), &self.edition);
        let certificates = match before {
            Some(before) => before.serving.change_to(&self.serving),
            None => self.serving.whole(),
        };
        let bytes = |files: &std::collections::BTreeMap<std::path::PathBuf, Arc<[u8]>>| {
            files.iter().map(|(path, bytes)| (path.clone(), bytes.to_vec())).collect()
        };
        Install {
            plan,
            whole: before.is_none(),
            pages: bytes(&self.given.pages),
            authorities: bytes(&self.given.authorities),
            roots: self.given.roots.clone(),
            certificates: Some(change(certificates)),
            listeners: self.listeners.iter().map(listener).collect(),
        }
    }
}

fn listener(bound: &Bound) -> link::Listener {
    let planned = bound.listener.planned();
    link::Listener {
        port: planned.port,
        protocol: match planned.speaks {
            Speaks::Http => Protocol::Http,
            Speaks::Https => Protocol::Https,
            Speaks::Tcp => Protocol::Tcp,
            Speaks::Udp => Protocol::Udp,
        },
        address: planned.address,
        local: bound.listener.local(),
        sockets: bound.numbers.clone(),
    }
}

/// A change of certificates as it is sent.
pub(super) fn change(change: Change) -> CertificateChange {
    let certificate = |(id, pair): (certs::CertificateId, Arc<certs::Pair>)| {
        let key = match pair.key() {
            PrivateKeyDer::Pkcs1(der) => Key::Pkcs1(der.secret_pkcs1_der().to_vec()),
            PrivateKeyDer::Sec1(der) => Key::Sec1(der.secret_sec1_der().to_vec()),
            other => Key::Pkcs8(other.secret_der().to_vec()),
        };
        let chain = pair.chain().iter().map(|der| der.to_vec()).collect();
        Certificate { id: id.into(), chain, key }
    };
    CertificateChange {
        whole: change.whole,
        new: change.new.into_iter().map(certificate).collect(),
        hosts: change.hosts.into_iter().map(|(host, id)| (host, id.map(u64::from))).collect(),
        nameless: change.nameless.map(u64::from),
    }
}
