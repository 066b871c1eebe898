//! Both directions of a connection: bytes are moved as fast as the receiver takes them, ends are passed on, and
//! silence ends it.

use super::StreamRuntime;
use super::end::Ended;
use crate::service::InFlight;
use crate::transport::instance::InstanceStream;
use crate::transport::plain::{Pipe, Plain};
use crate::transport::socket::SocketStream;
use crate::transport::{Sink, Source};
use crate::worker::Worker;
use crate::worker::deadlines::{self, Deadline, Tick};
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bytes of one direction, taken at least [`MUCH`] at once, after which the kernel moves what follows: below, a pipe
/// costs more than it saves.
const SPLICE_AFTER: usize = 256 << 10;
/// Bytes that come at once while a transfer is long.
const MUCH: usize = 16 << 10;

/// What is read and dropped of a client whose instance takes no more, and how long that may take.
const LINGER_BYTES: usize = 256 << 10;
const LINGER: Duration = Duration::from_secs(2);

/// Both ends and both directions.
#[derive(Debug)]
pub(super) struct Relay {
    client: SocketStream,
    instance: InstanceStream,
    up: Direction,
    down: Direction,
}

/// What a relay looks at beside the bytes.
struct Watch<'a> {
    worker: &'a Worker,
    stream: &'a mut Rc<StreamRuntime>,
    in_flight: &'a InFlight,
    installs: u64,
    /// When a connection ends that a reload left without its stream or instance.
    removed: Tick,
    /// What had moved when something moved last, and when that was.
    last: (u64, Tick),
}

impl Relay {
    pub(super) fn new(client: SocketStream, instance: InstanceStream) -> Self {
        Self { client, instance, up: Direction::default(), down: Direction::default() }
    }

    /// Bytes of the client and bytes to the client.
    pub(super) fn moved(&self) -> (u64, u64) {
        (self.up.moved, self.down.moved)
    }

    /// Moves bytes until both directions have ended. The stream was found after so many `installs`.
    pub(super) async fn run(
        &mut self,
        deadline: &Deadline,
        worker: &Worker,
        stream: &mut Rc<StreamRuntime>,
        in_flight: &InFlight,
        installs: u64,
    ) -> Result<(), Ended> {
        let last = (0, deadlines::now());
        let mut watch = Watch { worker, stream, in_flight, installs, removed: Tick::NEVER, last };
        poll_fn(|context| {
            if let Poll::Ready(ended) = self.poll(context) {
                return Poll::Ready(ended);
            }
            watch.poll(self.up.moved + self.down.moved, deadline)
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let Self { client, instance, up, down } = self;
        up.poll(context, client, instance).map_err(Ended::Client)?;
        down.poll(context, instance, client).map_err(Ended::Instance)?;
        if !(up.is_over() && down.is_over()) {
            return Poll::Pending;
        }
        // Who takes no more may well have said its last words, which the other direction has passed on.
        let broken = up.broken.take().map(Ended::Instance);
        Poll::Ready(match broken.or_else(|| down.broken.take().map(Ended::Client)) {
            Some(ended) => Err(ended),
            None => Ok(()),
        })
    }

    /// Whether everything was passed on that there was to say, though one side took no more.
    pub(super) fn is_over(&self) -> bool {
        self.up.is_over() && self.down.is_over()
    }

    /// Lets the client read the last words of an instance that took no more, which what it still sends would have the
    /// kernel throw away.
    pub(super) async fn linger(mut self, deadline: &Deadline) {
        deadline.set(LINGER);
        let mut dropped = 0;
        poll_fn(|context| {
            loop {
                let count = self.client.received().len();
                self.client.consume(count);
                dropped += count;
                match self.client.poll_fill(context, true) {
                    Poll::Ready(Ok(1..)) if dropped <= LINGER_BYTES => {}
                    Poll::Pending if !deadline.is_due() => return Poll::Pending,
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    /// Has both sides see that the connection was broken off.
    pub(super) fn abort(self) {
        self.client.abort();
        self.instance.abort();
    }
}

impl Watch<'_> {
    fn poll(&mut self, moved: u64, deadline: &Deadline) -> Poll<Result<(), Ended>> {
        let now = deadlines::now();
        if moved != self.last.0 {
            self.last = (moved, now);
        }
        if self.installs != self.worker.installs.get() {
            self.installs = self.worker.installs.get();
            self.look_at_what_was_installed();
        }
        let idle = self.last.1.after(self.stream.plan.idle_timeout);
        deadline.set_at(idle.min(self.removed));
        if !deadline.is_due() {
            return Poll::Pending;
        }
        Poll::Ready(Err(if self.removed <= now { Ended::Removed } else { Ended::Idle }))
    }

    /// A connection of a stream that is still there goes on with its settings; one that is not, or whose instance is
    /// not, has as long as requests have at the end of the gate.
    fn look_at_what_was_installed(&mut self) {
        let active = self.worker.active();
        match active.stream(&self.stream.plan.name) {
            Some(new) if new.plan == self.stream.plan || new.service.has(self.in_flight.instance()) => {
                self.removed = Tick::NEVER;
                *self.stream = Rc::clone(new);
            }
            _ if self.removed == Tick::NEVER => {
                let drain = active.served.snapshot.plan.limits.drain_timeout;
                self.removed = deadlines::now().after(drain);
            }
            _ => {}
        }
    }
}

/// A stream of bytes that may have no need to be seen.
trait End {
    fn as_plain(&self) -> Option<Plain<'_>>;

    /// Queues what says that nothing more will come, where the connection has words for it.
    fn notify_end(&mut self) -> io::Result<()>;

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl End for SocketStream {
    fn as_plain(&self) -> Option<Plain<'_>> {
        self.as_plain()
    }

    fn notify_end(&mut self) -> io::Result<()> {
        self.notify_close()
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(context)
    }
}

impl End for InstanceStream {
    fn as_plain(&self) -> Option<Plain<'_>> {
        self.as_plain()
    }

    fn notify_end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(context)
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Direction {
    moved: u64,
    /// Bytes since less than [`MUCH`] came at once.
    run: usize,
    pipe: Option<Pipe>,
    state: State,
    /// Why the receiver takes no more.
    broken: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Moving,
    /// The sender has ended, and the receiver does not know yet.
    Ending,
    Over,
}

/// Which side broke.
enum Broken {
    Source(io::Error),
    Sink(io::Error),
}

impl Direction {
    fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Moves what can be moved now. The error is the sender's; that the receiver takes no more ends this direction alone.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut (impl Source + End),
        to: &mut (impl Sink + End),
    ) -> io::Result<()> {
        match self.poll_move(context, from, to) {
            Poll::Ready(Err(Broken::Source(error))) => return Err(error),
            Poll::Ready(Err(Broken::Sink(error))) => {
                self.broken = Some(error);
                self.pipe = None;
                self.state = State::Over;
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Ok(())
    }

    fn poll_move(
        &mut self,
        context: &mut Context<'_>,
        from: &mut (impl Source + End),
        to: &mut (impl Sink + End),
    ) -> Poll<Result<(), Broken>> {
        if self.state == State::Moving {
            ready!(self.poll_bytes(context, from, to))?;
            self.pipe = None;
            to.notify_end().map_err(Broken::Sink)?;
            self.state = State::Ending;
        }
        if self.state == State::Ending {
            ready!(to.poll_end(context)).map_err(Broken::Sink)?;
            self.state = State::Over;
        }
        Poll::Ready(Ok(()))
    }

    /// Moves bytes to the end of them.
    fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
        from: &mut (impl Source + End),
        to: &mut (impl Sink + End),
    ) -> Poll<Result<(), Broken>> {
        loop {
            while !from.received().is_empty() {
                let taken = ready!(to.poll_send(context, from.received(), &[])).map_err(Broken::Sink)?;
                if taken == 0 {
                    return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
                }
                from.consume(taken);
                self.moved += taken as u64;
            }
            if self.run >= SPLICE_AFTER
                && let (Some(source), Some(sink)) = (from.as_plain(), to.as_plain())
                && (self.pipe.is_some() || self.lend())
            {
                if ready!(self.poll_splice(context, source, sink))?.is_break() {
                    return Poll::Ready(Ok(()));
                }
                self.pipe = None;
                self.run = 0;
            }
            let filled = from.poll_fill(context, true);
            if filled.is_pending() {
                // What was taken leaves before more is waited for.
                let _ = to.poll_flush(context).map_err(Broken::Sink)?;
            }
            match ready!(filled).map_err(Broken::Source)? {
                0 => return to.poll_flush(context).map_err(Broken::Sink),
                count @ MUCH.. => self.run = self.run.saturating_add(count),
                _ => self.run = 0,
            }
        }
    }

    fn lend(&mut self) -> bool {
        self.pipe = Pipe::lend();
        self.pipe.is_some()
    }

    /// Has the kernel move bytes through a pipe, which is given back while there are none: to the end of them, or until
    /// few come at once.
    fn poll_splice(
        &mut self,
        context: &mut Context<'_>,
        from: Plain<'_>,
        to: Plain<'_>,
    ) -> Poll<Result<ControlFlow<()>, Broken>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Pending };
        let mut last = MUCH;
        loop {
            while !pipe.is_empty() {
                let taken = ready!(pipe.poll_drain(context, to)).map_err(Broken::Sink)?;
                if taken == 0 {
                    return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
                }
                self.moved += taken as u64;
            }
            if last < MUCH {
                return Poll::Ready(Ok(ControlFlow::Continue(())));
            }
            match pipe.poll_fill(context, from) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(ControlFlow::Break(()))),
                Poll::Ready(Ok(count)) => last = count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Source(error))),
                Poll::Pending => {
                    self.pipe = None;
                    return Poll::Pending;
                }
            }
        }
    }
}
