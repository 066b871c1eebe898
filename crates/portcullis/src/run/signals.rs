//! Signals as values.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};

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

/// Begins to listen. The sender lets others speak like a signal.
pub(super) fn listen() -> io::Result<(Sender<Signal>, Receiver<Signal>)> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    #[expect(clippy::disallowed_methods, reason = "only the operator speaks here")]
    let (sender, receiver) = channel();
    let theirs = sender.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGHUP => Signal::Reload,
                SIGUSR1 => Signal::ReopenLogs,
                _ => Signal::Stop,
            };
            if theirs.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok((sender, receiver))
}

/// From now on a further SIGINT or SIGTERM ends the process at once.
pub(super) fn let_the_next_one_kill() {
    for (signal, status) in [(SIGINT, 130), (SIGTERM, 143)] {
        // Without it the process ends when its connections have.
        let _ =
            signal_hook::flag::register_conditional_shutdown(signal, status, Arc::new(AtomicBool::new(true)));
    }
}
