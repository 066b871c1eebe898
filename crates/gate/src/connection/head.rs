//! Waiting for the head of the next request.

use super::{After, Client};
use crate::respond::Answer;
use crate::transport::Source;
use crate::worker::deadlines::{self, Tick};
use crate::worker::scratch::Scratch;
use http1::{HeadScanner, Refusal, Version};
use std::future::poll_fn;
use std::task::Poll;

/// What came of waiting.
#[derive(Debug)]
pub(super) enum Next {
    /// A head of this length.
    Head(usize),
    /// Something that cannot become a head.
    Refused(Refusal),
    /// A head that did not come to its end in time.
    TimedOut,
    /// The connection ended, or was idle for too long.
    Closed,
    /// There is nothing to read at the moment.
    Quiet,
}

impl Client {
    /// Waits until something can be received, and answers whether something can. Nothing is held meanwhile. `since` is
    /// when the connection became idle.
    pub(super) async fn first_byte(&mut self, first: Option<Tick>, since: Tick) -> bool {
        let due = {
            let active = self.worker.active();
            let limits = &active.served.snapshot.plan.limits;
            match first {
                Some(first) => first.after(limits.head_timeout),
                None => since.after(limits.idle_timeout),
            }
        };
        poll_fn(|context| match self.stream.poll_readable(context) {
            Poll::Ready(readable) => Poll::Ready(readable),
            Poll::Pending if self.is_over(due) => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Waits for the head of the next request. No buffer is held before its first byte.
    pub(super) async fn next_head(&mut self, first: Option<Tick>) -> Next {
        let active = self.worker.active();
        let limits = &active.served.snapshot.plan.limits;
        let head_timeout = limits.head_timeout;
        let head_limits = active.served.snapshot.head_limits;
        // An idle connection must not keep an old snapshot alive.
        drop(active);
        if let Some(refusal) = self.stream.refused() {
            return Next::Refused(refusal);
        }
        let mut scanner = HeadScanner::default();
        let mut started = false;
        self.deadline.set_at(first.unwrap_or_else(deadlines::now).after(head_timeout));
        poll_fn(|context| {
            loop {
                let received = self.stream.received();
                if !received.is_empty() {
                    match scanner.scan(received, &head_limits) {
                        Ok(Some(length)) => return Poll::Ready(Next::Head(length)),
                        Ok(None) => {}
                        Err(refusal) => return Poll::Ready(Next::Refused(refusal)),
                    }
                    started = true;
                }
                match self.stream.poll_fill(context, false) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Closed),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending if !started => return Poll::Ready(Next::Quiet),
                    Poll::Pending if !self.deadline.is_due() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Next::TimedOut),
                }
            }
        })
        .await
    }

    /// Refuses what cannot become a head.
    pub(super) async fn refuse_head(&mut self, refusal: Refusal) -> After {
        self.refuse_unparsed(refusal.status(), refusal.rule()).await
    }

    /// Refuses a head that did not come to its end in time.
    pub(super) async fn refuse_slow(&mut self) -> After {
        self.refuse_unparsed(408, "head-timeout").await
    }

    async fn refuse_unparsed(&mut self, status: u16, rule: &'static str) -> After {
        let mut scratch = Scratch::take();
        let working = &mut *scratch;
        working.begin_unparsed(self.stream.received(), self.place.peer());
        working.outcome.status = status;
        working.outcome.rule = Some(rule);
        let mut out = Vec::new();
        Answer::status(status).write(&mut out, Version::Http11, false, false, b"");
        let sent = self.send(&out).await;
        working.outcome.bytes_out = out.len() as u64;
        let active = self.worker.active();
        self.finish(&active, working);
        if sent.is_ok() { After::Close } else { After::Abort }
    }
}
