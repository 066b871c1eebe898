//! An upgraded connection: bytes are copied both ways until both sides have ended, or nothing moves for too long.

use super::attempt::Sending;
use super::failure::Failure;
use super::pump::{Framing, Pump, PumpError};
use super::removal::Removal;
use super::{Forwarding, relay};
use crate::connection::{After, Client};
use crate::service::{InFlight, Lease};
use crate::transport::instance::InstanceStream;
use crate::worker::deadlines;
use crate::worker::scratch::Working;
use http1::BodyReader;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

/// One direction of a tunnel.
#[derive(Default)]
struct Direction {
    reader: BodyReader,
    moved: bool,
    closed: bool,
}

/// What is left of an exchange once both sides speak another protocol. It holds nothing of the configuration that it
/// began with: that may be long gone.
#[derive(Debug)]
pub(crate) struct Tunnel {
    lease: Lease,
    _in_flight: InFlight,
    idle: Duration,
    removal: Removal,
}

/// Sends the head of the 101 response; what comes then is copied by [`Tunnel::run`].
pub(super) async fn begin(
    client: &mut Client,
    working: &mut Working,
    (mut lease, in_flight): (Lease, InFlight),
    forwarding: &Forwarding<'_>,
    sending: &mut Sending,
) -> Result<(), Failure> {
    working.exchange.close_client();
    working.exchange.response = BodyReader::Done;
    relay::run(client, working, &mut lease, forwarding, sending).await?;
    let removal = Removal::new(client, forwarding.active);
    let idle = forwarding.active.served.snapshot.plan.limits.upgrade_timeout;
    working.tunnel = Some(Tunnel { lease, _in_flight: in_flight, idle, removal });
    Ok(())
}

impl Tunnel {
    /// Copies until it is over.
    pub(crate) async fn run(self, client: &mut Client, working: &mut Working) -> After {
        // A reload has to be seen also while nothing moves.
        let _watching = client.watch_installs();
        let copied = self.copy(client, working).await;
        working.outcome.bytes_out = working.download.sent;
        let Err(failure) = copied else { return After::Close };
        working.outcome.rule = failure.rule();
        working.outcome.error = Some(failure.to_string());
        After::Abort
    }

    async fn copy(mut self, client: &mut Client, working: &mut Working) -> Result<(), Failure> {
        let heads = (working.upload.sent, working.download.sent);
        working.upload.reset(Framing::Plain, None);
        working.download.reset(Framing::Plain, None);
        (working.upload.sent, working.download.sent) = heads;
        let mut up = Direction { reader: BodyReader::UntilClose, ..Direction::default() };
        let mut down = Direction { reader: BodyReader::UntilClose, ..Direction::default() };
        let mut last_moved = (u64::MAX, deadlines::now());
        poll_fn(|context| {
            up.poll_up(context, &mut working.upload, client, &mut self.lease.stream)?;
            down.poll_down(context, &mut working.download, &mut self.lease.stream, client)?;
            if up.closed && down.closed {
                return Poll::Ready(Ok(()));
            }
            let moved = working.upload.sent + working.download.sent;
            if moved != last_moved.0 {
                last_moved = (moved, deadlines::now());
            }
            let removed = self.removal.due(client, &working.facts.host);
            client.deadline.set_at(last_moved.1.after(self.idle).min(removed));
            match client.deadline.is_due() {
                false => Poll::Pending,
                true if removed <= deadlines::now() => Poll::Ready(Err(Failure::Removed)),
                true => Poll::Ready(Err(Failure::ClientSlow)),
            }
        })
        .await
    }
}

impl Direction {
    fn poll_up(
        &mut self,
        context: &mut Context<'_>,
        pump: &mut Pump,
        client: &mut Client,
        instance: &mut InstanceStream,
    ) -> Result<(), Failure> {
        if !self.moved
            && pump.poll(context, &mut self.reader, &mut client.stream, instance).map_err(failure)?.is_ready()
        {
            self.moved = true;
        }
        if self.moved && !self.closed {
            self.closed = instance.poll_close(context).is_ready();
        }
        Ok(())
    }

    fn poll_down(
        &mut self,
        context: &mut Context<'_>,
        pump: &mut Pump,
        instance: &mut InstanceStream,
        client: &mut Client,
    ) -> Result<(), Failure> {
        if !self.moved
            && pump.poll(context, &mut self.reader, instance, &mut client.stream).map_err(failure)?.is_ready()
        {
            self.moved = true;
            client.stream.notify_close().map_err(Failure::Client)?;
        }
        if self.moved && !self.closed {
            self.closed = client.stream.poll_close(context).is_ready();
        }
        Ok(())
    }
}

fn failure(error: PumpError) -> Failure {
    match error {
        PumpError::Source(error) | PumpError::Sink(error) => Failure::Client(error),
        PumpError::Refused(refusal) => Failure::Request(refusal),
        PumpError::TooLarge => Failure::TooLarge,
    }
}
