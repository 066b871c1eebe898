//! What the gate serves, made of a plan and the certificates.

use crate::failure::{Failure, with_causes};
use crate::report;
use certs::{Event, Resolver, Severity, Store};
use gate::{Identities, Snapshot};
use model::plan::Plan;
use rustls::server::ProducesTickets;
use rustls::sign::CertifiedKey;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The certificates and what outlives a reload.
#[derive(Debug)]
pub(super) struct Content {
    store: Mutex<Store>,
    resolver: Arc<Resolver>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl Content {
    pub(super) fn new(store: Store) -> Result<Self, Failure> {
        let ticketer =
            certs::ticketer().map_err(|error| Failure::refused(format!("no session tickets: {error}")))?;
        Ok(Self { resolver: store.resolver(), store: Mutex::new(store), ticketer })
    }

    /// What the gate serves for a plan whose certificates are in the store.
    /// Shares with what is served already what stays.
    pub(super) fn of(&self, plan: Plan, former: Option<&Snapshot>) -> Result<gate::Content, Failure> {
        let tls = certs::server_config(Arc::clone(&self.resolver), &plan.tls, Arc::clone(&self.ticketer));
        let snapshot = Snapshot::after(plan, former).map_err(|error| Failure::no(with_causes(&error)))?;
        Ok(gate::Content {
            snapshot,
            tls: Arc::unwrap_or_clone(tls),
            identities: Arc::new(Certificates(Arc::clone(&self.resolver))),
        })
    }

    /// Brings the certificates in line with a plan, and answers how many cannot be served.
    pub(super) fn apply(&self, plan: &Plan) -> usize {
        let events = self.store().apply(plan, SystemTime::now());
        report_events(&events);
        events.iter().filter(|event| event.severity() == Severity::Error).count()
    }

    /// Looks after the certificates: changed files, and those that end soon.
    pub(super) fn refresh(&self) {
        let events = self.store().refresh(SystemTime::now());
        report_events(&events);
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Tells the operator what the store did or found.
pub(super) fn report_events(events: &[Event]) {
    for event in events {
        let text = match event.hint() {
            Some(hint) => format!("{event} (hint: {hint})"),
            None => event.to_string(),
        };
        match event.severity() {
            Severity::Information => report::info(text),
            Severity::Warning => report::warning(text),
            Severity::Error => report::error(text),
        }
    }
}
