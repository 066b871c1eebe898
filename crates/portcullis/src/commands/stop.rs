//! `portcullis stop`: asks the running gate to end, and waits until it has.

use super::locate;
use crate::admin::{AskError, Client, GateLock};
use crate::cli::{Common, Stop};
use crate::failure::{Exit, Failure};
use crate::place::Places;
use crate::supervision::orphans;
use crate::terminal;
use model::plan::Limits;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

pub(super) fn run(common: &Common, arguments: &Stop) -> Result<Exit, Failure> {
    let places = locate::places(common, None)?;
    let socket = places.socket_to_ask();
    let (client, is_own) = (Client::new(&socket), socket == places.admin_socket);
    let message = match client.stop() {
        Err(AskError::NotRunning(_)) if orphans::are_in(&places.state.join("admin")) => {
            return stop_orphans(&places, arguments);
        }
        asked => asked?,
    };
    if arguments.wait == 0 {
        terminal::say(format_args!("{message}\n"));
        return Ok(Exit::Done);
    }
    let deadline = Instant::now() + Duration::from_secs(arguments.wait);
    // The lock of root's gate is out of reach for who asks it for want of their own; it answers as long as it is there.
    let is_over = || match is_own {
        true => !GateLock::is_taken(&places.state),
        false => matches!(client.status(), Err(AskError::NotRunning(_))),
    };
    while !is_over() {
        if Instant::now() >= deadline {
            return Err(still_there(arguments.wait));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(Exit::Done)
}

/// Ends what a keeper that was killed has left. Holding its lock, so that no other one takes it over meanwhile.
fn stop_orphans(places: &Places, arguments: &Stop) -> Result<Exit, Failure> {
    let _lock = GateLock::take(&places.state)?;
    // What the file says is known to the keeper that is gone.
    let total = Limits::default().drain_timeout;
    let wait = Duration::from_secs(arguments.wait);
    if fs::symlink_metadata(&places.admin_socket).is_ok_and(|facts| facts.file_type().is_socket()) {
        // Nobody answers there, and the lock keeps everybody away who would.
        let _ = fs::remove_file(&places.admin_socket);
    }
    if orphans::end(&places.state.join("admin"), total, wait) {
        return Ok(Exit::Done);
    }
    if arguments.wait == 0 {
        terminal::say("the gate finishes its requests\n");
        return Ok(Exit::Done);
    }
    Err(still_there(arguments.wait))
}

fn still_there(seconds: u64) -> Failure {
    Failure::no(format!("the gate still finishes requests after {seconds} s"))
        .with_hint("`limits.drain_timeout` says how long it may")
}
