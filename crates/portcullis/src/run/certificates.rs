//! The certificates that the keeper keeps: they are read and made here, and handed to the gate.

use crate::failure::with_causes;
use crate::report;
use certs::{Event, Serving, Severity, Store};
use link::AskRefused;
use model::host::HostPattern;
use model::plan::{CertificateFiles, Plan};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The certificates.
#[derive(Debug)]
pub(super) struct Certificates {
    store: Mutex<Store>,
}

impl Certificates {
    pub(super) fn new(store: Store) -> Self {
        Self { store: Mutex::new(store) }
    }

    /// Which certificate serves which host.
    pub(super) fn serving(&self) -> Arc<Serving> {
        self.store().serving()
    }

    /// Brings the certificates in line with a plan, and answers how many cannot be served.
    pub(super) fn apply(&self, plan: &Plan) -> usize {
        let events = self.store().apply(plan, SystemTime::now());
        report_events(&events);
        events.iter().filter(|event| event.severity() == Severity::Error).count()
    }

    /// The pairs of files that are served as they are.
    pub(super) fn in_order(&self) -> HashSet<CertificateFiles> {
        self.store().files_in_order()
    }

    /// Looks after the certificates: changed files, and those that end soon.
    pub(super) fn refresh(&self) {
        let events = self.store().refresh(SystemTime::now());
        report_events(&events);
    }

    /// Keeps a certificate that was obtained for a host, where it is one that the plan wants.
    pub(super) fn keep(&self, host: &HostPattern, chain: &str, key: &str) -> Result<(), AskRefused> {
        let kept = self.store().keep(host, chain, key, SystemTime::now());
        kept.map_err(|why| AskRefused::new(why.rule(), with_causes(&why)))?;
        report::info(format_args!("a certificate was obtained for {host}"));
        Ok(())
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
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
