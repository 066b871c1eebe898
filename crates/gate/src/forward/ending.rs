//! The end of a request to an application: it comes behind an answer whose length was told, and so may what the
//! application says to its operator. The client has its answer and does not wait for it.

use super::Forwarding;
use crate::connection::Client;
use crate::fastcgi::FastCgiStream;
use crate::service::{InFlight, Lease};
use crate::worker::scratch::Working;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// How long the end of a request is waited for. A script that works on for longer does so unheard.
const PATIENCE: Duration = Duration::from_secs(5);

impl Forwarding<'_> {
    /// Tells the operator what an application said to its own, so far.
    pub(super) fn tell_said(&self, client: &Client, working: &Working, lease: &mut Lease) {
        if let Some(text) = said(lease) {
            client.tell(format!("{}: {text}", self.speaker(working)));
        }
    }

    /// Hears an application out whose answer was passed on. The connection is kept for another request where `keep` says
    /// how many may be.
    pub(super) async fn hear_out(
        &self,
        client: &Client,
        working: &Working,
        mut lease: Lease,
        in_flight: InFlight,
        keep: Option<usize>,
    ) {
        let ended = poll_fn(|context| Poll::Ready(poll_over(&mut lease, context))).await;
        if let Poll::Ready(over) = ended {
            self.tell_said(client, working, &mut lease);
            return give_back(lease, &in_flight, keep.filter(|_| over));
        }
        let (shared, speaker) = (client.shared(), self.speaker(working));
        tokio::task::spawn_local(async move {
            let over = timeout(PATIENCE, poll_fn(|context| poll_over(&mut lease, context))).await;
            if let Some(text) = said(&mut lease) {
                shared.notices.tell(format!("{speaker}: {text}"));
            }
            give_back(lease, &in_flight, keep.filter(|_| over == Ok(true)));
        });
    }

    fn speaker(&self, working: &Working) -> String {
        let (facts, service) = (&working.facts, &self.service().plan.name);
        let path = String::from_utf8_lossy(&facts.path);
        format!("service {service} says for {}{path} (request {})", facts.host, facts.id)
    }
}

fn said(lease: &mut Lease) -> Option<String> {
    lease.stream.as_fastcgi().and_then(FastCgiStream::take_said)
}

fn poll_over(lease: &mut Lease, context: &mut std::task::Context<'_>) -> Poll<bool> {
    lease.stream.as_fastcgi().map_or(Poll::Ready(true), |stream| stream.poll_over(context))
}

fn give_back(lease: Lease, in_flight: &InFlight, keep: Option<usize>) {
    if let Some(most) = keep {
        in_flight.instance().give_back(lease.stream, most);
    }
}
