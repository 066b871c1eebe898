//! What a gate asks for, on its way to who judges it.

use super::conversation::Conversation;
use crate::report;
use link::{Ask, AskRefused};
use std::sync::Arc;

/// Something that a gate asked for, and that is to be answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) gate: Arc<Conversation>,
    pub(super) number: u64,
    pub(super) ask: Ask,
}

impl Asked {
    /// Has it judged, tells the gate what came of it, and the operator where it was refused.
    pub(crate) fn answer(self, judge: impl FnOnce(&Ask) -> Result<(), AskRefused>) {
        let judged = self.ask.check().and_then(|()| judge(&self.ask));
        if let Err(refused) = &judged {
            report::warning(format_args!(
                "the gate asked for {} and was refused: {refused}",
                self.ask.name()
            ));
        }
        self.gate.answer(self.number, judged.err());
    }
}
