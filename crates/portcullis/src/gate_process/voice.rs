//! What the gate says of its own accord, to whichever keeper there is.

use link::{Channel, LONGEST_TEXT, Told};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a notice at most.
const LONGEST: usize = LONGEST_TEXT;

/// The way to the keeper.
#[derive(Debug)]
pub(super) struct Voice(Mutex<Option<Arc<Channel>>>);

impl Voice {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self(Mutex::new(Some(channel)))
    }

    /// Speaks to another keeper from now on.
    pub(super) fn speak_to(&self, channel: Arc<Channel>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel);
    }

    /// Nobody listens.
    pub(super) fn silence(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Says something; whether there is a keeper that hears it.
    pub(super) fn say(&self, notice: &str) -> bool {
        let end = notice.floor_char_boundary(LONGEST);
        let channel = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        channel.is_some_and(|channel| channel.send(&Told::Notice(notice[..end].to_owned()), &[]).is_ok())
    }
}

/// Passes on what the gate's threads tell, in a thread of its own that ends with them.
pub(super) fn pass_on(told: Receiver<String>, voice: Arc<Voice>) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("notices".to_owned());
    thread.spawn(move || {
        for notice in &told {
            // What nobody takes stands in the access log all the same.
            let _ = voice.say(&notice);
        }
    })?;
    Ok(())
}
