//! The connection as the library reads and writes it.
//!
//! What the library says while it is polled once is gathered and leaves in one write when the poll is over, and what
//! the client says is counted on its way in.

use super::Cut;
use super::allowance::{Allowance, Moved};
use crate::forward::{Blocked, Patience, Stall};
use crate::transport::socket::SocketStream;
use crate::transport::{Sink, Source};
use crate::worker::buffers::Buffer;
use crate::worker::deadlines::{self, Tick};
use ::wire::h2::Meter;
use model::plan::Limits;
use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are copied next to others rather than sent as they lie.
const GATHERED: usize = 4 << 10;
/// Bytes that are read in one turn, and what one read brings beyond them.
const TURN: usize = 8 << 10;

/// A handle of the connection: the library has one and the task that drives it another.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    stream: SocketStream,
    /// What is gathered and not sent.
    out: Option<Buffer>,
    meter: Meter,
    allowance: Allowance,
    exceeded: Option<Cut>,
    /// Bytes read of the socket since the task began its turn.
    read: usize,
    moved: Moved,
    /// Frames of data that were sent.
    frames: Rc<Cell<u64>>,
    head_timeout: Duration,
    amid_since: Option<Tick>,
    patience: Patience,
    stall: Stall,
    blocked_until: Option<Tick>,
}

impl Wire {
    pub(crate) fn new(stream: SocketStream, limits: &Limits) -> Self {
        let patience = Patience { silence: limits.write_timeout, rate: limits.min_rate };
        Self(Rc::new(RefCell::new(Inner {
            stream,
            out: None,
            meter: Meter::default(),
            allowance: Allowance::new(limits),
            exceeded: None,
            read: 0,
            moved: Moved::default(),
            frames: Rc::default(),
            head_timeout: limits.head_timeout,
            amid_since: Some(deadlines::now()),
            patience,
            stall: Stall::default(),
            blocked_until: None,
        })))
    }

    fn inner(&self) -> RefMut<'_, Inner> {
        self.0.borrow_mut()
    }

    /// Begins a turn of the task that drives the connection. It reads little in a turn, so that others have theirs, and
    /// the streams take what came before more of it is kept for them.
    pub(crate) fn begin_turn(&self) {
        self.inner().read = 0;
    }

    /// Sends what is gathered.
    pub(crate) fn poll_flush_all(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush_all(context)
    }

    /// Notes that a request was answered to its end.
    pub(crate) fn answered(&self) {
        self.inner().moved.answered += 1;
    }

    /// Counts frames of data that are sent.
    pub(crate) fn frames(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.inner().frames)
    }

    /// Which bound the client exceeded by what moves nothing.
    pub(crate) fn exceeded(&self) -> Option<Cut> {
        self.inner().exceeded
    }

    /// When the client has to have moved on, where it is in the middle of something or takes nothing, and what it is
    /// cut for then.
    pub(crate) fn due(&self) -> (Tick, Cut) {
        let inner = self.inner();
        let amid = inner.amid_since.map_or(Tick::NEVER, |since| since.after(inner.head_timeout));
        match inner.blocked_until {
            Some(blocked) if blocked < amid => (blocked, Cut::WriteTimeout),
            _ => (amid, Cut::HeadTimeout),
        }
    }

    /// The connection itself, once the library is done with it.
    pub(crate) fn into_stream(self) -> Option<SocketStream> {
        Rc::into_inner(self.0).map(|inner| inner.into_inner().stream)
    }
}

impl Inner {
    fn poll_flush_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.poll_flush_out(context);
        if flushed.is_ready() {
            self.blocked_until = None;
        } else {
            let due = self.stall.observe(Blocked::OnSink, self.moved.sent, self.patience);
            self.blocked_until = Some(due);
        }
        flushed
    }

    fn poll_flush_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(out) = &mut self.out {
            if out.is_empty() {
                self.out = None;
                break;
            }
            match ready!(self.stream.poll_send(context, out.data(), &[]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    out.consume(count);
                    self.moved.sent += count as u64;
                }
            }
        }
        self.stream.poll_flush(context)
    }

    /// Takes bytes of the library: copied while they are few, else sent behind what was gathered.
    fn poll_take(&mut self, context: &mut Context<'_>, slices: [&[u8]; 2]) -> Poll<io::Result<usize>> {
        let [first, second] = slices;
        let whole = first.len() + second.len();
        if whole <= GATHERED {
            ready!(self.poll_make_room(context, whole))?;
            return Poll::Ready(Ok(self.gather(first) + self.gather(second)));
        }
        if !second.is_empty() && first.len() <= GATHERED {
            ready!(self.poll_make_room(context, first.len()))?;
            let gathered = self.gather(first);
            return match self.poll_send_behind(context, second) {
                Poll::Ready(sent) => Poll::Ready(sent.map(|sent| gathered + sent)),
                // What was gathered was taken already.
                Poll::Pending => Poll::Ready(Ok(gathered)),
            };
        }
        self.poll_send_behind(context, first)
    }

    fn poll_make_room(&mut self, context: &mut Context<'_>, count: usize) -> Poll<io::Result<()>> {
        if self.out.as_mut().is_some_and(|out| out.room().len() < count) {
            ready!(self.poll_flush_all(context))?;
        }
        Poll::Ready(Ok(()))
    }

    fn gather(&mut self, bytes: &[u8]) -> usize {
        self.out.get_or_insert_with(Buffer::small).append(bytes)
    }

    /// Sends bytes behind what is gathered; answers how many of them were taken.
    fn poll_send_behind(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let lead = self.out.as_ref().map_or(&[][..], Buffer::data);
            let sent = match self.stream.poll_send(context, lead, bytes) {
                Poll::Ready(sent) => sent?,
                Poll::Pending => {
                    let due = self.stall.observe(Blocked::OnSink, self.moved.sent, self.patience);
                    self.blocked_until = Some(due);
                    return Poll::Pending;
                }
            };
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.moved.sent += sent as u64;
            self.blocked_until = None;
            let of_lead = sent.min(lead.len());
            if let Some(out) = &mut self.out {
                out.consume(of_lead);
                if out.is_empty() {
                    self.out = None;
                }
            }
            if sent > of_lead {
                return Poll::Ready(Ok(sent - of_lead));
            }
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.exceeded.is_some() {
            // The task that drives the connection ends it.
            return Poll::Pending;
        }
        if self.stream.received().is_empty() {
            if self.read >= TURN {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            // The end of the stream leaves nothing received.
            self.read += ready!(self.stream.poll_fill(context, false))?;
        }
        let received = self.stream.received();
        let count = received.len().min(into.remaining());
        into.put_slice(&received[..count]);
        self.meter.feed(&received[..count]);
        self.stream.consume(count);
        (self.moved.seen, self.moved.frames) = (self.meter.seen(), self.frames.get());
        self.exceeded = self.allowance.judge(&self.moved);
        self.amid_since = self.meter.is_amid().then(|| self.amid_since.unwrap_or_else(deadlines::now));
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_receive(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_take(context, [bytes, &[]])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let mut next = || filled.next().map_or(&[][..], |slice| slice);
        let slices = [next(), next()];
        self.inner().poll_take(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Answers that everything is sent although it is gathered: it leaves at the end of the poll.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends what is gathered. The task that drives the connection closes it.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush_all(context)
    }
}
