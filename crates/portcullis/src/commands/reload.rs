//! `portcullis reload`: has the running gate take its changed configuration.

use super::{locate, orphaned};
use crate::admin::{AskError, Client, ReloadRequest};
use crate::cli::{Common, Reload};
use crate::failure::{Exit, Failure};
use crate::terminal;
use std::path::Path;

pub(super) fn run(common: &Common, arguments: &Reload) -> Result<Exit, Failure> {
    let file = arguments.file.as_deref().map(absolute).transpose()?;
    let places = locate::places(common, file.as_deref())?;
    let request = ReloadRequest { file, allow_empty: arguments.allow_empty };
    match Client::new(&places.socket_to_ask()).reload(&request) {
        Ok(done) => terminal::say(format_args!("{}{}\n", done.problems, done.message)),
        Err(AskError::ReloadRefused(refused)) => {
            terminal::say(&refused.problems);
            return Err(AskError::ReloadRefused(refused).into());
        }
        Err(error) => return Err(orphaned::failure(error, &places)),
    }
    Ok(Exit::Done)
}

/// The gate has a current folder of its own.
fn absolute(file: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(file)
        .map_err(|error| Failure::refused(format!("cannot name {}: {error}", file.display())))
}
