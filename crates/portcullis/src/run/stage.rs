//! What is done before the first connection is taken: certificates, the files that the plan names, listeners, a gate.

use super::bind::Listeners;
use super::certificates::{self, Certificates};
use super::{build, control, places, prepared_folder};
use crate::failure::{Failure, with_causes};
use crate::gate_user;
use crate::place::Places;
use crate::supervision::{Bound, Heard, Inheritance, Offer, Predecessors, Settings, Supervisor};
use certs::{StateFolder, Store};
use gate::{AccessLog, Given};
use model::plan::{Edition, Plan};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

/// A gate that serves, and what it serves.
pub(super) struct Stage {
    pub(super) certificates: Certificates,
    pub(super) listeners: Listeners,
    /// Those of the plan.
    pub(super) bound: Vec<Bound>,
    pub(super) gates: Arc<Supervisor>,
    pub(super) heard: Heard,
}

/// All but the certificates.
struct Prepared {
    listeners: Listeners,
    settings: Settings,
    /// Without any certificate.
    offer: Offer,
    log: Option<File>,
}

type Gates = (Arc<Supervisor>, Heard);

impl Stage {
    /// Certificates are read while all the rest is made ready. Of what is wrong with both, the certificates are told.
    pub(super) fn set(
        plan: &Plan,
        places: &Places,
        threads: usize,
        inheritance: Inheritance,
        kept: Vec<(OwnedFd, u16)>,
    ) -> Result<Self, Failure> {
        let (predecessors, mut sockets) = inheritance.split();
        sockets.extend(kept);
        let is_first = predecessors.is_empty();
        let meanwhile = || {
            let prepared = Prepared::of(plan, places, threads, sockets)?;
            let gates = if is_first { Some(prepared.begin()?) } else { None };
            Ok::<_, Failure>((prepared, gates))
        };
        let (read, ready) =
            beside(|| Store::open(StateFolder::new(&places.state), plan, SystemTime::now()), meanwhile);
        let (store, noted) =
            read.map_err(|error| Failure::refused(error.to_string()).with_hint(error.hint()))?;
        certificates::report_events(&noted);
        let certificates = Certificates::new(store);
        let (Prepared { listeners, settings, mut offer, log }, gates) = ready?;
        offer.serving = certificates.serving();
        let bound = offer.listeners.clone();
        let (gates, heard) = match gates {
            Some(gates) => complete(gates, offer)?,
            None => Supervisor::start(settings, offer, log, predecessors)?,
        };
        Ok(Self { certificates, listeners, bound, gates, heard })
    }
}

/// Does two things, both at once where there is a thread for it. The first one's panic is that of this thread.
fn beside<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

impl Prepared {
    fn of(
        plan: &Plan,
        places: &Places,
        threads: usize,
        sockets: Vec<(OwnedFd, u16)>,
    ) -> Result<Self, Failure> {
        let given = Given::read(plan).map_err(|error| Failure::no(with_causes(&error)))?;
        let ports = gate::planned_ports(plan).map_err(|error| Failure::no(with_causes(&error)))?;
        let mut listeners = Listeners::inherit(sockets);
        let bound = listeners.bind(&ports, &plan.listen, threads)?;
        let log = AccessLog::open(&plan.log.access).map_err(|error| log_failure(plan, &error))?;
        let settings = Settings {
            program: build::program(),
            build: build::id(),
            threads,
            folder: prepared_folder(places)?,
            account: gate_user::account(),
        };
        let edition =
            Edition { number: control::FIRST_EDITION, plan: places::Absolute::default().of(plan.clone()) };
        let offer = Offer { edition, given, listeners: bound, serving: Arc::default() };
        Ok(Self { listeners, settings, offer, log })
    }

    /// Starts a gate that knows the plan and takes no connection.
    fn begin(&self) -> Result<Gates, Failure> {
        let offer = Offer { listeners: Vec::new(), ..self.offer.clone() };
        let log = self.log.as_ref().map(File::try_clone).transpose();
        let log =
            log.map_err(|error| Failure::refused(format!("no descriptor for the access log: {error}")))?;
        Supervisor::start(self.settings.clone(), offer, log, Predecessors::default())
    }
}

/// Has a gate serve all of what it knows the plan of: the certificates are there before the first connection is.
fn complete((gates, heard): Gates, offer: Offer) -> Result<Gates, Failure> {
    gates.certify(&offer.serving);
    gates.install(offer)?;
    Ok((gates, heard))
}

fn log_failure(plan: &Plan, error: &std::io::Error) -> Failure {
    let place = match &plan.log.access {
        model::plan::AccessLog::File(path) => path.display().to_string(),
        _ => "standard output".to_owned(),
    };
    Failure::refused(format!("cannot write the access log to {place}: {error}"))
        .with_hint("[log] access names another file, \"stdout\" or \"off\"")
}
