//! A client's connection from accept to close: handshake, then one request after the other. Every phase has a
//! deadline from its first moment.

mod answer;
mod files;
mod finish;
mod handshake;
mod head;
mod http2;
mod pool;
pub(crate) mod proxied;
mod respond;
mod send;
mod sorted;

pub use finish::PROBE_HOST;

use crate::listener::PortFacts;
use crate::shared::{Place, Shared};
use crate::transport::Source;
use crate::transport::client::ClientStream;
use crate::worker::active::Active;
use crate::worker::deadlines::{self, Deadline, Tick};
use crate::worker::scratch::Scratch;
use crate::worker::{Counted, Watching, Worker};
use head::Next;
use pool::Pool;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is read and dropped of a client that still sends when its connection ends, so that it can read our last words
/// before the kernel resets the connection.
const LINGER_BYTES: usize = 256 << 10;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(2);

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: ClientStream,
    pub(crate) deadline: Deadline,
    port: Rc<PortFacts>,
    /// The name that the TLS connection was opened for.
    sni: Option<Rc<str>>,
    worker: Counted,
    place: Rc<Place>,
    /// The address that it connected to, where the socket does not tell.
    announced: Option<SocketAddr>,
}

/// A connection that was counted.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) place: Place,
    /// Whether a header of the PROXY protocol comes first.
    pub(crate) announced: bool,
}

/// What becomes of a connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It waits for the next request.
    KeepAlive,
    /// Nothing was asked.
    Quiet,
    /// It ends so that the client can read everything.
    Close,
    /// It is cut without another word: the peer is gone, or a response was broken off and must look so.
    Abort,
}

/// What serves the connections of a listener, each in a task of its own.
pub(crate) fn server(port: PortFacts, worker: Rc<Worker>) -> impl Fn(TcpStream, Admitted) {
    let port = Rc::new(port);
    let pool = Rc::new(Pool::new(Client::busy));
    move |socket, Admitted { place, announced }| {
        // A socket that is gone already needs nobody to serve it.
        if let Ok(client) = Client::new(socket, place, &port, &worker) {
            let pool = Rc::clone(&pool);
            if announced {
                tokio::task::spawn_local(client.serve_announced(pool));
            } else {
                tokio::task::spawn_local(client.serve(pool));
            }
        }
    }
}

impl Client {
    /// A connection in a box of its own, so that the task that serves it is small while it is idle.
    fn new(
        socket: TcpStream,
        place: Place,
        port: &Rc<PortFacts>,
        worker: &Rc<Worker>,
    ) -> io::Result<Box<Self>> {
        socket.set_nodelay(true)?;
        let stream = if port.planned.is_secure() {
            ClientStream::tls(socket, worker.active().served.tls.clone())?
        } else {
            ClientStream::plain(socket)
        };
        Ok(Box::new(Self {
            stream,
            deadline: Deadline::new(),
            port: Rc::clone(port),
            sni: None,
            worker: Counted::new(worker),
            place: Rc::new(place),
            announced: None,
        }))
    }

    async fn serve<F>(mut self: Box<Self>, pool: Rc<Pool<F>>)
    where
        F: Future<Output = (Box<Self>, After)> + 'static,
    {
        self.wake_when_due().await;
        if self.stream.is_tls() {
            let since = deadlines::now();
            if self.shares_its_port() {
                let Some(of_site) = Box::pin(self.sort(since)).await else { return };
                self = of_site;
            }
            if let Err(ended) = Box::pin(self.handshake(since)).await {
                return self.failed_handshake(&ended);
            }
        }
        if self.speaks_http2().await {
            return Box::pin(self.serve_http2(pool)).await;
        }
        // When the first request could have come; its head is due from then on.
        let mut since = deadlines::now();
        let mut first = Some(since);
        while self.first_byte(first, since).await {
            let (client, after) = pool.run(self, first).await;
            self = client;
            match after {
                After::KeepAlive => (first, since) = (None, deadlines::now()),
                After::Quiet => {}
                After::Close => return Box::pin(self.close()).await,
                After::Abort => return,
            }
        }
        if self.worker.is_succeeded() {
            // A request that crosses the end must not cost the client an answer that it has not read.
            Box::pin(self.close()).await;
        }
    }

    /// Has the deadline wake the task that this runs in.
    async fn wake_when_due(&mut self) {
        poll_fn(|context| {
            self.deadline.wake(context.waker());
            Poll::Ready(())
        })
        .await;
    }

    /// Answers requests as long as there are any.
    async fn busy(mut self: Box<Self>, mut first: Option<Tick>) -> (Box<Self>, After) {
        let mut answered = false;
        loop {
            let after = match self.next_head(first).await {
                Next::Head(length) => {
                    let mut scratch = Scratch::take();
                    self.answer(&mut scratch, length).await
                }
                Next::Refused(refusal) => self.refuse_head(refusal).await,
                Next::TimedOut => self.refuse_slow().await,
                Next::Closed => After::Abort,
                Next::Quiet if answered => After::KeepAlive,
                // A part of a TLS record is not a request: what the connection waits for is due when it was.
                Next::Quiet => After::Quiet,
            };
            if after != After::KeepAlive || !self.stream.has_more() {
                return (self, after);
            }
            answered = true;
            first = None;
        }
    }

    /// Tells the operator, unless too much is told already.
    pub(crate) fn tell(&self, notice: String) {
        self.worker.shared.notices.tell(notice);
    }

    /// What all threads share.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.worker.shared)
    }

    /// Whether the gate is ending, so that no further request is taken from this connection.
    pub(crate) fn is_draining(&self) -> bool {
        self.worker.is_draining()
    }

    /// How often something else was installed.
    pub(crate) fn installs(&self) -> u64 {
        self.worker.installs.get()
    }

    /// Whether new requests are answered with this.
    pub(crate) fn is_answered_from(&self, active: &Active) -> bool {
        std::ptr::eq(&raw const *self.worker.active(), active)
    }

    /// Has the next install wake this connection, as long as the value lives.
    pub(crate) fn watch_installs(&self) -> Watching {
        Watching::new(&self.worker)
    }

    /// How long an exchange with a host may go on that is not served any more; nothing where it is.
    pub(crate) fn time_of_removed(&self, host: &str) -> Option<Duration> {
        let active = self.worker.active();
        let snapshot = &active.served.snapshot;
        let table = snapshot.ports.get(&self.port.planned.port);
        let is_served = table.is_some_and(|table| table.hosts.find(host).is_some());
        (!is_served).then_some(snapshot.plan.limits.drain_timeout)
    }

    /// Whether what the connection waits for has not come by `due`, or by the time that the gate has for it.
    fn is_over(&self, due: Tick) -> bool {
        self.deadline.set_at(due.min(self.worker.idle_end()));
        self.deadline.is_due()
    }

    fn pending_until_due(&self) -> Poll<io::Result<()>> {
        if self.deadline.is_due() { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending }
    }

    /// Reads and drops what the client still sends, up to `most` bytes; `false` when there was more.
    async fn discard(&mut self, most: usize) -> io::Result<bool> {
        let mut dropped = 0;
        poll_fn(|context| {
            loop {
                let count = self.stream.received().len();
                self.stream.consume(count);
                dropped += count;
                if dropped > most {
                    return Poll::Ready(Ok(false));
                }
                match self.stream.poll_fill(context, true) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(true)),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return self.pending_until_due().map_ok(|()| true),
                }
            }
        })
        .await
    }

    /// Ends the connection so that the client can read everything that was sent.
    async fn close(mut self: Box<Self>) {
        // Without it a response that ends with the connection could have been cut by anybody on the way.
        let _ = self.stream.notify_close();
        self.deadline.set(LINGER);
        let closed = poll_fn(|context| match self.stream.poll_close(context) {
            Poll::Pending => self.pending_until_due(),
            closed => closed,
        });
        let notified = closed.await;
        if notified.is_ok() {
            // Whatever comes of it, the connection ends here.
            let _ = self.discard(LINGER_BYTES).await;
        }
    }
}
