//! What the keeper wants of the gate: that it serves something else, and what it knows.

use super::conversation::Conversation;
use super::offer::{self, Bound, Offer};
use super::start::{self, STARTING};
use super::supervisor::Supervisor;
use super::turn::Turn;
use super::{probe, sight};
use crate::failure::Failure;
use crate::report;
use certs::Serving;
use gate::Speaks;
use link::{Answer, Counts, Metrics, Order};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// For what a gate answers from memory.
const ANSWERING: Duration = Duration::from_secs(5);
/// The same while somebody tells it what it serves.
const BESIDE_OTHERS: Duration = Duration::from_secs(1);

/// What is to be known of the gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The process that serves; `None` while there is none.
    pub(crate) process: Option<u32>,
    /// How long it has.
    pub(crate) age: Duration,
    /// How it is confined.
    pub(crate) confined: Option<confine::Report>,
    /// What it should see and does not, as it is now.
    pub(crate) hidden: Vec<confine::Missing>,
    /// Processes that end.
    pub(crate) ending: Vec<u32>,
    /// Gates that died since the keeper began.
    pub(crate) deaths: u64,
}

impl Supervisor {
    /// Serves something else from now on. Where the gate refuses, what it served stays.
    pub(crate) fn install(&self, offer: Offer) -> Result<(), Failure> {
        let turn = self.turn();
        self.install_in(&turn, offer)
    }

    /// The same for the first time: a gate that has died since it was started is replaced with one that serves it.
    pub(crate) fn install_first(&self, offer: Offer) -> Result<(), Failure> {
        let turn = self.turn();
        if !self.is_missing() {
            return self.install_in(&turn, offer);
        }
        self.state().offer = Arc::new(offer);
        self.bring_up()
    }

    fn install_in(&self, _: &Turn<'_>, offer: Offer) -> Result<(), Failure> {
        let (gate, before) = self.serving()?;
        start::install(&gate, &offer, Some(&before))?;
        let mut state = self.state();
        // Who ends the service has let go of the listeners, and so does this.
        if !state.is_over {
            state.offer = Arc::new(offer);
        }
        Ok(())
    }

    /// Serves other certificates from now on.
    pub(crate) fn certify(&self, serving: &Arc<Serving>) {
        let _turn = self.turn();
        let (change, gate) = {
            let mut state = self.state();
            if Arc::ptr_eq(&state.offer.serving, serving) {
                return;
            }
            let former = std::mem::replace(&mut Arc::make_mut(&mut state.offer).serving, Arc::clone(serving));
            (former.change_to(serving), state.gate.clone())
        };
        // One that is started later is given them then.
        let Some(gate) = gate else { return };
        if let Err(silence) = gate.certificates(offer::change(change), STARTING)
            && gate.kill_unless_ending()
        {
            report::error(format_args!("the gate did not take its new certificates: {silence}"));
        }
    }

    /// Writes the access log to something else from now on.
    pub(crate) fn log(&self, file: Option<File>) -> Result<(), Failure> {
        let _turn = self.turn();
        let gate = self.state().gate.clone();
        if let Some(gate) = gate {
            start::log(&gate, file.as_ref())?;
        }
        self.state().log = file.map(Arc::new);
        Ok(())
    }

    /// Tells the gate how names are resolved now.
    pub(crate) fn resolve_with(&self, texts: link::Texts) {
        let _turn = self.turn();
        let gate = self.state().gate.clone();
        // One that is gone is given them when the next is started.
        let _ = gate.map(|gate| gate.ask(Order::Texts(texts), &[], ANSWERING));
    }

    /// What the gate counts; `None` while there is none that answers.
    pub(crate) fn counts(&self) -> Option<Counts> {
        let (gate, patience) = self.answering()?;
        match gate.ask(Order::Counts, &[], patience) {
            Ok((Answer::Counts(counts), _)) => Some(counts),
            _ => None,
        }
    }

    /// All metrics.
    pub(crate) fn metrics(&self) -> Option<String> {
        // One after the other, for they may be large.
        let _alone = self.metering.lock().unwrap_or_else(PoisonError::into_inner);
        let (gate, patience) = self.answering()?;
        let metrics = Metrics::new().ok()?;
        let answer = gate.ask(Order::Metrics, &[metrics.memory().as_fd()], patience);
        let Ok((Answer::Done, _)) = answer else { return None };
        let read = metrics.read().inspect_err(|error| {
            let process = gate.process.pid();
            report::error(format_args!("the metrics of the gate (process {process}) are left out: {error}"));
        });
        read.ok()
    }

    /// What is to be known of the gate.
    pub(crate) fn facts(&self) -> Facts {
        let (gate, ending, deaths) = {
            let state = self.state();
            let ending = state.ending.iter().map(|gate| gate.process.pid()).collect();
            (state.gate.clone(), ending, state.deaths.total)
        };
        let gate = gate.as_deref();
        Facts {
            process: gate.map(|gate| gate.process.pid()),
            age: gate.map_or(Duration::ZERO, |gate| gate.began.elapsed()),
            confined: gate.and_then(|gate| gate.confined.get().cloned()),
            hidden: gate.map(sight::hidden).unwrap_or_default(),
            ending,
            deaths,
        }
    }

    /// Whether a process is one of the gates, also where it is killed and has not ended yet.
    pub(crate) fn has(&self, process: u32) -> bool {
        let state = self.state();
        let mut gates = state.gate.iter().chain(&state.coming).chain(&state.ending).chain(&state.dying);
        gates.any(|gate| gate.process.pid() == process)
    }

    /// Sees that the gate answers: over a connection of its own, from this machine to itself. Where only streams are
    /// served, that it lives is all that can be seen.
    pub(crate) fn verify(&self) -> Result<(), Failure> {
        let _turn = self.turn();
        let (gate, served) = self.serving()?;
        let is_of_sites =
            |bound: &&Bound| !matches!(bound.listener.planned().speaks, Speaks::Tcp | Speaks::Udp);
        if let Some(site) = served.listeners.iter().find(is_of_sites) {
            let own = probe::listener(site.listener.planned())?;
            let mut offer = Offer::clone(&served);
            offer.listeners.insert(0, own.clone());
            start::install(&gate, &offer, Some(&served))?;
            let answered = probe::ask(own.listener.local());
            start::install(&gate, &served, Some(&offer))?;
            answered?;
        }
        match gate.ask(Order::Ping, &[], ANSWERING) {
            Ok(_) => Ok(()),
            Err(silence) => Err(Failure::refused(silence.to_string())),
        }
    }

    /// The gate, and what it serves.
    fn serving(&self) -> Result<(Arc<Conversation>, Arc<Offer>), Failure> {
        let state = self.state();
        let gate = state.gate.clone().ok_or_else(no_gate)?;
        Ok((gate, Arc::clone(&state.offer)))
    }

    /// The gate, and how long an answer from memory may take. It obeys one order after the other, and whoever asks while it
    /// takes a plan would wait for that.
    fn answering(&self) -> Option<(Arc<Conversation>, Duration)> {
        let state = self.state();
        let patience = if state.busy.is_some() { BESIDE_OTHERS } else { ANSWERING };
        Some((state.gate.clone()?, patience))
    }
}

fn no_gate() -> Failure {
    Failure::refused("no gate serves at the moment")
        .with_hint("the log says why; it is started again by itself")
}
