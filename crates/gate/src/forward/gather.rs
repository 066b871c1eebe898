//! Small bodies for applications of FastCGI are gathered before one is asked: a process of PHP is not held by a client
//! that is slow, and no script runs with a part of what a client wanted to send. An application also has to know the
//! length before the body begins, which one in chunks does not tell.

use super::Forwarding;
use super::failure::Failure;
use super::pump::Blocked;
use super::stall::{Patience, Stall};
use crate::connection::Client;
use crate::fastcgi::Refused;
use crate::transport::Source;
use crate::worker::scratch::Working;
use http1::BodyLength;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Bytes of a body that is gathered.
const MOST: usize = 64 << 10;

/// A whole body, to be read as if it arrived now.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    body: Vec<u8>,
    taken: usize,
}

impl Gathered {
    /// Begins anew, for another instance.
    pub(super) fn rewind(&mut self) {
        self.taken = 0;
    }
}

impl Source for Gathered {
    fn received(&self) -> &[u8] {
        &self.body[self.taken..]
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }

    fn poll_fill(&mut self, _: &mut Context<'_>, _: bool) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(0))
    }
}

/// Gathers the body of a request into `working.gathered` where that is to be done. Afterwards it is a request whose length
/// is known and whose client waits for nothing but the answer.
pub(super) async fn run(
    client: &mut Client,
    working: &mut Working,
    forwarding: &Forwarding<'_>,
) -> Result<(), Failure> {
    working.gathered = None;
    let small = match working.request.body {
        BodyLength::Exact(length @ 1..) => length <= MOST as u64,
        BodyLength::Chunked => true,
        _ => false,
    };
    if !small || forwarding.service().scripts.is_none() {
        return Ok(());
    }
    if working.exchange.take_continue() {
        client.send(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(Failure::Client)?;
    }
    let limits = &forwarding.active.served.snapshot.plan.limits;
    let patience = Patience { silence: limits.read_timeout, rate: limits.min_rate };
    let (mut stall, mut body) = (Stall::default(), Vec::new());
    poll_fn(|context| {
        let gathered = poll_gather(context, client, working, &mut body, forwarding.route.body_limit);
        working.upload.body_bytes = body.len() as u64;
        if gathered.is_ready() {
            return gathered;
        }
        client.deadline.set_at(stall.observe(Blocked::OnSource, body.len() as u64, patience));
        if client.deadline.is_due() { Poll::Ready(Err(Failure::ClientSilent)) } else { Poll::Pending }
    })
    .await?;
    working.request.body = BodyLength::Exact(body.len() as u64);
    working.request.expects_continue = false;
    working.gathered = Some(Gathered { body, taken: 0 });
    Ok(())
}

/// Takes what is there of a body; ready when that was the last.
fn poll_gather(
    context: &mut Context<'_>,
    client: &mut Client,
    working: &mut Working,
    body: &mut Vec<u8>,
    limit: Option<u64>,
) -> Poll<Result<(), Failure>> {
    let reader = &mut working.exchange.request;
    loop {
        while !reader.is_done() && !client.stream.received().is_empty() {
            let received = client.stream.received();
            let decoded = reader.decode(received).map_err(Failure::Request)?;
            let length = body.len() + decoded.end - decoded.start;
            if limit.is_some_and(|limit| length as u64 > limit) {
                return Poll::Ready(Err(Failure::TooLarge));
            }
            if length > MOST {
                return Poll::Ready(Err(Failure::FastCgi(Refused::LengthRequired)));
            }
            body.extend_from_slice(&received[decoded.start..decoded.end]);
            client.stream.consume(decoded.consumed);
        }
        if reader.is_done() {
            return Poll::Ready(Ok(()));
        }
        if ready!(client.stream.poll_fill(context, false)).map_err(Failure::of_client)? == 0 {
            return Poll::Ready(Err(Failure::Client(io::ErrorKind::UnexpectedEof.into())));
        }
    }
}
