//! What a gate asks for, on its way to who judges it.

use super::conversation::Conversation;
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
    /// Has it judged, and tells the gate what came of it. Answers why not, and what was asked for, where it was refused.
    pub(crate) fn answer(
        self,
        judge: impl FnOnce(&Ask) -> Result<(), AskRefused>,
    ) -> Result<(), (&'static str, AskRefused)> {
        let judged = self.ask.check().and_then(|()| judge(&self.ask));
        self.gate.answer(self.number, judged.clone().err());
        judged.map_err(|refused| (self.ask.name(), refused))
    }
}
