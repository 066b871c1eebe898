//! `portcullis cert`: what certificates there are, and how our own authority becomes trusted.

mod list;
mod show;
mod trust;

use super::planned;
use crate::cli::{Cert, Common};
use crate::failure::{Exit, Failure, with_causes};
use crate::place::Places;
use crate::terminal;
use certs::{CertificateFacts, Event, Severity, Source, StateFolder, Store, StoreError};
use model::plan::{Plan, StreamTls};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn run(common: &Common, command: &Cert) -> Result<Exit, Failure> {
    match command {
        Cert::List { json } => list::run(common, *json),
        Cert::Show { host, json } => show::run(common, host, *json),
        Cert::Trust { install } => trust::run(common, *install),
    }
}

/// The certificates of a configuration, and what is wrong with those that are missing on standard error.
fn certificates(common: &Common, now: SystemTime) -> Result<Vec<CertificateFacts>, Failure> {
    let mut plan = planned(common)?;
    let state = StateFolder::new(Places::of(&plan, common.state.clone()).state);
    if !state.path().join("authority").exists() {
        leave_out_own(&mut plan);
    } else {
        require_own(state.path())?;
    }
    let (store, events) = Store::open(state, &plan, now).map_err(|StoreError::Authority(error)| {
        let hint = error.hint();
        Failure::refused(with_causes(&error)).with_hint(hint)
    })?;
    warn_of(&events);
    Ok(store.list(now))
}

/// Says what somebody should look at, such as files that were set aside.
fn warn_of(events: &[Event]) {
    for event in events.iter().filter(|event| event.severity() > Severity::Information) {
        let hint = event.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        terminal::warn(format_args!("{}{hint}", with_causes(event)));
    }
}

/// Looking may renew a certificate, which would then belong to whoever looked and not to the gate.
fn require_own(state: &Path) -> Result<(), Failure> {
    let Ok(facts) = state.metadata() else { return Ok(()) };
    if facts.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Failure::refused(format!("{} belongs to another user", state.display()))
        .with_hint(format!("run it as that user: sudo -u '#{}' portcullis cert ...", facts.uid())))
}

/// A question must not make an authority; the first `portcullis up` does.
fn leave_out_own(plan: &mut Plan) {
    let before = plan.sites.len() + plan.streams.len();
    plan.sites.retain(|site| site.certificate.is_some());
    plan.streams.retain(|stream| stream.tls != StreamTls::Terminate);
    if plan.sites.len() + plan.streams.len() < before {
        terminal::say("the gate makes the certificates of the other sites when it starts\n");
    }
}

fn names(facts: &CertificateFacts) -> Vec<String> {
    facts.names.iter().map(ToString::to_string).collect()
}

fn source(facts: &CertificateFacts) -> &'static str {
    match facts.source {
        Source::Files => "files",
        Source::OwnAuthority(_) => "own authority",
    }
}

fn to_json(facts: &CertificateFacts) -> Value {
    let seconds =
        |moment: SystemTime| moment.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or(0);
    json!({
        "names": names(facts),
        "source": source(facts),
        "issuer": facts.issuer,
        "not_before": seconds(facts.validity.not_before),
        "not_after": seconds(facts.validity.not_after),
        "sha256": facts.fingerprint.to_string(),
        "certificate": facts.files.certificate,
        "used_for": facts.used_for,
        "problems": facts.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
