//! One attempt: the request goes to an instance, until the head of its final response has come.

use super::failure::{Failure, Step};
use super::pump::{Blocked, PumpError};
use super::stall::{Patience, Stall};
use super::{Forwarding, Through, interim};
use crate::connection::Client;
use crate::grpc;
use crate::service::Lease;
use crate::transport::Source;
use crate::worker::deadlines::{self, Tick};
use crate::worker::scratch::Working;
use http1::{BodyReader, HeadScanner, Refusal, Upgrade};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

/// Interim responses that an instance may send before its final one.
const MAX_INTERIM: usize = 16;

/// What is kept from poll to poll.
#[derive(Debug, Default)]
pub(super) struct Sending {
    pub(super) done: bool,
    /// The instance takes no more of the request; what it says may still explain why.
    pub(super) broken: Option<io::Error>,
    pub(super) stall: Stall,
    /// What the body of the response goes through on its way to the client.
    pub(super) through: Option<Through>,
}

/// Sends the request and receives the head of the final response, which is parsed into `working.response` and left
/// in the instance's buffer.
pub(super) async fn run(
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    forwarding: &Forwarding<'_>,
) -> Result<Sending, Failure> {
    let mut sending = Sending::default();
    let to_head = working.request.method.of(&working.head) == b"HEAD";
    for _ in 0..=MAX_INTERIM {
        let length = receive_head(client, working, lease, forwarding, &mut sending).await?;
        let head = &lease.stream.received()[..length];
        let limits = &forwarding.active.served.snapshot.head_limits;
        working.response.parse(head, to_head, limits).map_err(Failure::Response)?;
        match working.response.status {
            101 if working.request.upgrade == Upgrade::None => {
                return Err(Failure::Response(Refusal::UpgradeUnasked));
            }
            100 | 102..=199 => interim::relay(client, working, lease, forwarding, length).await?,
            _ => {
                working.exchange.responded(&working.response);
                if client.is_draining() {
                    working.exchange.close_client();
                }
                sending.through = super::response_head::write(forwarding, working, head);
                lease.stream.consume(length);
                return Ok(sending);
            }
        }
    }
    Err(Failure::Response(Refusal::TooManyFields))
}

async fn receive_head(
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    forwarding: &Forwarding<'_>,
    sending: &mut Sending,
) -> Result<usize, Failure> {
    let mut scanner = HeadScanner::default();
    let mut waiting = Stall::default();
    let call_due = call_due(working);
    poll_fn(|context| {
        if !sending.done {
            poll_upload(context, client, working, lease, sending)?;
        }
        if let Poll::Ready(length) = poll_head(context, lease, &mut scanner, forwarding, sending)? {
            return Poll::Ready(Ok(length));
        }
        let due = if sending.done {
            let silence = forwarding.service().plan.response_timeout;
            waiting.observe(Blocked::OnSource, 0, Patience { silence, rate: 0 })
        } else {
            upload_due(working, forwarding, sending)
        };
        client.deadline.set_at(due.min(call_due));
        if !client.deadline.is_due() {
            return Poll::Pending;
        }
        let client_silent = !sending.done
            && due < call_due
            && working.upload.blocked == Some(Blocked::OnSource)
            && !working.exchange.owes_continue();
        Poll::Ready(Err(if client_silent { Failure::ClientSilent } else { Failure::Silent(Step::Exchange) }))
    })
    .await
}

/// When the client of a call stops waiting for the answer.
fn call_due(working: &Working) -> Tick {
    let timeout = working.call.then(|| grpc::timeout(&working.request, &working.head)).flatten();
    timeout.map_or(Tick::NEVER, |timeout| {
        deadlines::now().after(timeout.saturating_sub(working.facts.started.elapsed()))
    })
}

/// When the request has to have moved on.
pub(super) fn upload_due(working: &Working, forwarding: &Forwarding<'_>, sending: &mut Sending) -> Tick {
    let limits = &forwarding.active.served.snapshot.plan.limits;
    let blocked = working.upload.blocked.unwrap_or(Blocked::OnSink);
    let patience = match blocked {
        // A call may have nothing to say for long.
        Blocked::OnSource if working.call => Patience { silence: limits.upgrade_timeout, rate: 0 },
        // It is the instance that has to say something first.
        Blocked::OnSource if working.exchange.owes_continue() => {
            Patience { silence: forwarding.service().plan.response_timeout, rate: 0 }
        }
        Blocked::OnSource => Patience { silence: limits.read_timeout, rate: limits.min_rate },
        Blocked::OnSink => Patience { silence: forwarding.service().plan.response_timeout, rate: 0 },
    };
    let moved = match blocked {
        Blocked::OnSource => working.upload.body_bytes,
        Blocked::OnSink => working.upload.sent,
    };
    sending.stall.observe(blocked, moved, patience)
}

/// Sends as much of the request as can be sent now.
pub(super) fn poll_upload(
    context: &mut Context<'_>,
    client: &mut Client,
    working: &mut Working,
    lease: &mut Lease,
    sending: &mut Sending,
) -> Result<(), Failure> {
    let Working { upload, exchange, translator, gathered, .. } = &mut *working;
    // What is made, or is there, ends where its source does.
    let mut made = BodyReader::UntilClose;
    let polled = match (translator, gathered) {
        (None, None) => upload.poll(context, &mut exchange.request, &mut client.stream, &mut lease.stream),
        (None, Some(gathered)) => upload.poll(context, &mut made, gathered, &mut lease.stream),
        (Some(translator), _) => {
            let mut source = translator.over(&mut exchange.request, &mut client.stream);
            upload.poll(context, &mut made, &mut source, &mut lease.stream)
        }
    };
    match polled {
        Poll::Pending => {}
        Poll::Ready(Ok(())) => sending.done = true,
        Poll::Ready(Err(PumpError::Sink(error))) => {
            sending.done = true;
            sending.broken = Some(error);
        }
        Poll::Ready(Err(PumpError::Source(error))) => return Err(Failure::of_client(error)),
        Poll::Ready(Err(PumpError::Refused(Refusal::Truncated))) => {
            return Err(Failure::Client(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(Err(PumpError::Refused(refusal))) => return Err(Failure::Request(refusal)),
        Poll::Ready(Err(PumpError::TooLarge)) => return Err(Failure::TooLarge),
    }
    if upload.body_bytes > 0 && working.gathered.is_none() {
        working.exchange.body_consumed();
        working.exchange.continued();
    }
    Ok(())
}

fn poll_head(
    context: &mut Context<'_>,
    lease: &mut Lease,
    scanner: &mut HeadScanner,
    forwarding: &Forwarding<'_>,
    sending: &mut Sending,
) -> Result<Poll<usize>, Failure> {
    let limits = &forwarding.active.served.snapshot.head_limits;
    loop {
        let received = lease.stream.received();
        if !received.is_empty()
            && let Some(length) = scanner.scan(received, limits).map_err(Failure::Response)?
        {
            return Ok(Poll::Ready(length));
        }
        match lease.stream.poll_fill(context, false) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Ok(0)) => {
                let error = sending.broken.take();
                return Err(Failure::of_exchange(error.unwrap_or_else(closed)));
            }
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Err(Failure::of_exchange(error)),
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the instance closed the connection without an answer")
}
