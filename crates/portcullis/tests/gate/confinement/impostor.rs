//! A gate that has no user of its own, and gives its keeper a command as if it were the operator.

use super::attempts::unix_address;
use super::intruder::{Argument, Intruder, Outcome};
use super::{WITHOUT_ROOT, started_by};
use nix::libc::{AF_UNIX, SIGKILL, SOCK_STREAM, SYS_connect, SYS_kill, SYS_socket, SYS_write};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixStream;
use testkit::eventually;

const STOP: &str = "POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
/// Connections that the admin socket serves at the same time.
const AT_ONCE: usize = 16;

/// Makes a connection and sends the command over it.
fn command(intruder: &mut Intruder, address: Vec<u8>) {
    let made = intruder.call(SYS_socket, &[AF_UNIX.into(), SOCK_STREAM.into(), 0.into()]);
    let Outcome::Returned(socket) = made else { panic!("{made:?}") };
    let length = address.len() as i64;
    let connected = intruder.call(SYS_connect, &[socket.into(), address.into(), length.into()]);
    assert_eq!(connected, Outcome::Returned(0));
    let length = STOP.len() as i64;
    let sent = intruder.call(SYS_write, &[socket.into(), Argument::At(STOP.into()), length.into()]);
    assert_eq!(sent, Outcome::Returned(length));
}

#[test]
fn a_gate_that_has_no_user_of_its_own_is_not_obeyed() {
    let gate = started_by(WITHOUT_ROOT);
    let socket = gate.folder.join("state/admin/socket");
    let process = gate.gate_process().unwrap();
    command(&mut Intruder::enter(process), unix_address(socket.as_os_str().as_encoded_bytes()));
    eventually("a refusal", || gate.stderr().contains("the admin socket refused the gate").then_some(()));
    assert_eq!(gate.gate_process(), Some(process));
}

/// The command waits behind others until its sender is gone and nobody knows its number any more.
#[test]
fn a_command_that_a_gate_left_behind_is_not_obeyed() {
    let gate = started_by(WITHOUT_ROOT);
    let socket = gate.folder.join("state/admin/socket");
    let process = gate.gate_process().unwrap();
    let slow: Vec<_> = (0..AT_ONCE).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let mut intruder = Intruder::enter(process);
    command(&mut intruder, unix_address(socket.as_os_str().as_encoded_bytes()));
    let ended = intruder.call(SYS_kill, &[i64::from(process).into(), SIGKILL.into()]);
    assert_eq!(ended, Outcome::Ended(Signal::SIGKILL));
    let death = format!("the gate (process {process}) died");
    eventually(&death, || gate.stderr().contains(&death).then_some(()));
    assert_eq!(gate.get("a.test", "/").text(), "shown", "of another gate");
    drop(slow);
    let refused = "the admin socket refused a process that has ended";
    eventually(refused, || gate.stderr().contains(refused).then_some(()));
    assert_eq!(gate.get("a.test", "/").text(), "shown");
}
