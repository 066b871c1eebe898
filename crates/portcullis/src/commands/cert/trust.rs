//! `portcullis cert trust`: our own authority's certificate, for people to install or installed here.

use crate::cli::Common;
use crate::commands::locate;
use crate::failure::{Exit, Failure, with_causes};
use crate::terminal;
use certs::trust::{System, TrustPlan};
use certs::{Authority, StateFolder};
use std::time::SystemTime;

pub(super) fn run(common: &Common, install: bool) -> Result<Exit, Failure> {
    let state = StateFolder::new(locate::places(common, None)?.state);
    let (authority, events) = Authority::open(&state, SystemTime::now()).map_err(|error| {
        let hint = error.hint();
        Failure::refused(with_causes(&error)).with_hint(hint)
    })?;
    super::warn_of(&events);
    let facts = authority.facts();
    if !install {
        terminal::print(&facts.pem)?;
        return Ok(Exit::Done);
    }
    let plan = TrustPlan::install(&System::this(), &facts.fingerprint, &facts.path, &facts.pem)
        .map_err(|error| Failure::no(error.to_string()).with_hint(error.hint()))?;
    for step in &plan.steps {
        terminal::say(format_args!("{step}\n"));
    }
    plan.execute().map_err(|error| {
        let hint = error.hint();
        Failure::refused(with_causes(&error)).with_hint(hint)
    })?;
    terminal::say(format_args!("this system now trusts {}\n", facts.name));
    Ok(Exit::Done)
}
