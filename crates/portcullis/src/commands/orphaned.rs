//! A gate that serves without its keeper: whoever asks for a keeper is told so, and not that nothing runs.

use crate::admin::{AskError, GateLock};
use crate::failure::Failure;
use crate::place::Places;
use crate::supervision::orphans;

/// Whether a gate serves whose keeper is gone. One that starts or stops holds the lock.
pub(super) fn is_here(places: &Places) -> bool {
    !GateLock::is_taken(&places.state) && orphans::are_in(&places.state.join("admin"))
}

/// Why nobody obeyed.
pub(super) fn failure(error: AskError, places: &Places) -> Failure {
    match error {
        AskError::NotRunning(_) if is_here(places) => {
            Failure::no("the gate serves without its keeper, who is needed for this")
                .with_hint("`portcullis up` starts another keeper, and the gate goes on")
        }
        error => error.into(),
    }
}
