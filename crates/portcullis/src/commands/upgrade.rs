//! `portcullis upgrade`: has another program take over the listeners, the packets and the state, and waits until it has.

use super::{locate, orphaned};
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
    let client = Client::new(&places.socket_to_ask());
    let program = arguments.program.as_deref().map(absolute).transpose()?;
    let (before, failed) = upgrades(&client).map_err(|error| orphaned::failure(error, &places))?;
    let message = match client.upgrade(program.as_deref()) {
        Ok(message) => message,
        Err(AskError::ReloadRefused(refused)) => {
            terminal::say(&refused.problems);
            let exit = if refused.by_machine { Exit::Refused } else { Exit::No };
            return Err(Failure { exit, ..AskError::ReloadRefused(refused).into() });
        }
        Err(error) => return Err(error.into()),
    };
    terminal::say(format_args!("{message}\n"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        match upgrades(&client) {
            Ok((now, _)) if now > before => break,
            Ok((_, now)) if now > failed => return Err(went_on()),
            _ if Instant::now() < deadline => std::thread::sleep(BETWEEN_LOOKS),
            Ok(_) => return Err(went_on()),
            Err(error) => return Err(error.into()),
        }
    }
    terminal::say("it serves; the former gate ends with its connections\n");
    Ok(Exit::Done)
}

/// How many programs the keeper was before, and how many could not take over.
fn upgrades(client: &Client) -> Result<(u64, u64), AskError> {
    let status = client.status()?;
    let count = |name| status[name].as_u64().unwrap_or(0);
    Ok((count("upgrades"), count("upgrades_failed")))
}

fn went_on() -> Failure {
    Failure::no("it could not take over; the former program goes on")
        .with_hint("`portcullis logs --messages` says why")
}

/// The keeper has a current folder of its own.
fn absolute(file: &std::path::Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|error| Failure::refused(format!("cannot name {}: {error}", file.display())))
}
