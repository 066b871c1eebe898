//! Bringing up a gate: the process, the sockets, what it serves.

use super::conversation::{Conversation, Ears, Silence};
use super::identity;
use super::offer::Offer;
use super::predecessors::Predecessor;
use super::process::Process;
use super::settings::Settings;
use super::sight;
use crate::failure::Failure;
use link::{Answer, Channel, Order, PROTOCOL, Start};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::thread::CapabilitySet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// To start, and to take what it is to serve: ten thousand sites on a busy machine.
pub(super) const STARTING: Duration = Duration::from_secs(60);
/// For what needs no more of a gate than that it takes it.
pub(super) const TAKING: Duration = Duration::from_secs(10);
/// Sockets in one message.
const AT_ONCE: usize = 100;
/// What sockets for later keepers are called.
pub(super) const PREFIX: &str = "gate-";

/// Starts a gate that awaits a later keeper at this place, and serves nothing yet. It is announced before it is told anything; where it is not wanted any more, it
/// is not told anything, and ends.
pub(super) fn start(
    settings: &Settings,
    ears: Ears,
    offer: &Offer,
    place: &Path,
    announce: impl FnOnce(&Arc<Conversation>) -> bool,
) -> Result<Arc<Conversation>, Failure> {
    let refused = |error: io::Error| Failure::refused(format!("the gate cannot be started: {error}"));
    let (channel, theirs) = Channel::pair().map_err(refused)?;
    let rendezvous = rendezvous(place).map_err(refused)?;
    let process = Process::spawn(&settings.program, theirs).inspect_err(|_| {
        // Nobody comes to it.
        identity::forget(place);
    })?;
    identity::note(place, &process).map_err(refused).inspect_err(|_| {
        process.kill();
        identity::forget(place);
    })?;
    let begun = Conversation::begin(process, channel, place.to_owned(), ears);
    let gate = begun.map_err(refused).inspect_err(|_| identity::forget(place))?;
    if !announce(&gate) {
        gate.kill();
        return Err(Failure::refused("the gate is not needed any more"));
    }
    let cage = settings.cage(offer);
    let order = Order::Start(Start {
        cage: cage.clone(),
        protocol: PROTOCOL,
        build: settings.build.clone(),
        keeper: rustix::process::geteuid().as_raw(),
        threads: u16::try_from(settings.threads).unwrap_or(u16::MAX),
        texts: super::resolver_texts(),
    });
    match gate.ask(order, &[rendezvous.as_fd()], STARTING) {
        Ok((Answer::Started(report), _)) => {
            sight::begin(&gate, &cage, offer, &report);
            let _ = gate.confined.set(report);
            Ok(gate)
        }
        other => {
            gate.kill();
            let failure = Failure::refused(format!("the gate did not start: {}", reason(other)));
            Err(if settings.account.is_some() && !may_become_another() {
                failure.with_hint(
                    "root without the capabilities SETUID and SETGID cannot have the gate become a user of its own: \
                     give it both, or run `portcullis up` as a user that is not root",
                )
            } else {
                failure
            })
        }
    }
}

/// Whether a child of this process may become another user (capabilities(7)).
fn may_become_another() -> bool {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// Takes over a gate of a former keeper that is of the same build; it serves what it served.
pub(super) fn adopt(
    settings: &Settings,
    ears: Ears,
    offer: &Offer,
    former: Predecessor,
) -> Result<Arc<Conversation>, Failure> {
    let failed = |reason: String| Failure::refused(format!("the former gate cannot be taken over: {reason}"));
    let gate = Conversation::begin(former.process, former.channel, former.place, ears)
        .map_err(|error| failed(error.to_string()))?;
    let report = match gate.ask(Order::Confinement, &[], TAKING) {
        Ok((Answer::Started(report), _)) => report,
        other => {
            gate.end();
            return Err(failed(reason(other)));
        }
    };
    gate.taken().extend(former.sockets);
    sight::begin(&gate, &settings.cage(offer), offer, &report);
    sight::refresh(&gate);
    let _ = gate.confined.set(report);
    Ok(gate)
}

/// Has a gate serve something else than it did before, if it did. What it serves stays where it refuses.
pub(super) fn install(gate: &Conversation, offer: &Offer, before: Option<&Offer>) -> Result<(), Failure> {
    let unsure = |silence: String| {
        // Nobody knows what it serves; the next one serves what this keeper offers.
        gate.kill_unless_ending();
        Failure::refused(silence)
    };
    hand_over_sockets(gate, offer).map_err(|silence| unsure(silence.to_string()))?;
    sight::show(gate, offer);
    let order = Order::Install(Box::new(offer.install(before)));
    match gate.ask(order, &[], STARTING) {
        Ok((Answer::Done, _)) => {
            let kept = offer.listeners.iter().flat_map(|bound| &bound.numbers).copied().collect();
            *gate.taken() = kept;
            sight::hide(gate, offer);
            Ok(())
        }
        Ok((Answer::Refused(refusal), _)) => Err(Failure::no(refusal.reason)),
        other => Err(unsure(reason(other))),
    }
}

/// Has a gate write its access log to this, or to nothing.
pub(super) fn log(gate: &Conversation, file: Option<&File>) -> Result<(), Failure> {
    let descriptors: Vec<BorrowedFd<'_>> = file.iter().map(|file| file.as_fd()).collect();
    match gate.ask(Order::Log, &descriptors, TAKING) {
        Ok((Answer::Done, _)) => Ok(()),
        Ok((Answer::Refused(refusal), _)) => Err(Failure::no(refusal.reason)),
        other => Err(Failure::refused(reason(other))),
    }
}

fn hand_over_sockets(gate: &Conversation, offer: &Offer) -> Result<(), Silence> {
    let mut taken = gate.taken();
    let all = offer.listeners.iter().flat_map(|bound| {
        bound.numbers.iter().copied().zip(bound.listener.descriptors()).collect::<Vec<_>>()
    });
    let missing: Vec<(u64, BorrowedFd<'_>)> = all.filter(|(number, _)| !taken.contains(number)).collect();
    for some in missing.chunks(AT_ONCE) {
        let (numbers, descriptors): (Vec<u64>, Vec<BorrowedFd<'_>>) = some.iter().copied().unzip();
        let order = Order::Take(numbers.clone());
        match gate.ask(order, &descriptors, TAKING)? {
            (Answer::Done, _) => taken.extend(numbers),
            _ => return Err(Silence::Unsent("it does not take its sockets".to_owned())),
        }
    }
    Ok(())
}

fn reason(answer: Result<(Answer, Vec<OwnedFd>), Silence>) -> String {
    match answer {
        Ok((Answer::Refused(refusal), _)) => refusal.reason,
        Ok(_) => "it answers something else than it was asked".to_owned(),
        Err(silence) => silence.to_string(),
    }
}

/// A name for a socket on which a gate awaits a later keeper. It says nothing; who finds it asks.
pub(super) fn place(folder: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    folder.join(format!("{PREFIX}{:x}", now.as_nanos()))
}

fn rendezvous(place: &Path) -> io::Result<OwnedFd> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(place)?)?;
    rustix::net::listen(&socket, 4)?;
    Ok(socket)
}
