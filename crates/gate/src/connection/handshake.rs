//! The TLS handshake of a site's client, and the line in the log for one that is refused.

use super::Client;
use crate::identity::{self, Asked};
use crate::stream::{Ended, log_refused};
use crate::worker::deadlines::Tick;
use rustls::Error;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

impl Client {
    /// Shakes hands, within the time that began at `since`.
    pub(super) async fn handshake(&mut self, since: Tick) -> Result<(), Ended> {
        let timeout = self.worker.active().served.snapshot.plan.limits.handshake_timeout;
        self.deadline.set_at(since.after(timeout));
        let mut asked = None;
        let shaken = poll_fn(|context| {
            let shaken = self.stream.poll_handshake(context);
            if let Some(now) = identity::take_asked() {
                asked = Some(now);
            }
            match shaken {
                Poll::Pending if self.deadline.is_due() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                shaken => shaken,
            }
        })
        .await;
        let ended = shaken.map_err(|error| ended(error, asked.as_ref()));
        self.sni = asked.and_then(|asked| asked.name).map(Rc::from);
        ended
    }

    /// Counts a handshake that failed, and logs it unless the client only went away or said nothing.
    pub(super) fn failed_handshake(&self, ended: &Ended) {
        self.worker.shared.metrics.failed_handshake();
        // What was refused is not mere silence: the session says so with this kind of error.
        if !matches!(ended, Ended::Handshake(error) if error.kind() != io::ErrorKind::InvalidData) {
            log_refused(&self.worker, self.place.peer(), self.sni.as_deref(), ended);
        }
    }
}

/// Why a handshake failed.
fn ended(error: io::Error, asked: Option<&Asked>) -> Ended {
    let reason = error.get_ref().and_then(|error| error.downcast_ref());
    match (asked, reason) {
        (Some(Asked { served: false, .. }), Some(_)) => Ended::Name,
        (None, Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. })) => Ended::NoHello(error),
        _ => Ended::Handshake(error),
    }
}
