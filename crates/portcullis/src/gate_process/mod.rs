//! The process that faces the network: it obeys its keeper, through one socket, and asks nobody else for anything.
//!
//! A keeper that dies leaves the gate serving. The next one comes through the socket that was made for it, and finds
//! the gate as it is.

mod content;
mod obey;
mod orphan;
mod sockets;
mod voice;
mod watchdog;

use crate::failure::{Exit, Failure};
use crate::run::hold_signals;
use content::Shelf;
use gate::{AccessLog, Gate};
use link::{Answer, Channel, Hello, Order, Told, Trust};
use model::plan::Edition;
use obey::Obeyed;
use orphan::Rendezvous;
use sockets::Held;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// What lists of processes and sockets call it: 15 bytes, the most that there is room for.
const NAME: &CStr = c"portcullis-gate";

/// Everything that the gate has.
struct Process {
    hello: Hello,
    threads: usize,
    shelf: Shelf,
    held: Held,
    log: AccessLog,
    /// None until there is something to serve.
    gate: Option<Gate>,
    texts: link::Texts,
    /// What it serves, as the keeper numbered it.
    edition: Edition,
    /// How it is confined.
    report: confine::Report,
    /// To whom the gate's threads speak.
    voice: Arc<voice::Voice>,
    /// Where the next keeper comes to.
    rendezvous: Arc<Rendezvous>,
}

/// Runs the gate of the keeper at standard input, until it is told to end.
pub(crate) fn run() -> Result<Exit, Failure> {
    // Lists of processes and sockets would name it by the link that it was started through.
    let _ = rustix::thread::set_name(NAME);
    confine::close_inherited()
        .map_err(|error| Failure::refused(format!("inherited files stay open: {error}")))?;
    // A terminal sends its signals to every process of the group; ending is the keeper's decision.
    hold_signals().map_err(|error| Failure::refused(format!("no signals: {error}")))?;
    let socket = std::io::stdin().as_fd().try_clone_to_owned();
    let socket = socket.map_err(|error| Failure::refused(format!("no keeper: {error}")))?;
    let mut channel = Arc::new(Channel::new(socket, Trust::Keeper));
    let Some(mut process) = begin(&channel)? else { return Ok(Exit::Done) };
    loop {
        if let Obeyed::Ended = process.obey(&channel) {
            return Ok(Exit::Done);
        }
        // The keeper is gone. Whoever comes next is its successor.
        process.voice.silence();
        channel = Arc::new(process.rendezvous.wait()?);
        process.voice.speak_to(Arc::clone(&channel));
        if channel.send(&Told::Hello(process.hello.clone()), &[]).is_err() {
            channel.close();
        }
    }
}

/// Takes the first order, which says how to run.
fn begin(channel: &Arc<Channel>) -> Result<Option<Process>, Failure> {
    let refused = |reason: &str| Failure::refused(format!("this command is for the keeper alone: {reason}"));
    let first = channel.receive::<link::Numbered>().map_err(|error| refused(&error.to_string()))?;
    let Some(first) = first else { return Ok(None) };
    let Order::Start(start) = first.message.order else { return Err(refused("it is not told how to run")) };
    if start.protocol != link::PROTOCOL {
        return Err(refused("the keeper is of another build"));
    }
    let [rendezvous]: [OwnedFd; 1] =
        first.descriptors.try_into().map_err(|_| refused("there is no socket for a later keeper"))?;
    let rendezvous = Arc::new(Rendezvous::new(rendezvous, start.keeper));
    let report = confine::enter(&start.cage).map_err(|error| {
        let reason = format!("the gate cannot be confined: {error}");
        let refused = Answer::Refused(link::Refusal { reason: reason.clone() });
        let _ = channel.send(&Told::Answer { number: first.message.number, answer: refused }, &[]);
        Failure::refused(reason)
    })?;
    let log = AccessLog::start(None).map_err(|error| refused(&error.to_string()))?;
    let shelf = Shelf::new().map_err(|error| refused(&error.to_string()))?;
    let voice = Arc::new(voice::Voice::new(Arc::clone(channel)));
    let process = Process {
        hello: Hello { protocol: link::PROTOCOL, build: start.build, draining: false },
        threads: usize::from(start.threads),
        shelf,
        held: Held::default(),
        log,
        gate: None,
        texts: start.texts,
        edition: Edition::default(),
        report: report.clone(),
        voice,
        rendezvous,
    };
    let started = Told::Answer { number: first.message.number, answer: Answer::started(report) };
    // A keeper that is gone already is found to be when the next order is awaited.
    let _ = channel.send(&started, &[]);
    Ok(Some(process))
}
