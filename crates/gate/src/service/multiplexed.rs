//! Connections of HTTP/2 to one instance, each shared by many requests of this thread.

use super::opening::{Claim, Opening, Openings};
use crate::http2::{Http2Exchange, Place};
use crate::transport::instance::InstanceStream;
use crate::worker::deadlines::{self, Tick};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Exchanges of one connection, where the instance allows as many.
const EXCHANGES: usize = 100;
/// Bytes of one response that an instance may send ahead.
const STREAM_WINDOW: u32 = 256 << 10;
/// The same of all of a connection: clients that take nothing must not keep it from the others.
const CONNECTION_WINDOW: u32 = EXCHANGES as u32 * STREAM_WINDOW;
/// What small frames that wait for their clients may cost, 256 less their length each: a connection in which they cost
/// more is cut with all of its exchanges, so it has to do for responses that stream small messages.
const SMALL_FRAMES: usize = 64 << 20;
/// Bytes of one request that wait for the socket.
const SEND_BUFFER: usize = 64 << 10;
/// Bytes of a head and its fields, in the count of HTTP/2.
const HEAD: u32 = 128 << 10;

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Multiplexed {
    open: RefCell<Vec<Open>>,
    openings: Openings,
    /// Exchanges at once that the instance allowed on the connection that was opened last.
    takes: Cell<Option<usize>>,
}

/// What a request gets.
pub(super) enum Claimed<'a> {
    Stream(InstanceStream),
    /// It has to open a connection for all.
    Open(Opening<'a>),
    /// It has to open one for itself.
    Alone,
}

struct Open {
    sender: SendRequest<Bytes>,
    /// Each exchange holds one of these.
    places: Rc<()>,
    used: Tick,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("exchanges", &self.exchanges()).finish_non_exhaustive()
    }
}

impl Open {
    fn exchanges(&self) -> usize {
        Rc::strong_count(&self.places) - 1
    }
}

impl Multiplexed {
    /// A stream of a connection that has room, now or once one that is being opened has, or the duty to open one. Who
    /// waited for others that could not open any gets an error: trying it one after the other would keep the last one
    /// waiting for the sum of all.
    pub(super) async fn claim(&self, tls: bool, kept: usize) -> io::Result<Claimed<'_>> {
        let before = self.openings.failures();
        loop {
            if let Some(stream) = poll_fn(|context| Poll::Ready(self.take(context, tls))).await {
                return Ok(Claimed::Stream(stream));
            }
            if self.openings.have_failed(before) {
                return Err(io::Error::other("another request could not open a connection just now"));
            }
            let (open, takes) = (self.open.borrow().len(), self.takes.get().unwrap_or(EXCHANGES));
            match self.openings.claim(open, kept, takes) {
                Claim::Open(opening) => return Ok(Claimed::Open(opening)),
                Claim::Alone => return Ok(Claimed::Alone),
                Claim::Wait => self.openings.wait().await,
            }
        }
    }

    /// A stream of the first connection that has room. Connections that ended, or were told to, are forgotten.
    pub(super) fn take(&self, context: &mut Context<'_>, tls: bool) -> Option<InstanceStream> {
        let mut open = self.open.borrow_mut();
        open.retain_mut(|known| !matches!(known.sender.poll_ready(context), Poll::Ready(Err(_))));
        let has_room =
            |known: &&mut Open| known.exchanges() < known.sender.current_max_send_streams().min(EXCHANGES);
        let known = open.iter_mut().find(has_room)?;
        known.used = deadlines::now();
        let exchange = Http2Exchange::new(known.sender.clone(), tls, self.place(&known.places));
        Some(InstanceStream::http2(exchange))
    }

    /// Begins HTTP/2 on a connection, and waits for what the instance allows; the first stream of it. It is kept for
    /// others unless `most` are.
    pub(super) async fn start(
        &self,
        stream: InstanceStream,
        tls: bool,
        most: usize,
    ) -> io::Result<InstanceStream> {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            // None before the instance has said how many it takes: those beyond would be refused.
            .initial_max_send_streams(0);
        let (sender, mut connection) =
            builder.handshake::<_, Bytes>(stream).await.map_err(io::Error::other)?;
        poll_fn(|context| match Pin::new(&mut connection).poll(context) {
            Poll::Ready(ended) => Poll::Ready(Err(ended.err().map_or_else(
                || io::Error::new(io::ErrorKind::UnexpectedEof, "the instance closed the connection"),
                io::Error::other,
            ))),
            Poll::Pending if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        self.takes.set(Some(connection.max_concurrent_send_streams().min(EXCHANGES)));
        // How it ends is told to every stream of it.
        tokio::task::spawn_local(async { drop(connection.await) });
        let places = Rc::new(());
        let exchange = Http2Exchange::new(sender.clone(), tls, self.place(&places));
        let mut open = self.open.borrow_mut();
        if open.len() < most {
            open.push(Open { sender, places, used: deadlines::now() });
        }
        Ok(InstanceStream::http2(exchange))
    }

    fn place(&self, of: &Rc<()>) -> Place {
        Place::new(of, self.openings.changed())
    }

    /// Closes connections that carried nothing for too long.
    pub(super) fn sweep(&self, now: Tick, timeout: Duration) {
        let mut open = self.open.borrow_mut();
        for known in open.iter_mut().filter(|known| known.exchanges() > 0) {
            known.used = now;
        }
        open.retain(|known| now.since(known.used) <= timeout);
    }
}
