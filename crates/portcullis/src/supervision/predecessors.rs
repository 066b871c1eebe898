//! Gates that a former keeper left behind: found, asked who they are, and relieved of their sockets.

use super::identity::{self, Unsure};
use super::process::Process;
use super::start::PREFIX;
use super::supervisor::Predecessors;
use crate::report;
use link::{Answer, Channel, Hello, Numbered, Order, ReceiveError, Received, Told, Trust};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a gate may take to say who it is: it finishes what its former keeper asked of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take to hand over its sockets, whatever else it says meanwhile.
const LONGEST: Duration = Duration::from_secs(10);
/// How long one that is ended may take to be gone.
const DYING: Duration = Duration::from_secs(5);
/// Sockets that are taken from one gate: more than any file has listeners.
const MOST: usize = 10_000;

/// What a former keeper left.
#[derive(Debug, Default)]
pub(crate) struct Inheritance {
    /// Gates that serve, or end.
    gates: Vec<Predecessor>,
    /// Listening sockets, by the number that the kernel gave each, with the port that it was opened for.
    sockets: BTreeMap<u64, (OwnedFd, u16)>,
    /// Whether somebody was met who is no gate that can be spoken to, and could not be ended.
    is_in_part: bool,
}

impl Inheritance {
    /// Whether there is more than this, of which nobody knows what it is.
    pub(super) fn is_in_part(&self) -> bool {
        self.is_in_part
    }

    /// The gates, for who replaces them, and the sockets, for who serves them.
    pub(crate) fn split(self) -> (Predecessors, Vec<(OwnedFd, u16)>) {
        (Predecessors { gates: self.gates }, self.sockets.into_values().collect())
    }

    /// Asks somebody at the other end of a socket for the sockets of a gate.
    pub(crate) fn of_channel(channel: &Channel) -> io::Result<Self> {
        let mut inheritance = Self::default();
        let taken = take_sockets(channel, &mut inheritance.sockets);
        taken.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(inheritance)
    }
}

/// A gate of a former keeper.
#[derive(Debug)]
pub(super) struct Predecessor {
    pub(super) channel: Channel,
    pub(super) process: Process,
    pub(super) place: PathBuf,
    /// The numbers of the sockets that it has.
    pub(super) sockets: Vec<u64>,
    pub(super) hello: Hello,
}

/// Why a gate cannot be taken over.
#[derive(Debug)]
enum Unreachable {
    /// Nobody is at its socket; but one may have closed that.
    Gone,
    /// It says nothing.
    Silent,
    /// Nobody can be sure which process it is.
    Unsure(Unsure),
    /// It says something else.
    Odd(&'static str),
    /// The machine refused.
    Io(io::Error),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("nobody answers there"),
            Self::Silent => f.write_str("it does not answer"),
            Self::Unsure(unsure) => unsure.fmt(f),
            Self::Odd(what) => f.write_str(what),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<ReceiveError> for Unreachable {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Silent,
            ReceiveError::Io(error) => Self::Io(error),
            _ => Self::Odd("it says what no gate says"),
        }
    }
}

impl From<Errno> for Unreachable {
    fn from(error: Errno) -> Self {
        match error {
            Errno::CONNREFUSED | Errno::NOENT => Self::Gone,
            error => Self::Io(error.into()),
        }
    }
}

/// Looks for gates of a former keeper in the folder in which they await the next one.
pub(crate) fn find(folder: &Path) -> Inheritance {
    find_but(folder, &[])
}

/// The same, without those that are known by the names of their sockets.
pub(super) fn find_but(folder: &Path, known: &[PathBuf]) -> Inheritance {
    let mut inheritance = Inheritance::default();
    // Where the folder cannot be read, nobody left anything in it.
    let Ok(entries) = std::fs::read_dir(folder) else { return inheritance };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) || known.contains(&entry.path()) {
            continue;
        }
        match meet(&entry.path(), &mut inheritance.sockets) {
            Ok(gate) => {
                inheritance.gates.push(gate);
            }
            Err(error) => inheritance.is_in_part |= !end(&entry.path(), &error),
        }
    }
    inheritance
}

/// Ends a gate that does not speak as one: it would go on taking connections, and nobody could tell it otherwise. Answers
/// whether nothing is left of it.
fn end(path: &Path, why: &Unreachable) -> bool {
    let is_over = match (identity::of(path), why) {
        (Err(Unsure::Gone), _) | (Err(Unsure::Unnoted), Unreachable::Gone) => true,
        (Ok(process), _) => {
            let pid = process.pid();
            report::error(format_args!("the gate of a former keeper (process {pid}) is ended: {why}"));
            process.kill();
            process.is_over_within(DYING)
        }
        (Err(unsure), _) => {
            let path = path.display();
            report::error(format_args!(
                "a gate of a former keeper at {path} cannot be taken over ({why}), and not be ended: {unsure}"
            ));
            false
        }
    };
    if is_over {
        identity::forget(path);
    }
    is_over
}

fn meet(path: &Path, sockets: &mut BTreeMap<u64, (OwnedFd, u16)>) -> Result<Predecessor, Unreachable> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    let channel = Channel::new(socket, Trust::Gate);
    // Before the gate can say anything, so that the kernel names the process of its first words.
    channel.ask_for_sender().map_err(Unreachable::Io)?;
    rustix::net::connect(channel.as_fd(), &SocketAddrUnix::new(path)?)?;
    let received = hear(&channel)?;
    let Told::Hello(hello) = received.message else { return Err(Unreachable::Odd("it does not greet")) };
    // That it is the process which was noted is the keeper's word; that this one speaks here, the kernel's.
    let process = identity::of(path).map_err(Unreachable::Unsure)?;
    if received.sender.map(|sender| sender.as_raw_nonzero().get().cast_unsigned()) != Some(process.pid()) {
        return Err(Unreachable::Odd("somebody else speaks in its place"));
    }
    // Those of one that breaks off are nobody's.
    let mut held = BTreeMap::new();
    if !hello.draining {
        take_sockets(&channel, &mut held)?;
    }
    let numbers = held.keys().copied().collect();
    for (number, socket) in held {
        sockets.entry(number).or_insert(socket);
    }
    set_socket_timeout(channel.as_fd(), Timeout::Recv, None)?;
    Ok(Predecessor { channel, process, place: path.to_owned(), sockets: numbers, hello })
}

/// What a gate says next, which has the bounds that everything has.
fn hear(channel: &Channel) -> Result<Received<Told>, Unreachable> {
    let received = channel.receive::<Told>()?.ok_or(Unreachable::Odd("it hangs up"))?;
    received.message.check().map_err(Unreachable::Odd)?;
    Ok(received)
}

fn take_sockets(channel: &Channel, sockets: &mut BTreeMap<u64, (OwnedFd, u16)>) -> Result<(), Unreachable> {
    let (mut after, begun) = (0, Instant::now());
    loop {
        let order = Numbered { number: after, order: Order::Sockets { after } };
        channel.send(&order, &[]).map_err(|error| Unreachable::Io(io::Error::other(error.to_string())))?;
        let (held, came) = loop {
            let received = hear(channel)?;
            if begun.elapsed() > LONGEST || sockets.len() > MOST {
                return Err(Unreachable::Odd("it does not come to an end with its sockets"));
            }
            // What it tells the operator meanwhile stands in the access log.
            if let Told::Answer { answer: Answer::Sockets(held), .. } = received.message {
                break (held, received.descriptors);
            }
        };
        let Some(last) = held.last() else { return Ok(()) };
        if held.len() != came.len() || last.number <= after {
            return Err(Unreachable::Odd("its sockets are not what it says"));
        }
        after = last.number;
        for (held, socket) in held.into_iter().zip(came) {
            sockets.entry(held.number).or_insert((socket, held.port));
        }
    }
}
