//! What the gate serves, made of what its keeper sent.

use certs::{CertificateId, Mirror, Pair, Resolver};
use gate::{Given, Identities, Snapshot, SnapshotError};
use link::{CertificateChange, Install, Key};
use model::plan::Plan;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// What outlives the plans: certificates, and the keys of session tickets.
#[derive(Debug)]
pub(super) struct Shelf {
    mirror: Mirror,
    resolver: Arc<Resolver>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl Shelf {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mirror = Mirror::default();
        Ok(Self { resolver: mirror.resolver(), mirror, ticketer: certs::ticketer()? })
    }

    /// Serves other certificates from now on.
    pub(super) fn change(&mut self, change: CertificateChange) {
        let id = CertificateId::from;
        let new = change.new.into_iter().map(|certificate| {
            let chain = certificate.chain.into_iter().map(CertificateDer::from).collect();
            let key = match certificate.key {
                Key::Pkcs1(der) => PrivateKeyDer::Pkcs1(der.into()),
                Key::Sec1(der) => PrivateKeyDer::Sec1(der.into()),
                Key::Pkcs8(der) => PrivateKeyDer::Pkcs8(der.into()),
            };
            (id(certificate.id), Arc::new(Pair::new(chain, key)))
        });
        self.mirror.apply(certs::Change {
            whole: change.whole,
            new: new.collect(),
            hosts: change.hosts.into_iter().map(|(host, number)| (host, number.map(id))).collect(),
            nameless: change.nameless.map(id),
        });
    }

    /// What the gate serves for a plan.
    /// Shares with what is served already what stays.
    pub(super) fn content(
        &self,
        plan: Plan,
        given: Given,
        former: Option<&Snapshot>,
    ) -> Result<gate::Content, SnapshotError> {
        let tls = certs::server_config(Arc::clone(&self.resolver), &plan.tls, Arc::clone(&self.ticketer));
        Ok(gate::Content {
            snapshot: Snapshot::after(plan, &given, former)?,
            tls: Arc::unwrap_or_clone(tls),
            identities: Arc::new(Certificates(Arc::clone(&self.resolver))),
            given,
        })
    }
}

/// The files that came with a plan.
pub(super) fn given(install: &mut Install) -> Given {
    Given {
        pages: std::mem::take(&mut install.pages).into_iter().collect(),
        authorities: std::mem::take(&mut install.authorities).into_iter().collect(),
        roots: std::mem::take(&mut install.roots),
    }
}

/// Names are one identity when one certificate serves them.
#[derive(Debug)]
struct Certificates(Arc<Resolver>);

impl Identities for Certificates {
    fn agree(&self, sni: Option<&str>, host: &str) -> bool {
        let table = self.0.table();
        let opened_for = match sni {
            Some(name) => table.identity(name),
            None => table.nameless(),
        };
        opened_for.is_some() && opened_for == table.identity(host)
    }

    fn certificate(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.0.table().certificate(host)
    }
}
