//! Connections of HTTP/2 to one instance, each shared by many requests of this thread.

use crate::http2::Http2Exchange;
use crate::transport::instance::InstanceStream;
use crate::worker::deadlines::{self, Tick};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes of one response, and of all of a connection, that an instance may send ahead.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one request that wait for the socket.
const SEND_BUFFER: usize = 64 << 10;
/// Bytes of a head and its fields, in the count of HTTP/2.
const HEAD: u32 = 128 << 10;

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Multiplexed {
    open: RefCell<Vec<Open>>,
    /// Held by who opens a connection.
    pub(super) opening: tokio::sync::Mutex<()>,
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
    /// A stream of the first connection that has room. Connections that ended, or were told to, are forgotten.
    pub(super) async fn take(&self, tls: bool) -> Option<InstanceStream> {
        poll_fn(|context| Poll::Ready(self.find(context, tls))).await
    }

    fn find(&self, context: &mut Context<'_>, tls: bool) -> Option<InstanceStream> {
        let mut open = self.open.borrow_mut();
        open.retain_mut(|known| !matches!(known.sender.poll_ready(context), Poll::Ready(Err(_))));
        let has_room = |known: &&mut Open| known.exchanges() < known.sender.current_max_send_streams();
        let known = open.iter_mut().find(has_room)?;
        known.used = deadlines::now();
        let exchange = Http2Exchange::new(known.sender.clone(), tls, Rc::clone(&known.places));
        Some(InstanceStream::http2(exchange))
    }

    /// Begins HTTP/2 on a connection; the first stream of it. It is kept for others unless `most` are.
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
            .max_send_buffer_size(SEND_BUFFER);
        let (sender, connection) = builder.handshake::<_, Bytes>(stream).await.map_err(io::Error::other)?;
        // How it ends is told to every stream of it.
        tokio::task::spawn_local(async { drop(connection.await) });
        let places = Rc::new(());
        let exchange = Http2Exchange::new(sender.clone(), tls, Rc::clone(&places));
        let mut open = self.open.borrow_mut();
        if open.len() < most {
            open.push(Open { sender, places, used: deadlines::now() });
        }
        Ok(InstanceStream::http2(exchange))
    }

    /// Closes connections that carried nothing for too long.
    pub(super) fn sweep(&self, now: Tick, timeout: Duration) {
        let mut open = self.open.borrow_mut();
        for known in open.iter_mut().filter(|known| known.exchanges() > 0) {
            known.used = now;
        }
        open.retain(|known| now.since(known.used) <= timeout);
    }

    /// Opens no further stream on the connections that there are.
    pub(super) fn forget(&self) {
        self.open.borrow_mut().clear();
    }
}
