//! Signals as values. They are blocked in every thread, and taken by one: what nobody took waits in the kernel, also while
//! this process becomes another program (execve(2) keeps blocked and pending signals), which finds it there.

use nix::sys::signal::{SigSet, Signal as Number};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the gate is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM, SIGINT, or `portcullis stop`.
    Stop,
    /// SIGHUP.
    Reload,
    /// SIGUSR1: the access log was moved away.
    ReopenLogs,
    /// `portcullis upgrade`: this program has rehearsed.
    Become(PathBuf),
}

fn all() -> SigSet {
    SigSet::from_iter([Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1])
}

/// From now on these signals wait until they are taken, in this thread and in those that it starts.
pub(crate) fn hold() -> io::Result<()> {
    Ok(all().thread_block()?)
}

/// Has them end the process meanwhile, where they do so by themselves: somebody is asked something.
pub(super) fn let_pass<T>(meanwhile: impl FnOnce() -> T) -> io::Result<T> {
    all().thread_unblock()?;
    let done = meanwhile();
    hold()?;
    Ok(done)
}

/// What comes from outside.
#[derive(Debug)]
pub(super) struct Events {
    came: Receiver<Signal>,
    taking: Arc<Taking>,
}

/// How signals are taken.
#[derive(Debug, Default)]
struct Taking {
    /// Held while one is, and by who wants none to be.
    turn: Mutex<()>,
    /// Whether the next one ends the process at once.
    is_last: AtomicBool,
}

/// While it is there, signals wait.
#[derive(Debug)]
pub(super) struct Held<'a> {
    _turn: MutexGuard<'a, ()>,
    /// Whether the end was asked for before.
    pub(super) is_the_end: bool,
}

/// Begins to listen, once signals are held. The sender lets others speak like a signal.
pub(super) fn listen() -> io::Result<(Sender<Signal>, Events)> {
    let signals = SignalFd::with_flags(&all(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    #[expect(clippy::disallowed_methods, reason = "only the operator speaks here")]
    let (sender, came) = channel();
    let taking = Arc::new(Taking::default());
    let (theirs, told) = (Arc::clone(&taking), sender.clone());
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || while theirs.take(&signals, &told) {})?;
    Ok((sender, Events { came, taking }))
}

impl Taking {
    /// Takes the next one. Whether there is somebody who hears of it.
    fn take(&self, signals: &SignalFd, told: &Sender<Signal>) -> bool {
        // Where it fails, there is nothing to read either.
        let _ = poll(&mut [PollFd::new(signals, PollFlags::IN)], None);
        let _turn = self.turn();
        let Ok(Some(came)) = signals.read_signal() else { return true };
        let number = i32::try_from(came.ssi_signo).ok().and_then(|number| Number::try_from(number).ok());
        told.send(match number {
            Some(Number::SIGHUP) => Signal::Reload,
            Some(Number::SIGUSR1) => Signal::ReopenLogs,
            _ if self.is_last.load(Ordering::Relaxed) => end(came.ssi_signo),
            _ => Signal::Stop,
        })
        .is_ok()
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// Waits for what comes next.
    pub(super) fn wait(&self, patience: Duration) -> Result<Signal, RecvTimeoutError> {
        self.came.recv_timeout(patience)
    }

    /// Takes no further signal. Reloads that were asked for are left out: whoever comes next reads the file.
    pub(super) fn hold(&self) -> Held<'_> {
        let turn = self.taking.turn();
        let is_the_end = self.came.try_iter().any(|came| came == Signal::Stop);
        Held { _turn: turn, is_the_end }
    }

    /// From now on a further SIGINT or SIGTERM ends the process at once.
    pub(super) fn let_the_next_one_kill(&self) {
        self.taking.is_last.store(true, Ordering::Relaxed);
    }
}

/// Ends the process as a shell would say that this signal did.
#[expect(clippy::disallowed_methods, reason = "who asks a second time does not wait for what main waits for")]
fn end(signal: u32) -> ! {
    std::process::exit(128 + i32::try_from(signal).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // That signals themselves wait is seen where whole processes are tested: a test shares its process with others.
    #[test]
    fn the_end_that_was_asked_for_is_found_before_signals_wait() {
        let (sender, came) = std::sync::mpsc::sync_channel(2);
        let events = Events { came, taking: Arc::default() };
        for (came, is_the_end) in [
            (vec![], false),
            (vec![Signal::Reload, Signal::ReopenLogs], false),
            (vec![Signal::Reload, Signal::Stop], true),
            (vec![], false),
        ] {
            came.into_iter().for_each(|came| sender.send(came).expect("room"));
            assert_eq!(events.hold().is_the_end, is_the_end);
        }
    }
}
