//! Runs programs as named, timed steps and says what each took. It decides nothing.

use std::process::Command;
use std::time::{Duration, Instant};

/// Steps in order, with the time that each took.
#[derive(Default)]
pub(crate) struct Steps {
    taken: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs a program to its end; a failure ends the task.
    pub(crate) fn program(&mut self, name: &str, command: &mut Command) -> crate::Outcome {
        self.task(name, || {
            let status = command.status()?;
            if status.success() { Ok(()) } else { Err(status.to_string().into()) }
        })
    }

    /// Runs a task of our own.
    pub(crate) fn task(&mut self, name: &str, task: impl FnOnce() -> crate::Outcome) -> crate::Outcome {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = task();
        self.taken.push((name.to_owned(), start.elapsed()));
        outcome.map_err(|error| format!("{name}: {error}").into())
    }

    /// Prints the table of times.
    pub(crate) fn print(&self) {
        println!("==> times");
        for (name, taken) in &self.taken {
            println!("{name:<12} {:>7.1} s", taken.as_secs_f64());
        }
    }
}
