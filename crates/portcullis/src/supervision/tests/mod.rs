//! A keeper and a gate that is in the hands of somebody else: a thread has the gate's end of the socket, and a process that
//! sleeps stands for the gate's.

#![expect(clippy::panic, reason = "tests")]

mod conversation;
mod predecessors;
mod supervisor;

use super::Asked;
use super::conversation::{Conversation, Ears, Event, Silence};
use super::process::Process;
use link::{Answer, Channel, Numbered, Order, Told, Trust};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::Pid;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// What a keeper has of a gate, and the gate's end of the socket.
struct Bench {
    gate: Arc<Conversation>,
    theirs: Theirs,
    sleeper: Sleeper,
    ears: Ears,
    events: Receiver<Event>,
    notices: Receiver<String>,
    asks: Receiver<Asked>,
}

/// The gate's end.
struct Theirs(Arc<OwnedFd>);

impl Bench {
    fn new() -> Self {
        let sleeper = Sleeper::new();
        let (channel, theirs) = Channel::pair().expect("a socket");
        let (heard, events) = sync_channel(64);
        let (told, notices) = sync_channel(64);
        let (asked, asks) = sync_channel(64);
        let ears = Ears { events: heard, notices: told, asks: asked };
        let place = PathBuf::from("/nonexistent");
        let gate = Conversation::begin(sleeper.process(), channel, place, ears.clone());
        let gate = gate.expect("a conversation");
        Self { gate, theirs: Theirs(Arc::new(theirs)), sleeper, ears, events, notices, asks }
    }

    /// Waits until the gate is ended, and for the keeper to know.
    fn ends(mut self) {
        let Event::Gone(gone) = self.events.recv_timeout(LONG).expect("the gate is ended");
        assert!(Arc::ptr_eq(&gone, &self.gate));
        self.sleeper.is_killed();
        let asked = self.gate.ask(Order::Ping, &[], LONG);
        assert_eq!(asked.expect_err("nobody answers"), Silence::Gone);
    }

    /// Whether the gate is still spoken to.
    fn lives(&self) {
        let (_, answer) = self.gate.tell(Order::Ping, &[]).expect("room");
        let number = self.theirs.number();
        self.theirs.tell(&Told::Answer { number, answer: Answer::Done });
        assert!(matches!(answer.recv_timeout(LONG), Ok((Answer::Done, _))));
    }
}

/// What stands for the process of a gate.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("a process"))
    }

    fn process(&self) -> Process {
        let process = Pid::from_raw(self.0.id().cast_signed()).expect("a number");
        Process::by_number(process).expect("a process that runs")
    }

    /// Waits for its end, which it does not come to by itself.
    fn is_killed(&mut self) {
        assert_eq!(self.0.wait().expect("our child").signal(), Some(9));
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("our child").is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Theirs {
    /// Sends bytes as they are.
    fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(250))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        assert!(descriptors.is_empty() || beside.push(SendAncillaryMessage::ScmRights(descriptors)));
        let parts = [IoSlice::new(bytes)];
        // The keeper may have ended this conversation already.
        let _ = rustix::net::sendmsg(&*self.0, &parts, &mut beside, SendFlags::NOSIGNAL);
    }

    fn tell(&self, told: &Told) {
        self.send(&packet(told), &[]);
    }

    /// The next order that is no answer to something asked.
    fn order(&self) -> Numbered {
        let channel = Channel::new(self.0.try_clone().expect("a descriptor"), Trust::Keeper);
        loop {
            let received = channel.receive::<Numbered>().expect("an order").expect("a keeper");
            if !matches!(received.message.order, Order::Answered { .. }) {
                return received.message;
            }
        }
    }

    fn number(&self) -> u64 {
        self.order().number
    }
}

fn packet(told: &Told) -> Vec<u8> {
    [&b"PL\x01\x00"[..], &link::encode(told)].concat()
}
