//! The end of exchanges that a reload left without a site.

use crate::connection::Client;
use crate::worker::active::Active;
use crate::worker::deadlines::{self, Tick};

/// Watches whether the host of an exchange is still served.
#[derive(Debug)]
pub(super) struct Removal {
    installs: u64,
    due: Tick,
}

impl Removal {
    /// For an exchange that began with this snapshot.
    pub(super) fn new(client: &Client, active: &Active) -> Self {
        // What was installed since then was not looked at.
        let installs = if client.is_answered_from(active) { client.installs() } else { u64::MAX };
        Self { installs, due: Tick::NEVER }
    }

    /// When the exchange has to end. One whose host is not served any more has as long as requests have at the end of
    /// the gate; a changed site or route is no reason.
    pub(super) fn due(&mut self, client: &Client, host: &str) -> Tick {
        if self.installs != client.installs() {
            self.installs = client.installs();
            self.due = match client.time_of_removed(host) {
                None => Tick::NEVER,
                Some(_) if self.due != Tick::NEVER => self.due,
                Some(time) => deadlines::now().after(time),
            };
        }
        self.due
    }
}
