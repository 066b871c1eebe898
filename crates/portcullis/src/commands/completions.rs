//! `portcullis completions`: a script that completes our command line, for a shell to read.

use crate::cli::Arguments;
use crate::failure::{Exit, Failure};
use crate::terminal;
use clap::CommandFactory;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "portcullis", &mut script);
    terminal::print_bytes(&script)?;
    Ok(Exit::Done)
}
