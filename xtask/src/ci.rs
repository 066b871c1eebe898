//! What continuous integration checks, in the order in which a mistake is cheapest to find.

use crate::step::Steps;
use crate::{Outcome, supply, tidy, workspace};
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the tests out, for a caller that has just run them
    #[arg(long)]
    without_tests: bool,
}

/// Runs every check and prints what each took; stops at the first that fails.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut steps = Steps::default();
    let outcome = checks(options, &mut steps);
    steps.print();
    outcome
}

fn checks(options: &Options, steps: &mut Steps) -> Outcome {
    steps.program("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    let fuzz = ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"];
    steps.program("format fuzz", &mut cargo(&fuzz))?;
    steps.task("tidy", tidy::run)?;
    steps.task("supply", supply::run)?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    steps.program("clippy", &mut cargo(&clippy))?;
    if !options.without_tests {
        steps.program("tests", &mut cargo(&["test", "--workspace", "--locked"]))?;
    }
    let doc = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    steps.program("doc", cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(workspace::root());
    command
}
