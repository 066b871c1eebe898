//! What a person sees when Portcullis itself is wrong: one line, and what to do with it. It never hides the place.

use crate::failure::{Exit, Failure};
use crate::terminal;
use std::panic::PanicHookInfo;

/// Replaces the standard report of a panic, which speaks to programmers, with one for the person at the terminal.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|panic| terminal::print_failure(&describe(panic))));
}

fn describe(panic: &PanicHookInfo<'_>) -> Failure {
    let what = panic.payload_as_str().unwrap_or("no message");
    let at =
        panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
    Failure {
        exit: Exit::Bug,
        reason: format!("internal error: {what}{at}"),
        hint: Some(format!(
            "this is a bug in portcullis {}; please report it with this line and what you did before it",
            env!("CARGO_PKG_VERSION")
        )),
    }
}
