//! Gates that a former keeper left behind and that are in the hands of somebody else.

use super::{LONG, Sleeper};
use crate::supervision::identity;
use crate::supervision::orphans;
use crate::supervision::predecessors::find;
use link::{Answer, Channel, Hello, Numbered, PROTOCOL, Told, Trust};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::Folder;

/// A socket in a folder, with a process that is noted for it.
struct Left {
    folder: Folder,
    place: PathBuf,
    sleeper: Sleeper,
}

impl Left {
    fn new() -> Self {
        let folder = Folder::new();
        let place = folder.join("gate-1");
        let sleeper = Sleeper::new();
        identity::note(&place, &sleeper.process()).expect("a note");
        Self { folder, place, sleeper }
    }

    /// Sees that it is ended, and that nothing is left of it.
    fn ends(mut self) {
        let found = find(self.folder.path());
        assert!(!found.is_in_part());
        let (gates, sockets) = found.split();
        assert!(gates.gates.is_empty() && sockets.is_empty());
        self.sleeper.is_killed();
        assert_eq!(std::fs::read_dir(self.folder.path()).expect("a folder").count(), 0);
    }
}

pub(super) fn listen(place: &Path) -> OwnedFd {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    rustix::net::bind(&socket, &SocketAddrUnix::new(place).expect("a name")).expect("a socket");
    rustix::net::listen(&socket, 4).expect("a socket");
    socket
}

/// Somebody who comes to the socket is spoken to like this.
fn speak(place: &Path, speak: impl FnOnce(Channel) + Send + 'static) -> std::thread::JoinHandle<()> {
    let socket = listen(place);
    std::thread::spawn(move || {
        let came = rustix::net::accept_with(&socket, SocketFlags::CLOEXEC).expect("a keeper");
        speak(Channel::new(came, Trust::Keeper));
    })
}

fn hello() -> Told {
    Told::Hello(Hello { protocol: PROTOCOL, build: "this".to_owned(), draining: false })
}

#[test]
fn one_that_says_nothing_is_ended() {
    let left = Left::new();
    let _socket = listen(&left.place);
    left.ends();
}

#[test]
fn one_that_closed_its_socket_is_ended() {
    let left = Left::new();
    drop(listen(&left.place));
    left.ends();
}

#[test]
fn one_that_hangs_up_is_ended() {
    let left = Left::new();
    let gate = speak(&left.place, drop);
    left.ends();
    gate.join().expect("the gate");
}

#[test]
fn one_that_does_not_greet_is_ended() {
    let left = Left::new();
    let gate = speak(&left.place, |channel| {
        channel.send(&Told::Notice("x".to_owned()), &[]).expect("a keeper");
        let _ = channel.receive::<Numbered>();
    });
    left.ends();
    gate.join().expect("the gate");
}

#[test]
fn one_in_whose_place_another_process_speaks_is_ended() {
    let left = Left::new();
    // It is this process that speaks, and not the one that was noted.
    let gate = speak(&left.place, |channel| {
        channel.send(&hello(), &[]).expect("a keeper");
        let _ = channel.receive::<Numbered>();
    });
    left.ends();
    gate.join().expect("the gate");
}

#[test]
fn one_of_which_nobody_knows_which_process_it_is_is_left_and_told() {
    let folder = Folder::new();
    let _socket = listen(&folder.join("gate-1"));
    assert!(find(folder.path()).is_in_part());
    assert!(!orphans::end(folder.path(), Duration::ZERO, LONG), "nobody says that it has ended");
}

#[test]
fn one_that_speaks_as_it_should_is_taken_over() {
    let folder = Folder::new();
    let place = folder.join("gate-1");
    let own = rustix::process::getpid();
    identity::note(&place, &crate::supervision::process::Process::by_number(own).expect("it runs"))
        .expect("a note");
    let gate = speak(&place, |channel| {
        channel.send(&hello(), &[]).expect("a keeper");
        let asked = channel.receive::<Numbered>().expect("an order").expect("a keeper");
        let answer = Answer::Sockets(Vec::new());
        channel.send(&Told::Answer { number: asked.message.number, answer }, &[]).expect("a keeper");
    });
    let found = find(folder.path());
    assert!(!found.is_in_part());
    let gates = found.split().0.gates;
    assert_eq!(gates.iter().map(|gate| gate.process.pid()).collect::<Vec<_>>(), [std::process::id()]);
    gate.join().expect("the gate");
}
