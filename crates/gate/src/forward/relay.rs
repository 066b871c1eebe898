//! The response's body on its way to the client, and what is left of the request's on its way to the instance.

use super::attempt::{Sending, poll_upload, upload_due};
use super::failure::{Failure, Step};
use super::pump::{Blocked, PumpError};
use super::removal::Removal;
use super::stall::{Patience, Stall};
use super::{Forwarding, Pump, Through};
use crate::connection::Client;
use crate::service::Lease;
use crate::worker::deadlines::{self, Tick};
use crate::worker::scratch::Working;
use http1::{BodyReader, Refusal};
use std::future::poll_fn;
use std::task::{Context, Poll};

/// Moves the response to the client, whose head stands in the lead of `working.download`.
pub(super) async fn run(
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    forwarding: &Forwarding<'_>,
    sending: &mut Sending,
) -> Result<(), Failure> {
    let mut receiving = Stall::default();
    let mut removal = Removal::new(client, forwarding.active);
    poll_fn(|context| {
        if !sending.done {
            poll_upload(context, client, working, lease, sending)?;
        }
        let polled = poll_download(context, working, lease, client, &mut sending.through);
        if let Poll::Ready(done) = polled {
            return Poll::Ready(done.map_err(download_failure));
        }
        let (due, blocked) = download_due(&working.download, forwarding, &mut receiving);
        let upload = if sending.done { Tick::NEVER } else { upload_due(working, forwarding, sending) };
        let removed = removal.due(client, &working.facts.host);
        client.deadline.set_at(due.min(upload).min(removed));
        if !client.deadline.is_due() {
            return Poll::Pending;
        }
        Poll::Ready(Err(match blocked {
            _ if removed <= deadlines::now() => Failure::Removed,
            _ if upload < due => Failure::ClientSilent,
            Blocked::OnSource => Failure::Silent(Step::Body),
            Blocked::OnSink => Failure::ClientSlow,
        }))
    })
    .await
}

/// Moves as much as it can of the response, through what it has to go through.
fn poll_download(
    context: &mut Context<'_>,
    working: &mut Working,
    lease: &mut Lease,
    client: &mut Client,
    through: &mut Option<Through>,
) -> Poll<Result<(), PumpError>> {
    let Working { download, exchange, .. } = working;
    let (reader, source) = (&mut exchange.response, &mut lease.stream);
    // What is made ends where its maker ends it, however often it is asked: its reader has nothing to remember.
    let mut made = BodyReader::UntilClose;
    match through {
        None => download.poll(context, reader, source, &mut client.stream),
        Some(Through::Compressor(compressor)) => {
            download.poll(context, &mut made, &mut compressor.over(reader, source), &mut client.stream)
        }
        Some(Through::Translator(translator)) => {
            download.poll(context, &mut made, &mut translator.over(reader, source), &mut client.stream)
        }
    }
}

fn download_due(download: &Pump, forwarding: &Forwarding<'_>, stall: &mut Stall) -> (Tick, Blocked) {
    let limits = &forwarding.active.served.snapshot.plan.limits;
    let blocked = download.blocked.unwrap_or(Blocked::OnSink);
    let patience = match blocked {
        Blocked::OnSource => Patience { silence: forwarding.service().plan.read_timeout, rate: 0 },
        Blocked::OnSink => Patience { silence: limits.write_timeout, rate: limits.min_rate },
    };
    (stall.observe(blocked, download.sent, patience), blocked)
}

fn download_failure(error: PumpError) -> Failure {
    match error {
        PumpError::Source(error) => match error.downcast::<Refusal>() {
            // What was read of the instance on the way.
            Ok(refusal) => Failure::Response(refusal),
            Err(error) => Failure::Broken(Step::Body, error),
        },
        PumpError::Sink(error) => Failure::Client(error),
        PumpError::Refused(refusal) => Failure::Response(refusal),
        PumpError::TooLarge => Failure::Response(Refusal::Truncated),
    }
}
