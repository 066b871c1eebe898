//! `portcullis cert`: what certificates there are, and how our own authority becomes trusted.

mod found;
mod list;
mod show;
mod trust;

use crate::cli::{Cert, Common};
use crate::failure::{Exit, Failure, with_causes};
use crate::terminal;
use certs::{CertificateFacts, Event, Severity, Source};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn run(common: &Common, command: &Cert) -> Result<Exit, Failure> {
    match command {
        Cert::List { json } => list::run(common, *json),
        Cert::Show { host, json } => show::run(common, host, *json),
        Cert::Trust { install } => trust::run(common, *install),
    }
}

/// Says what somebody should look at, such as files that were set aside.
fn warn_of<'a>(events: impl IntoIterator<Item = &'a Event>) {
    for event in events.into_iter().filter(|event| event.severity() > Severity::Information) {
        let hint = event.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        terminal::warn(format_args!("{}{hint}", with_causes(event)));
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
