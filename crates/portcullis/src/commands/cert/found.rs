//! The certificates that there are, and those that the configuration asks for and nobody could serve.

use super::warn_of;
use crate::admin::Client;
use crate::cli::Common;
use crate::commands::{locate, planned};
use crate::configuration::{COMMAND_LINE, Origin};
use crate::failure::{Failure, with_causes};
use crate::place::Places;
use crate::terminal;
use certs::{CertificateFacts, Event, StateFolder, Store, StoreError};
use model::plan::{CertificateFiles, Plan, StreamTls};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What was found.
pub(super) struct Found {
    /// The certificates.
    pub(super) good: Vec<CertificateFacts>,
    /// Files that hold none.
    pub(super) broken: Vec<Broken>,
}

/// Files that the configuration names and that hold no certificate with its key.
pub(super) struct Broken {
    files: CertificateFiles,
    /// The sites that ask for it, by their label.
    pub(super) used_for: Vec<String>,
    /// Why.
    pub(super) problem: String,
    /// What to do.
    pub(super) hint: Option<String>,
}

impl Broken {
    /// The same fields as those of a certificate, as far as there is something to say.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "names": [],
            "source": "files",
            "certificate": self.files.certificate,
            "used_for": self.used_for,
            "problems": [self.problem],
        })
    }
}

/// The certificates of the gate that runs without a file, or those of the configuration. What else should be looked at is
/// said on standard error.
pub(super) fn find(common: &Common, now: SystemTime) -> Result<Found, Failure> {
    let (mut plan, folder) = match without_file(common) {
        Some(found) => found,
        None => {
            let plan = planned(common)?;
            let folder = Places::of(&plan, common.state.clone()).state;
            (plan, folder)
        }
    };
    let state = StateFolder::new(folder);
    if !state.path().join("authority").exists() {
        leave_out_own(&mut plan);
    } else {
        require_own(state.path())?;
    }
    let (store, events) = Store::open(state, &plan, now).map_err(|StoreError::Authority(error)| {
        let hint = error.hint();
        Failure::refused(with_causes(&error)).with_hint(hint)
    })?;
    warn_of(events.iter().filter(|event| !matches!(event, Event::FilesBroken { .. })));
    let broken = events.iter().filter_map(|event| broken(event, &plan)).collect();
    Ok(Found { good: store.list(now), broken })
}

/// What a gate serves that runs in this place and was started with sites alone: no file says it.
fn without_file(common: &Common) -> Option<(Plan, PathBuf)> {
    if common.config.is_some() {
        return None;
    }
    let places = locate::places(common, None).ok()?;
    let status = Client::new(&places.socket_to_ask()).status().ok()?;
    if status["configuration"] != COMMAND_LINE {
        return None;
    }
    // Which hosts there are is all that matters to certificates, and not where they lead.
    let sites = status["sites"].as_array()?.iter().filter_map(Value::as_str);
    let sites = Origin::QuickStart(sites.map(|site| format!("{site}=localhost:1")).collect());
    let plan = sites.compile().ok()?.plan?;
    terminal::say("the gate was started without a file; these are the certificates of its sites\n");
    Some((plan, places.state))
}

fn broken(event: &Event, plan: &Plan) -> Option<Broken> {
    let Event::FilesBroken { files, error, .. } = event else { return None };
    let asks = plan.sites.iter().filter(|site| site.certificate.as_ref() == Some(files));
    Some(Broken {
        files: files.clone(),
        used_for: asks.map(|site| site.label.clone()).collect(),
        problem: with_causes(error),
        hint: event.hint(),
    })
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
