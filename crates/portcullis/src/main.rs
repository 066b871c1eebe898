//! The `portcullis` program: reads the command line and hands over to one command. It decides nothing itself.

mod admin;
mod bug;
mod cli;
mod commands;
mod configuration;
mod day;
mod failure;
mod gate_process;
mod gate_user;
mod hello;
mod inspection;
mod installation;
mod keeper;
mod known;
mod ownership;
mod place;
mod program;
mod report;
mod run;
mod show;
mod socket_file;
mod span;
mod supervision;
mod table;
mod taken;
mod terminal;
mod watcher;

use clap::Parser;
use failure::Exit;
use program::Part;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bug::install_hook();
    let outcome = std::panic::catch_unwind(|| match Part::of_this_process() {
        Some(Part::Gate) => gate_process::run(),
        Some(Part::Watcher) => watcher::run(),
        None => commands::run(cli::Arguments::parse()),
    });
    let exit = match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            terminal::print_failure(&failure);
            failure.exit
        }
        Err(_) => {
            run::fall_back("this program has a bug");
            Exit::Bug
        }
    };
    ExitCode::from(exit)
}
