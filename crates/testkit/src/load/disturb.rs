//! What is done to a server while it is under load, and when.

use super::{Load, Report};
use crate::patience::eventually;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::time::{Duration, Instant};

/// When something was done, since the load began.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Before it.
    pub begin: Duration,
    /// After it, when it had had its effect.
    pub end: Duration,
}

impl Load {
    /// Does something so many times, each time after a pause, and writes down when. `act` returns when what it does has
    /// happened; it is told how many times it was called before.
    pub fn disturb(&mut self, times: usize, pause: Duration, mut act: impl FnMut(usize)) {
        for number in 0..times {
            // The pause is a part of what is measured, and waits for nothing.
            std::thread::sleep(pause);
            let begin = self.elapsed();
            act(number);
            self.moments.push(Moment { begin, end: self.elapsed() });
        }
    }

    /// The same, then a last pause and the end of the load.
    #[must_use]
    pub fn disturbed(mut self, times: usize, pause: Duration, act: impl FnMut(usize)) -> Report {
        self.disturb(times, pause, act);
        std::thread::sleep(pause.max(Duration::from_millis(500)));
        self.finish()
    }
}

/// Kills a process (SIGKILL), and returns when its sockets are closed.
///
/// # Panics
/// When there is no such process, or it does not end.
pub fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).unwrap_or_else(|error| panic!("cannot kill process {process}: {error}"));
    // A zombie without further threads has closed everything, and waits for its parent alone.
    let is_zombie = || state(process).is_none_or(|state| state == 'Z') && threads(process) <= 1;
    eventually("the end of what was killed", || {
        (test_kill_process(pid).is_err() || is_zombie()).then_some(())
    });
}

fn threads(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count)
}

/// The state of a process as a letter (`proc_pid_stat(5)`).
fn state(process: u32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

/// The child of a process that has taken the place of another one, within a time: how long that took.
///
/// # Panics
/// When there is none in time.
#[must_use]
pub fn replaced(parent: u32, former: u32) -> (u32, Duration) {
    let since = Instant::now();
    let child = eventually("a new child in place of the killed one", || {
        crate::process::family(parent)
            .into_iter()
            .find(|&one| one != parent && one != former && state(one) != Some('Z'))
    });
    (child, since.elapsed())
}
