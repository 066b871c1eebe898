//! A connection to an application, dressed as one of HTTP/1.1.

use super::Refused;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::transport::instance::InstanceStream;
use crate::transport::{Sink, Source};
use std::io;
use std::task::{Context, Poll};
use wire::fastcgi::Params;

/// A connection.
#[derive(Debug)]
pub(crate) struct FastCgiStream {
    /// Where the records travel: TCP or a Unix socket.
    carrier: InstanceStream,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Whether the application said that it has not begun the request.
    overloaded: bool,
    /// Whether the request cannot be sent; then no answer is waited for.
    failed: bool,
}

impl FastCgiStream {
    pub(crate) fn new(carrier: InstanceStream) -> Self {
        let (outgoing, incoming) = (Outgoing::default(), Incoming::default());
        Self { carrier, outgoing, incoming, overloaded: false, failed: false }
    }

    /// Begins a request with variables that do not come from its head, which is to be sent next.
    pub(crate) fn begin(&mut self, params: Params) {
        self.outgoing = Outgoing::new(params);
        self.incoming = Incoming::default();
        self.overloaded = false;
        self.failed = false;
    }

    pub(crate) fn is_overloaded(&self) -> bool {
        self.overloaded
    }

    /// What the application said to its operator.
    pub(crate) fn take_said(&mut self) -> Option<String> {
        self.incoming.take_said()
    }

    pub(crate) fn abort(self) {
        self.carrier.abort();
    }

    /// Waits for the end of a request whose answer is complete, and hears what is said until then; `false` where no other
    /// request may follow.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        self.incoming.poll_over(context, &mut self.carrier)
    }

    /// Whether another request must not follow.
    pub(crate) fn is_stale(&mut self, context: &mut Context<'_>) -> bool {
        !self.outgoing.is_done()
            || self.poll_over(context) != Poll::Ready(true)
            || self.carrier.is_stale(context)
    }

    fn poll_send_part(&mut self, context: &mut Context<'_>, part: &[u8]) -> (usize, Poll<io::Result<()>>) {
        let Self { carrier, outgoing, incoming, .. } = self;
        let mut taken = 0;
        while taken < part.len() {
            let polled = outgoing.poll_take(context, &part[taken..], carrier, |asked| {
                incoming.asked(asked.to_head, asked.expects_continue);
            });
            match polled {
                Poll::Ready(Ok(count)) => taken += count,
                Poll::Ready(Err(error)) => return (taken, Poll::Ready(Err(error))),
                Poll::Pending => return (taken, Poll::Pending),
            }
        }
        (taken, Poll::Ready(Ok(())))
    }
}

impl Source for FastCgiStream {
    fn received(&self) -> &[u8] {
        self.incoming.received(&self.carrier)
    }

    fn consume(&mut self, count: usize) {
        self.incoming.consume(count, &mut self.carrier);
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        if self.failed {
            return Poll::Ready(Ok(0));
        }
        let filled = self.incoming.poll_fill(context, large, &mut self.carrier);
        if let Poll::Ready(Err(error)) = &filled {
            self.overloaded |= Refused::of(error) == Some(Refused::Overloaded);
        }
        filled
    }
}

impl Sink for FastCgiStream {
    fn poll_send(&mut self, context: &mut Context<'_>, lead: &[u8], rest: &[u8]) -> Poll<io::Result<usize>> {
        let (mut taken, mut polled) = self.poll_send_part(context, lead);
        if matches!(polled, Poll::Ready(Ok(()))) {
            let of_rest;
            (of_rest, polled) = self.poll_send_part(context, rest);
            taken += of_rest;
        }
        match polled {
            Poll::Ready(Err(error)) => {
                // What the application did not take may still be answered; what is refused here may not.
                self.failed |= Refused::of(&error).is_some();
                Poll::Ready(Err(error))
            }
            Poll::Pending if taken == 0 => Poll::Pending,
            _ => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.poll_flush(context, &mut self.carrier)
    }
}
