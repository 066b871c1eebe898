//! `portcullis upgrade`: has another program take over the listeners, the packets and the state, and waits until it has.

use super::locate;
use crate::admin::{AskError, Client};
use crate::cli::{Common, Upgrade};
use crate::failure::{Exit, Failure};
use crate::terminal;
use std::time::{Duration, Instant};

/// How long the program may take to answer once it has rehearsed.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(super) fn run(common: &Common, arguments: &Upgrade) -> Result<Exit, Failure> {
    let places = locate::places(common, None)?;
    let client = Client::new(&places.admin_socket);
    let program = arguments.program.as_deref().map(absolute).transpose()?;
    let before = upgrades(&client)?;
    let message = match client.upgrade(program.as_deref()) {
        Ok(message) => message,
        Err(AskError::ReloadRefused(refused)) => {
            terminal::say(&refused.problems);
            return Err(AskError::ReloadRefused(refused).into());
        }
        Err(error) => return Err(error.into()),
    };
    terminal::say(format_args!("{message}\n"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        match upgrades(&client) {
            Ok(now) if now > before => break,
            Ok(_) | Err(_) if Instant::now() < deadline => std::thread::sleep(BETWEEN_LOOKS),
            Ok(_) => {
                return Err(Failure::no("the former program goes on").with_hint("the log says why"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    terminal::say("it serves; the former gate ends with its connections\n");
    Ok(Exit::Done)
}

/// How many programs the keeper was before.
fn upgrades(client: &Client) -> Result<u64, AskError> {
    Ok(client.status()?["upgrades"].as_u64().unwrap_or(0))
}

/// The keeper has a current folder of its own.
fn absolute(file: &std::path::Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|error| Failure::refused(format!("cannot name {}: {error}", file.display())))
}
