//! `portcullis doctor`: whether this machine is fit for the gate, and what to do about what is not. Looks, and changes
//! nothing.
//!
//! Each part has a file: it gathers facts, and a pure function judges them.

mod clock;
mod descriptors;
mod disk;
mod file;
mod finding;
mod kernel;
mod names;
mod others;
mod ports;
mod rights;

use crate::admin::GateLock;
use crate::cli::{Common, Doctor};
use crate::configuration::{OF_THE_MACHINE, Origin};
use crate::failure::{Exit, Failure};
use crate::keeper;
use crate::place::Places;
use crate::terminal;
use finding::{Finding, State};
use model::plan::Plan;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What all parts look at.
struct World {
    root: PathBuf,
    /// The plan of the file, for this host; the usual one where there is no file or it has errors.
    plan: Plan,
    places: Places,
    is_root: bool,
    /// Whether a gate runs on the state folder.
    is_running: bool,
}

impl World {
    fn has_systemd(&self) -> bool {
        has_systemd(&self.root)
    }
}

/// Whether systemd runs this machine (sd_booted(3)).
fn has_systemd(root: &Path) -> bool {
    root.join("run/systemd/system").is_dir()
}

pub(super) fn run(common: &Common, arguments: &Doctor) -> Result<Exit, Failure> {
    let (plan, mut findings) = file::read(common)?;
    let places = Places::of(&plan, common.state.clone());
    let world = World {
        root: PathBuf::from("/"),
        is_running: GateLock::is_taken(&places.state),
        is_root: rustix::process::geteuid().is_root(),
        plan,
        places,
    };
    let parts = [
        file::look,
        rights::look,
        kernel::look,
        ports::look,
        names::look,
        clock::look,
        disk::look,
        descriptors::look,
        others::look,
    ];
    findings.extend(parts.iter().flat_map(|look| look(&world)));
    if arguments.json {
        terminal::print_json(&json!({ "fit": is_fit(&findings), "findings": findings }))?;
    } else {
        terminal::print_styled(finding::render(&findings))?;
    }
    Ok(if is_fit(&findings) { Exit::Done } else { Exit::No })
}

fn is_fit(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.state != State::Problem)
}

/// Where the configuration is, for a command that can do without.
fn origin(common: &Common) -> Result<Option<Origin>, Failure> {
    match Origin::of_command(common, None) {
        Ok(origin) => Ok(Some(origin)),
        Err(failure) if common.config.is_some() => Err(failure),
        Err(_) if Path::new(OF_THE_MACHINE).exists() => Ok(Some(Origin::File(OF_THE_MACHINE.into()))),
        Err(_) => Ok(None),
    }
}

/// What a plan serves here; the whole of it where that cannot be told, which is said by `check`.
fn of_this_host(plan: &Plan) -> Plan {
    keeper::of_this_host(plan, None).unwrap_or_else(|_| plan.clone())
}
