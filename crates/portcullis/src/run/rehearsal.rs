//! A program rehearses before this process becomes it: it has our listeners and a while, and says why it cannot serve.

use super::upgrade::{COUNT, FAILURES};
use crate::failure::Failure;
use crate::supervision::{Inheritance, is_over_by};
use link::{Answer, Channel, HeldSocket, Numbered, Order, ReceiveError, Told, Trust};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The hidden argument of `up` that asks for a rehearsal.
const REHEARSE: &str = "--rehearse";
/// How long a rehearsal may take in all: ten thousand sites take two seconds, and somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Sockets in one message.
const AT_ONCE: usize = 100;

/// A socket that a rehearsal gets: its number, the port that it was opened for, and itself.
pub(super) type Lent = (HeldSocket, OwnedFd);

/// Has a program rehearse with these sockets, unless the service is over meanwhile.
pub(super) fn rehearse(program: &Path, sockets: &[Lent], is_over: impl Fn() -> bool) -> Result<(), Failure> {
    rehearse_within(PATIENCE, program, sockets, is_over)
}

fn rehearse_within(
    patience: Duration,
    program: &Path,
    sockets: &[Lent],
    is_over: impl Fn() -> bool,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::refused(format!("{} cannot be tried: {error}", program.display()));
    let (channel, theirs) = Channel::pair().map_err(failed)?;
    adopt_orphans(true);
    let deadline = Instant::now() + patience;
    let mut child = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg(REHEARSE)
        .env_remove(COUNT)
        .env_remove(FAILURES)
        .stdin(Stdio::from(theirs))
        .spawn()
        .map_err(failed)?;
    let mut said = Rehearsed::default();
    let lent = lend(&channel, sockets, deadline, &mut said, is_over, || is_itself(&child, program));
    // Who says no more may go on all the same, and who is lent no more has a gate to end.
    let lent = match lent {
        Ok(()) | Err(Unlent::Over) if !ends_by(&child, deadline) => Err(Unlent::Late),
        lent => lent,
    };
    if lent.is_err() {
        // What it leaves is nothing of ours.
        adopt_orphans(false);
        // It fails only when the program has ended already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let hint = if said.asked || said.failed.is_some() {
        "nothing has changed; the log has more"
    } else {
        "nothing has changed; what it said, if anything, stands in the log: a program that asks for no listener may be no Portcullis"
    };
    let reason = match (said, lent) {
        (Rehearsed { failed: None, asked: true }, Ok(())) if status.success() => return Ok(()),
        (Rehearsed { failed: Some(reason), .. }, _) | (_, Err(Unlent::Odd(reason))) => reason,
        (_, Ok(())) => format!("it ended with {status}, and brought up no gate"),
        (_, Err(Unlent::Over)) => "the gate is ending".to_owned(),
        (_, Err(Unlent::Late)) => format!("it has not come to an end within {} s", patience.as_secs()),
    };
    Err(Failure::no(format!("{} does not serve: {reason}", program.display())).with_hint(hint))
}

/// Has the gate that a rehearsal leaves become a child of this process, also once this process has become that program: how
/// a gate ended is told to its parent alone (prctl(2), PR_SET_CHILD_SUBREAPER).
fn adopt_orphans(is_wanted: bool) {
    // Where it fails, how such a gate ends is not known.
    let _ = rustix::process::set_child_subreaper(is_wanted.then(rustix::process::getpid));
}

/// Whether a process runs this very file. What a script starts may rehearse and not be what takes over.
fn is_itself(child: &Child, program: &Path) -> bool {
    let file = |path: &Path| std::fs::metadata(path).map(|facts| (facts.dev(), facts.ino())).ok();
    let running = file(Path::new(&format!("/proc/{}/exe", child.id())));
    running.is_some() && running == file(program)
}

/// What there was of a rehearsal.
#[derive(Debug, Default)]
struct Rehearsed {
    /// Why it failed, as it said itself.
    failed: Option<String>,
    /// Whether it asked for the sockets, which only a program of ours does.
    asked: bool,
}

/// Why no more was lent.
#[derive(Debug)]
enum Unlent {
    /// Its time is over, whatever it said meanwhile.
    Late,
    /// The service is over: nobody would take over the gate that it brings up.
    Over,
    /// It says what no program of ours says, or nothing can be said to it.
    Odd(String),
}

/// Lends sockets to a rehearsal until it says no more.
fn lend(
    channel: &Channel,
    sockets: &[Lent],
    deadline: Instant,
    said: &mut Rehearsed,
    is_over: impl Fn() -> bool,
    is_itself: impl Fn() -> bool,
) -> Result<(), Unlent> {
    let odd = |error: &dyn std::fmt::Display| Unlent::Odd(error.to_string());
    while let Some(received) = next(channel, deadline)? {
        match received {
            Numbered { order: Order::Failed { reason }, .. } => said.failed = Some(reason),
            Numbered { order: Order::Sockets { .. }, .. } if !is_itself() => {
                return Err(odd(&"it has another program rehearse in its place; that one may be named"));
            }
            Numbered { order: Order::Sockets { .. }, .. } if is_over() => {
                // It takes that for the end of who started it, and ends its own gate.
                channel.close();
                return Err(Unlent::Over);
            }
            Numbered { number, order: Order::Sockets { after } } => {
                said.asked = true;
                let next = sockets.iter().filter(|(held, _)| held.number > after).take(AT_ONCE);
                let (held, lent): (Vec<HeldSocket>, Vec<BorrowedFd<'_>>) =
                    next.map(|(held, socket)| (*held, socket.as_fd())).unzip();
                let answer = Told::Answer { number, answer: Answer::Sockets(held) };
                channel.send(&answer, &lent).map_err(|error| odd(&error))?;
            }
            _ => return Err(odd(&"it asks for something else than sockets")),
        }
    }
    Ok(())
}

/// What a rehearsal says next; `None` when it says no more.
fn next(channel: &Channel, deadline: Instant) -> Result<Option<Numbered>, Unlent> {
    let odd = |error: &dyn std::fmt::Display| Unlent::Odd(error.to_string());
    // No time at all would be all the time there is (socket(7), SO_RCVTIMEO).
    let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
    let left = left.ok_or(Unlent::Late)?;
    for of in [Timeout::Recv, Timeout::Send] {
        set_socket_timeout(channel.as_fd(), of, Some(left)).map_err(|error| odd(&error))?;
    }
    match channel.receive::<Numbered>() {
        Ok(received) => Ok(received.map(|received| received.message)),
        Err(ReceiveError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(Unlent::Late),
        Err(error) => Err(odd(&error)),
    }
}

/// Whether a child comes to its end in time.
fn ends_by(child: &Child, deadline: Instant) -> bool {
    let pid = Pid::from_raw(child.id().cast_signed());
    // It is not waited for yet, so that the number is its own.
    let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    handle.is_some_and(|handle| is_over_by(&handle, deadline))
}

/// What a rehearsal is lent, by whoever started it.
#[derive(Debug)]
pub(super) struct Lender(Channel);

impl Lender {
    /// The process that started this one, at standard input.
    pub(super) fn at_stdin() -> Result<(Self, Inheritance), Failure> {
        let refused = |error: io::Error| {
            Failure::refused(format!("a rehearsal is started by `portcullis upgrade` alone: {error}"))
        };
        let socket = io::stdin().as_fd().try_clone_to_owned().map_err(refused)?;
        let channel = Channel::new(socket, Trust::Gate);
        let inheritance = Inheritance::of_channel(&channel).map_err(refused)?;
        Ok((Self(channel), inheritance))
    }

    /// Sees that the lender is there still: where it was killed, another keeper may have begun, which knows nothing of a
    /// gate that is left to it now.
    pub(super) fn is_there(&self) -> Result<(), Failure> {
        match Inheritance::of_channel(&self.0) {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure::refused(format!("who asked for the rehearsal is gone: {error}"))),
        }
    }

    /// Says why the rehearsal failed.
    pub(super) fn tell(&self, reason: &str) {
        let order = Order::Failed { reason: reason.chars().take(1000).collect() };
        // The log has it as well.
        let _ = self.0.send(&Numbered { number: 0, order }, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use testkit::Folder;

    #[test]
    fn a_program_that_hangs_is_ended_in_its_time_however_it_hangs() {
        let folder = Folder::new();
        // It keeps its end of the socket, or lets go of it.
        for (name, text) in [("silent", "exec sleep 600"), ("hung-up", "exec sleep 600 <&-")] {
            let program = folder.join(name);
            fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("a program");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
            let began = Instant::now();
            // A process that another test starts at this moment has the file open until it is what it becomes.
            let tries = (0..20).map(|_| rehearse_within(Duration::from_secs(1), &program, &[], || false));
            let failure = tries.filter_map(Result::err).find(|failure| !failure.reason.contains("busy"));
            let failure = failure.expect("it hangs");
            assert!(failure.reason.ends_with("it has not come to an end within 1 s"), "{}", failure.reason);
            assert!(began.elapsed() < PATIENCE, "{name}: {:?}", began.elapsed());
        }
    }

    #[test]
    fn one_that_never_stops_asking_is_late_all_the_same() {
        let (channel, theirs) = Channel::pair().expect("a socket");
        let asking = std::thread::spawn(move || {
            let theirs = Channel::new(theirs, Trust::Gate);
            let order = || Numbered { number: 1, order: Order::Sockets { after: 0 } };
            while theirs.send(&order(), &[]).is_ok() && matches!(theirs.receive::<Told>(), Ok(Some(_))) {}
        });
        let deadline = Instant::now() + Duration::from_millis(200);
        let mut said = Rehearsed::default();
        assert!(matches!(lend(&channel, &[], deadline, &mut said, || false, || true), Err(Unlent::Late)));
        drop(channel);
        asking.join().expect("the program");
    }

    #[test]
    fn nothing_is_lent_once_the_service_is_over() {
        let (channel, theirs) = Channel::pair().expect("a socket");
        let asking = std::thread::spawn(move || Lender(Channel::new(theirs, Trust::Gate)).is_there());
        let (deadline, mut said) = (Instant::now() + PATIENCE, Rehearsed::default());
        assert!(matches!(lend(&channel, &[], deadline, &mut said, || true, || true), Err(Unlent::Over)));
        // The channel is there still.
        asking.join().expect("the program").expect_err("it is to end its gate");
    }
}
