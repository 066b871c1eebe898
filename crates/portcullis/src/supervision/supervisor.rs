//! Keeping a gate running: it serves what it is offered, and is replaced when it dies.

use super::asks::Asked;
use super::conversation::{Conversation, Ears, Event, Silence};
use super::offer::{self, Bound, Offer};
use super::predecessors::{Predecessor, find_but};
use super::probe;
use super::sight;
use super::start::{self, STARTING};
use crate::failure::Failure;
use crate::report;
use certs::Serving;
use gate::Speaks;
use link::{Answer, Counts, Order, PROTOCOL, Patience};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// For what a gate answers from memory.
const ANSWERING: Duration = Duration::from_secs(5);
/// Between two looks whether it lives, and whether its folders are those that it sees.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long a gate may be silent before it counts as stuck. It is not asked while it takes a plan or certificates, and
/// everything else it answers from memory: this is for a machine that is out of breath.
const STUCK: Duration = Duration::from_secs(5);
/// The longest that looking after it once can take: it is asked, is found to be stuck, and another one is started.
const LONGEST_TURN: Duration = Duration::from_secs(STARTING.as_secs() + 3 * STUCK.as_secs());
/// Beyond the time that its connections have, until an ending gate is cut off.
const LEAVING: Duration = Duration::from_secs(5);
/// A gate that served for so long is no part of a crash loop: what ends one now and then must not keep the next one away.
const STEADY: Duration = Duration::from_secs(2);
/// How long a killed gate may take to be gone.
const DYING: Duration = Duration::from_secs(1);
/// Deaths within this time are one crash loop.
const LOOP: Duration = Duration::from_secs(60);
/// Deaths that are answered at once.
const AT_ONCE: usize = 5;
/// The longest pause between a death and the next start.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Bytes of all metrics at most.
const LARGEST_METRICS: usize = 64 << 20;
/// What a gate may have told and asked before somebody listens.
const WAITING: usize = 64;

/// How gates are started.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The program.
    pub(crate) program: OsString,
    /// Which build it is.
    pub(crate) build: String,
    /// Threads that serve.
    pub(crate) threads: usize,
    /// Where gates await a later keeper.
    pub(crate) folder: PathBuf,
    /// Whom a gate becomes, where this keeper is root.
    pub(crate) account: Option<confine::Account>,
}

impl Settings {
    /// How a gate is confined that serves this.
    pub(super) fn cage(&self, offer: &Offer) -> confine::Cage {
        confine::Cage { account: self.account.clone(), shown: sight::of(offer), ..confine::Cage::default() }
    }
}

/// Gates of a former keeper.
#[derive(Debug, Default)]
pub(crate) struct Predecessors {
    pub(super) gates: Vec<Predecessor>,
}

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

/// Keeps a gate running.
#[derive(Debug)]
pub(crate) struct Supervisor {
    settings: Settings,
    ears: Ears,
    state: Mutex<State>,
    /// When the gate was looked after last.
    looked: Mutex<Instant>,
    /// Whether no gate of a former keeper was there when this began.
    is_first: bool,
}

#[derive(Debug)]
struct State {
    gate: Option<Arc<Conversation>>,
    ending: Vec<Arc<Conversation>>,
    offer: Offer,
    log: Option<File>,
    /// When gates died lately.
    deaths: VecDeque<Instant>,
    /// The last of them whose pause was told.
    told: Option<Instant>,
    dead: u64,
    /// Whether the service ends, so that nothing is replaced.
    is_over: bool,
}

/// What comes out of a supervisor.
pub(crate) struct Heard {
    /// What the gate tells the operator.
    pub(crate) notices: Receiver<String>,
    /// What it asks for.
    pub(crate) asks: Receiver<Asked>,
}

impl Supervisor {
    /// Starts a gate that serves an offer, and keeps it running from now on. One of a former keeper that is of the same
    /// build goes on; all others end once another serves.
    pub(crate) fn start(
        settings: Settings,
        offer: Offer,
        log: Option<File>,
        predecessors: Predecessors,
    ) -> Result<(Arc<Self>, Heard), Failure> {
        let (events, happened) = sync_channel(WAITING);
        let (notices, told) = sync_channel(WAITING);
        let (asks, asked) = sync_channel(WAITING);
        let ears = Ears { events, notices, asks };
        let (same, mut others): (Vec<_>, Vec<_>) = predecessors.gates.into_iter().partition(|gate| {
            let hello = &gate.hello;
            hello.protocol == PROTOCOL && hello.build == settings.build && !hello.draining
        });
        let mut same = same.into_iter();
        let adopted = same.next().and_then(|former| {
            let pid = former.process.pid();
            let adopted = start::adopt(&settings, ears.clone(), &offer, former);
            let adopted = adopted.and_then(|gate| match serve(&gate, &offer, log.as_ref()) {
                Ok(()) => Ok(gate),
                Err(failure) => {
                    // One that does not obey would go on taking connections.
                    gate.end();
                    Err(failure)
                }
            });
            match adopted {
                Ok(gate) => {
                    report::info(format_args!("the gate of the former keeper serves on (process {pid})"));
                    Some(gate)
                }
                Err(failure) => {
                    report::warning(format_args!("{}; another gate replaces it", failure.reason));
                    None
                }
            }
        });
        others.extend(same);
        let is_first = adopted.is_none() && others.is_empty();
        let gate = match adopted {
            Some(gate) => gate,
            None => bring_up(&settings, &ears, &offer, log.as_ref())?,
        };
        let ending = others.into_iter().filter_map(|former| send_off(former, &ears, &offer)).collect();
        let deaths = VecDeque::new();
        let state =
            State { gate: Some(gate), ending, offer, log, deaths, told: None, dead: 0, is_over: false };
        let supervisor = Arc::new(Self {
            settings,
            ears,
            state: Mutex::new(state),
            looked: Mutex::new(Instant::now()),
            is_first,
        });
        let theirs = Arc::downgrade(&supervisor);
        let thread = std::thread::Builder::new().name("supervisor".to_owned());
        let started = thread.spawn(move || supervise(&theirs, &happened));
        started.map_err(|error| Failure::refused(format!("no thread for the gate: {error}")))?;
        Ok((supervisor, Heard { notices: told, asks: asked }))
    }

    /// Serves something else from now on. Where the gate refuses, what it served stays.
    pub(crate) fn install(&self, offer: Offer) -> Result<(), Failure> {
        let mut state = self.state();
        let gate = state.gate.clone().ok_or_else(no_gate)?;
        start::install(&gate, &offer, Some(&state.offer))?;
        state.offer = offer;
        Ok(())
    }

    /// Serves other certificates from now on.
    pub(crate) fn certify(&self, serving: &Arc<Serving>) {
        let mut state = self.state();
        if Arc::ptr_eq(&state.offer.serving, serving) {
            return;
        }
        let change = offer::change(state.offer.serving.change_to(serving));
        state.offer.serving = Arc::clone(serving);
        // One that is started later is given them then.
        let Some(gate) = &state.gate else { return };
        if let Err(silence) = gate.certificates(change, STARTING) {
            report::error(format_args!("the gate did not take its new certificates: {silence}"));
            gate.kill();
        }
    }

    /// Writes the access log to something else from now on.
    pub(crate) fn log(&self, file: Option<File>) -> Result<(), Failure> {
        let mut state = self.state();
        if let Some(gate) = &state.gate {
            start::log(gate, file.as_ref())?;
        }
        state.log = file;
        Ok(())
    }

    /// Tells the gate how names are resolved now.
    pub(crate) fn resolve_with(&self, texts: link::Texts) {
        let gate = self.state().gate.clone();
        // One that is gone is given them when the next is started.
        let _ = gate.map(|gate| gate.ask(Order::Texts(texts), &[], ANSWERING));
    }

    /// What the gate counts; `None` while there is none that answers.
    pub(crate) fn counts(&self) -> Option<Counts> {
        let gate = self.state().gate.clone()?;
        match gate.ask(Order::Counts, &[], ANSWERING) {
            Ok((Answer::Counts(counts), _)) => Some(counts),
            _ => None,
        }
    }

    /// All metrics.
    pub(crate) fn metrics(&self) -> Option<String> {
        let gate = self.state().gate.clone()?;
        let memory = link::memory().ok()?;
        match gate.ask(Order::Metrics, &[memory.as_fd()], ANSWERING) {
            Ok((Answer::Done, _)) => {
                let bytes = link::read_memory(&memory, LARGEST_METRICS).ok()?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => None,
        }
    }

    /// What is to be known of the gate.
    pub(crate) fn facts(&self) -> Facts {
        let state = self.state();
        let gate = state.gate.as_ref();
        Facts {
            process: gate.map(|gate| gate.process.pid()),
            age: gate.map_or(Duration::ZERO, |gate| gate.began.elapsed()),
            confined: gate.and_then(|gate| gate.confined.get().cloned()),
            hidden: gate.map(|gate| sight::hidden(gate)).unwrap_or_default(),
            ending: state.ending.iter().map(|gate| gate.process.pid()).collect(),
            deaths: state.dead,
        }
    }

    /// Sees that the gate answers: over a connection of its own, from this machine to itself. Where only streams are
    /// served, that it lives is all that can be seen.
    pub(crate) fn verify(&self) -> Result<(), Failure> {
        let state = self.state();
        let gate = state.gate.clone().ok_or_else(no_gate)?;
        let is_of_sites =
            |bound: &&Bound| !matches!(bound.listener.planned().speaks, Speaks::Tcp | Speaks::Udp);
        if let Some(site) = state.offer.listeners.iter().find(is_of_sites) {
            let own = probe::listener(site.listener.planned())?;
            let mut offer = state.offer.clone();
            offer.listeners.insert(0, own.clone());
            start::install(&gate, &offer, Some(&state.offer))?;
            let answered = probe::ask(own.listener.local());
            start::install(&gate, &state.offer, Some(&offer))?;
            answered?;
        }
        match gate.ask(Order::Ping, &[], ANSWERING) {
            Ok(_) => Ok(()),
            Err(silence) => Err(Failure::refused(silence.to_string())),
        }
    }

    /// Has gates end that somebody left in our folder and nobody took over.
    pub(crate) fn dismiss_strangers(&self) {
        let mut state = self.state();
        let known: Vec<PathBuf> =
            state.gate.iter().chain(&state.ending).map(|gate| gate.place.clone()).collect();
        let (predecessors, _) = find_but(&self.settings.folder, &known).split();
        let ending =
            predecessors.gates.into_iter().filter_map(|gate| send_off(gate, &self.ears, &state.offer));
        let ending: Vec<_> = ending.collect();
        state.ending.extend(ending);
    }

    /// Whether the gate answers, or is being replaced.
    pub(crate) fn is_well(&self) -> bool {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < LONGEST_TURN
    }

    /// Leaves the gate without a keeper: another one takes it over.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.gate = None;
        state.ending.clear();
    }

    /// Ends the service: no new connections, the open ones have so long. Answers how many were cut.
    pub(crate) fn end(&self, total: Duration) -> u64 {
        let (gate, ending) = {
            let mut state = self.state();
            state.is_over = true;
            // Nobody may connect to what is still open here once the gate takes no more.
            state.offer.listeners.clear();
            (state.gate.take(), std::mem::take(&mut state.ending))
        };
        let deadline = Instant::now() + total;
        let cut = gate.map_or(0, |gate| drain(&gate, total));
        for former in ending {
            // It has longer from its own keeper, and as long as everybody from who ends the service.
            former.process.is_over_within(deadline.saturating_duration_since(Instant::now()));
            former.end();
        }
        cut
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A gate is gone.
    fn bury(&self, gone: &Arc<Conversation>) {
        let was_serving = {
            let mut state = self.state();
            state.ending.retain(|gate| !Arc::ptr_eq(gate, gone));
            let was_serving =
                state.gate.as_ref().is_some_and(|gate| Arc::ptr_eq(gate, gone)) && !state.is_over;
            if was_serving {
                state.gate = None;
                state.dead += 1;
                if gone.began.elapsed() < STEADY {
                    state.deaths.push_back(Instant::now());
                }
            }
            was_serving
        };
        // One that waits for a disk cannot be ended before that; another one serves meanwhile.
        let how = if gone.process.is_over_within(DYING) {
            gone.process.end().unwrap_or_else(|| "it was not this keeper's child".to_owned())
        } else {
            "it was killed, and has not ended yet".to_owned()
        };
        if !was_serving {
            return;
        }
        report::error(format_args!("the gate (process {}) died: {how}", gone.process.pid()));
    }

    /// Starts a gate where there should be one. Answers how long to wait before it is tried again.
    fn replace(&self) -> Option<Duration> {
        let mut state = self.state();
        if state.is_over || state.gate.is_some() {
            return None;
        }
        while state.deaths.front().is_some_and(|death| death.elapsed() > LOOP) {
            state.deaths.pop_front();
        }
        if let Some(pause) = pause(state.deaths.len())
            && let Some(rest) = state.deaths.back().and_then(|last| pause.checked_sub(last.elapsed()))
            && !rest.is_zero()
        {
            if state.told != state.deaths.back().copied() {
                state.told = state.deaths.back().copied();
                report::error(format_args!(
                    "the gate died {} times in a row; the next one is started in {:.1} s",
                    state.deaths.len(),
                    rest.as_secs_f32()
                ));
            }
            return Some(rest);
        }
        match bring_up(&self.settings, &self.ears, &state.offer, state.log.as_ref()) {
            Ok(gate) => {
                report::info(format_args!("another gate serves (process {})", gate.process.pid()));
                state.gate = Some(gate);
                None
            }
            Err(failure) => {
                report::error(format_args!("{}; it is tried again", failure.reason));
                state.deaths.push_back(Instant::now());
                Some(Duration::ZERO)
            }
        }
    }

    /// Has the gate see what lies at its folders now. Asks whether it lives, and ends it where it does not say so.
    fn look(&self) {
        // Held all the while: an order that takes long is not silence.
        let state = self.state();
        for gate in &state.ending {
            if gate.deadline.get().is_some_and(|deadline| Instant::now() >= *deadline) {
                gate.kill();
            }
        }
        let Some(gate) = state.gate.clone() else { return };
        sight::refresh(&gate);
        let answer = gate.ask(Order::Ping, &[], STUCK);
        // Of one that is gone its event says how.
        if answer.is_err_and(|silence| silence != Silence::Gone) {
            report::error(format_args!(
                "the gate (process {}) has not answered for {} s and is ended",
                gate.process.pid(),
                STUCK.as_secs()
            ));
            gate.kill();
        }
    }
}

/// How long to wait after so many deaths within a minute.
fn pause(deaths: usize) -> Option<Duration> {
    let doubled = u32::try_from(deaths.checked_sub(AT_ONCE)?).unwrap_or(u32::MAX).min(16);
    (doubled > 0).then(|| Duration::from_millis(250 << doubled).min(LONGEST_PAUSE))
}

fn bring_up(
    settings: &Settings,
    ears: &Ears,
    offer: &Offer,
    log: Option<&File>,
) -> Result<Arc<Conversation>, Failure> {
    offer.listeners.iter().for_each(Bound::revive);
    let gate = start::start(settings, ears.clone(), offer)?;
    match serve(&gate, offer, log) {
        Ok(()) => Ok(gate),
        Err(failure) => {
            gate.kill();
            Err(failure)
        }
    }
}

/// Has a gate serve an offer, of which it knows nothing yet.
fn serve(gate: &Conversation, offer: &Offer, log: Option<&File>) -> Result<(), Failure> {
    start::log(gate, log)?;
    start::install(gate, offer, None)
}

/// Has a gate of a former keeper end, now that another one has its sockets.
fn send_off(former: Predecessor, ears: &Ears, offer: &Offer) -> Option<Arc<Conversation>> {
    let pid = former.process.pid();
    if !former.hello.draining {
        report::info(format_args!("the former gate ends with its connections (process {pid})"));
    }
    let gate = Conversation::begin(former.process, former.channel, former.place, ears.clone()).ok()?;
    gate.ending.store(true, Ordering::Relaxed);
    let total = offer.edition.plan.limits.handover_timeout;
    let _ = gate.deadline.set(Instant::now() + total + LEAVING);
    // One that ends already was told by its own keeper; what it has beyond that is bounded here.
    let told = gate.tell(Order::Drain(Patience { total, handed_over: true }), &[]);
    if told.is_err() {
        gate.kill();
    }
    Some(gate)
}

/// Ends a gate with what it serves. Answers how many connections were cut.
fn drain(gate: &Conversation, total: Duration) -> u64 {
    gate.ending.store(true, Ordering::Relaxed);
    let order = Order::Drain(Patience { total, handed_over: false });
    let cut = match gate.ask(order, &[], total + LEAVING) {
        Ok((Answer::Drained { cut }, _)) => cut,
        _ => 0,
    };
    gate.end();
    cut
}

impl Drop for Supervisor {
    /// A gate that was started here and whose keeper comes to no beginning ends with it. One that served before goes on,
    /// and so does one that a former program takes over.
    fn drop(&mut self) {
        if self.is_first && !self.state().is_over {
            self.end(Duration::ZERO);
        }
    }
}

fn no_gate() -> Failure {
    Failure::refused("no gate serves at the moment")
        .with_hint("the log says why; it is started again by itself")
}

/// Looks after the gate for as long as there is a supervisor.
fn supervise(supervisor: &Weak<Supervisor>, happened: &Receiver<Event>) {
    let mut wait = BETWEEN_LOOKS;
    loop {
        let event = happened.recv_timeout(wait);
        let Some(supervisor) = supervisor.upgrade() else { return };
        match event {
            Ok(Event::Gone(gate)) => supervisor.bury(&gate),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        supervisor.look();
        *supervisor.looked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        wait = supervisor.replace().map_or(BETWEEN_LOOKS, |pause| pause.min(BETWEEN_LOOKS));
    }
}
