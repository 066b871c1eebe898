//! What the operator should hear of besides the access log: requests that an instance failed. Never waited for; what
//! does not fit is left out here and stands in the access log all the same.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Notices that may wait to be read.
const WAITING: usize = 64;

/// Where threads put their notices.
#[derive(Debug)]
pub(crate) struct Notices(SyncSender<String>);

impl Notices {
    pub(crate) fn new() -> (Self, Receiver<String>) {
        let (sender, receiver) = sync_channel(WAITING);
        (Self(sender), receiver)
    }

    /// Tells the operator, unless too much is told already.
    pub(crate) fn tell(&self, notice: String) {
        // A full channel is no reason to keep a request waiting.
        let _ = self.0.try_send(notice);
    }
}
