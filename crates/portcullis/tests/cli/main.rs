//! The commands as a person or a script meets them: the built program, its output, its exit codes.

mod admin;
mod cert;
mod check;
mod doctor;
mod edit;
mod hello;
mod help;
mod logs;
mod ownership;
mod reading;
mod service;
mod usage;
mod websocket;

use std::process::Command;
use testkit::{Finished, Folder, Program, without_accounts};

/// The program, in an empty folder of its own and without the caller's settings.
fn portcullis(folder: &Folder) -> Command {
    let mut command = without_accounts(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder.path()).env_clear().env("COLUMNS", "100");
    command
}

/// Runs it to its end.
fn run(folder: &Folder, arguments: &[&str]) -> Finished {
    Program::spawn(portcullis(folder).args(arguments)).finish()
}
