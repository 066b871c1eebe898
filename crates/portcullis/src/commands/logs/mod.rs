//! `portcullis logs`: requests from the file of the access log, or what the gate wrote to systemd's journal.
//!
//! Where things are written is what the file says; a gate that runs in a terminal or under another supervisor has its
//! messages there, and this says so. An error elsewhere in the file keeps nobody from the log.

mod entry;
mod file;
mod journal;

use crate::cli::{Common, Logs};
use crate::configuration::{Origin, require_plan};
use crate::failure::{Exit, Failure};
use entry::Wanted;
use model::plan::{AccessLog, Log, LogFormat};
use std::time::SystemTime;

pub(super) fn run(common: &Common, arguments: &Logs) -> Result<Exit, Failure> {
    let log = match Origin::of_command(common, None) {
        Ok(origin) => match origin.log()? {
            Some(log) => log,
            None => require_plan(&origin, origin.compile()?)?.log,
        },
        Err(failure) if common.config.is_some() => return Err(failure),
        // A gate without a file writes where one does that says nothing of it.
        Err(_) => Log::default(),
    };
    let wanted = Wanted::new(arguments, SystemTime::now());
    let is_of_file = matches!(log.access, AccessLog::File(_)) && !arguments.messages;
    // The journal knows times of its own.
    let needs_fields = wanted.filters() || is_of_file && arguments.since.is_some();
    if log.format == LogFormat::Combined && needs_fields {
        return Err(Failure::no("the access log is in the combined format, which cannot be asked for this")
            .with_hint("[log] format = \"json\" has sites, rules and times"));
    }
    match log.access {
        AccessLog::File(path) if !arguments.messages => file::show(&path, &wanted, arguments),
        AccessLog::Off if !arguments.messages => {
            Err(Failure::no("requests are not logged: [log] access is \"off\"")
                .with_hint("--messages shows what the gate itself says"))
        }
        _ => journal::show(&wanted, arguments),
    }
}
