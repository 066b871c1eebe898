//! Waiting for the head of the next request.

use super::{After, Client};
use crate::respond::Answer;
use crate::transport::Source;
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
}

impl Client {
    /// Waits for the head of the next request. No buffer is held before its first byte.
    pub(super) async fn next_head(&mut self, first: bool) -> Next {
        let active = self.worker.active();
        let limits = &active.served.snapshot.plan.limits;
        let (head_timeout, idle_timeout) = (limits.head_timeout, limits.idle_timeout);
        let head_limits = active.served.snapshot.head_limits;
        // An idle connection must not keep an old snapshot alive.
        drop(active);
        let mut scanner = HeadScanner::default();
        let mut started = false;
        self.deadline.set(if first { head_timeout } else { idle_timeout });
        poll_fn(|context| {
            loop {
                let received = self.stream.received();
                if !received.is_empty() {
                    match scanner.scan(received, &head_limits) {
                        Ok(Some(length)) => return Poll::Ready(Next::Head(length)),
                        Ok(None) => {}
                        Err(refusal) => return Poll::Ready(Next::Refused(refusal)),
                    }
                    if !started && !first {
                        self.deadline.set(head_timeout);
                    }
                    started = true;
                }
                match self.stream.poll_fill(context, false) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Closed),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending if !started && self.worker.draining.get() => return Poll::Ready(Next::Closed),
                    Poll::Pending if !self.deadline.is_due() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(if started { Next::TimedOut } else { Next::Closed }),
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
        working.begin_unparsed(self.peer);
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
