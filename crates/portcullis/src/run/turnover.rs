//! How far an upgrade is: one program at a time rehearses, and once one has, no other does.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How far it is.
#[derive(Debug, Default)]
enum Stage {
    /// Nobody asked for one.
    #[default]
    Idle,
    /// This program rehearses.
    Rehearsing(PathBuf, Instant),
    /// This program has rehearsed, and its gate waits for it.
    Rehearsed(PathBuf),
}

/// The upgrades of this process.
#[derive(Debug, Default)]
pub(super) struct Turnover(Mutex<Stage>);

/// The right to have a program rehearse.
#[derive(Debug)]
pub(super) struct Rehearsing<'a>(&'a Turnover);

impl Turnover {
    /// Has a program rehearse, unless another one does or has.
    pub(super) fn begin(&self, program: &Path) -> Result<Rehearsing<'_>, Failure> {
        let mut stage = self.stage();
        match &*stage {
            Stage::Idle => {}
            // Two at once would each leave a gate.
            Stage::Rehearsing(other, since) => {
                let (other, seconds) = (other.display(), since.elapsed().as_secs());
                return Err(Failure::no(format!("{other} rehearses already, for {seconds} s now"))
                    .with_hint("ask again once it has"));
            }
            Stage::Rehearsed(other) => {
                return Err(Failure::no(format!("{} has rehearsed and takes over", other.display())));
            }
        }
        *stage = Stage::Rehearsing(program.to_owned(), Instant::now());
        Ok(Rehearsing(self))
    }

    /// No program takes over any more.
    pub(super) fn abandon(&self) {
        *self.stage() = Stage::Idle;
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rehearsing<'_> {
    /// It has, and takes over.
    pub(super) fn succeed(self) {
        let mut stage = self.0.stage();
        if let Stage::Rehearsing(program, _) = &mut *stage {
            *stage = Stage::Rehearsed(std::mem::take(program));
        }
    }
}

impl Drop for Rehearsing<'_> {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        if matches!(*stage, Stage::Rehearsing(..)) {
            *stage = Stage::Idle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_program_at_a_time_rehearses_and_the_next_hears_which_one() {
        let turnover = Turnover::default();
        let (one, other) = (Path::new("/one"), Path::new("/other"));
        let refused = |program| turnover.begin(program).map(drop).map_err(|failure| failure.reason);
        let first = turnover.begin(one).expect("nobody does");
        assert_eq!(refused(other), Err("/one rehearses already, for 0 s now".to_owned()));
        drop(first);
        turnover.begin(other).expect("nobody does").succeed();
        assert_eq!(refused(one), Err("/other has rehearsed and takes over".to_owned()));
        turnover.abandon();
        assert_eq!(refused(one), Ok(()));
    }
}
