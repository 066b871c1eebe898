//! What has to be done now and then, and may have to wait for a gate: a reload that a signal asks for, the access log opened
//! anew, certificates looked after. In a thread of its own, so that nothing of it stands in the way of who ends the service.

use super::control::Running;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often certificates are looked after.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Something to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// Take the file as it is now.
    Reload,
    /// Open the access log anew.
    ReopenLog,
    /// Look after what changes by itself.
    Look,
}

/// Where chores are handed in. What is handed in twice before its turn comes is done once, like a signal.
#[derive(Debug, Default)]
pub(super) struct Chores {
    waiting: Mutex<Vec<Chore>>,
    came: Condvar,
}

impl Chores {
    /// Begins to look after what runs, for as long as it does.
    pub(super) fn begin(running: &Arc<Running>) -> io::Result<Arc<Self>> {
        let chores = Arc::new(Self::default());
        let (theirs, running) = (Arc::clone(&chores), Arc::downgrade(running));
        let thread = std::thread::Builder::new().name("chores".to_owned());
        thread.spawn(move || {
            let mut looked = Instant::now();
            loop {
                let chore = theirs.next(looked + BETWEEN_LOOKS);
                let Some(running) = running.upgrade() else { return };
                match chore {
                    Chore::Reload => running.reload_and_report(),
                    Chore::ReopenLog => running.reopen_log(),
                    Chore::Look => {
                        looked = Instant::now();
                        running.refresh_certificates();
                        running.refresh_resolver();
                    }
                }
            }
        })?;
        Ok(chores)
    }

    /// Has something done.
    pub(super) fn hand_in(&self, chore: Chore) {
        let mut waiting = self.waiting();
        if !waiting.contains(&chore) {
            waiting.push(chore);
        }
        self.came.notify_one();
    }

    /// What is next; from that moment on it is to look.
    fn next(&self, due: Instant) -> Chore {
        let patience = due.saturating_duration_since(Instant::now());
        let waited = self.came.wait_timeout_while(self.waiting(), patience, |waiting| waiting.is_empty());
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() { Chore::Look } else { waiting.remove(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Chore>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_in_twice_is_done_once_and_in_its_turn() {
        let (chores, later) = (Chores::default(), Instant::now() + Duration::from_secs(600));
        for chore in [Chore::ReopenLog, Chore::Reload, Chore::ReopenLog, Chore::Reload] {
            chores.hand_in(chore);
        }
        assert_eq!([chores.next(later), chores.next(later)], [Chore::ReopenLog, Chore::Reload]);
        assert_eq!(chores.next(Instant::now()), Chore::Look);
    }
}
