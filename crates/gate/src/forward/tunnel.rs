//! An upgraded connection: bytes are copied both ways until both sides have ended, or nothing moves for too long.

use super::attempt::Sending;
use super::failure::Failure;
use super::pump::{Framing, Pump, PumpError};
use super::removal::Removal;
use super::{Forwarding, relay};
use crate::connection::Client;
use crate::service::Lease;
use crate::transport::instance::InstanceStream;
use crate::worker::deadlines;
use crate::worker::scratch::Working;
use http1::BodyReader;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// One direction of a tunnel.
#[derive(Default)]
struct Direction {
    reader: BodyReader,
    moved: bool,
    closed: bool,
}

/// Sends the head of the 101 response, then copies.
pub(super) async fn run(
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    forwarding: &Forwarding<'_>,
    sending: &mut Sending,
) -> Result<(), Failure> {
    working.exchange.close_client();
    working.exchange.response = BodyReader::Done;
    relay::run(client, working, lease, forwarding, sending).await?;
    let heads = (working.upload.sent, working.download.sent);
    working.upload.reset(Framing::Plain, None);
    working.download.reset(Framing::Plain, None);
    (working.upload.sent, working.download.sent) = heads;
    let idle = forwarding.active.served.snapshot.plan.limits.upgrade_timeout;
    let mut up = Direction { reader: BodyReader::UntilClose, ..Direction::default() };
    let mut down = Direction { reader: BodyReader::UntilClose, ..Direction::default() };
    let mut removal = Removal::new(client, forwarding.active);
    let mut last_moved = (u64::MAX, deadlines::now());
    poll_fn(|context| {
        up.poll_up(context, &mut working.upload, client, &mut lease.stream)?;
        down.poll_down(context, &mut working.download, &mut lease.stream, client)?;
        if up.closed && down.closed {
            return Poll::Ready(Ok(()));
        }
        let moved = working.upload.sent + working.download.sent;
        if moved != last_moved.0 {
            last_moved = (moved, deadlines::now());
        }
        let removed = removal.due(client, &working.facts.host);
        client.deadline.set_at(last_moved.1.after(idle).min(removed));
        match client.deadline.is_due() {
            false => Poll::Pending,
            true if removed <= deadlines::now() => Poll::Ready(Err(Failure::Removed)),
            true => Poll::Ready(Err(Failure::ClientSlow)),
        }
    })
    .await
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
