//! `portcullis stop`: asks the running gate to end, and waits until it has.

use super::locate;
use crate::admin::{Client, GateLock};
use crate::cli::{Common, Stop};
use crate::failure::{Exit, Failure};
use crate::terminal;
use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(super) fn run(common: &Common, arguments: &Stop) -> Result<Exit, Failure> {
    let places = locate::places(common, None)?;
    let message = Client::new(&places.socket_to_ask()).stop()?;
    if arguments.wait == 0 {
        terminal::say(format_args!("{message}\n"));
        return Ok(Exit::Done);
    }
    let deadline = Instant::now() + Duration::from_secs(arguments.wait);
    while GateLock::is_taken(&places.state) {
        if Instant::now() >= deadline {
            let reason = format!("the gate still finishes requests after {} s", arguments.wait);
            return Err(Failure::no(reason).with_hint("`limits.drain_timeout` says how long it may"));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(Exit::Done)
}
