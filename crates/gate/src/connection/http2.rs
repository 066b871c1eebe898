//! A connection of HTTP/2: one task drives it and one answers each stream. The library keeps no time, so this does.

use super::pool::Pool;
use super::{After, Client, Counted, LINGER};
use crate::http2::{Cut, Http2Stream, Wire, handshake};
use crate::listener::PortFacts;
use crate::shared::Place;
use crate::transport::Source;
use crate::transport::client::ClientStream;
use crate::worker::deadlines::{self, Deadline, Tick};
use ::wire::h2::PREFACE;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What the streams of a connection have in common.
struct Origin {
    port: Rc<PortFacts>,
    sni: Option<Rc<str>>,
    worker: Counted,
    place: Rc<Place>,
    /// The address that the client connected to.
    local: Option<SocketAddr>,
    tls_version: Option<rustls::ProtocolVersion>,
}

impl Origin {
    fn client(&self, stream: ClientStream) -> Box<Client> {
        Box::new(Client {
            stream,
            deadline: Deadline::new(),
            port: Rc::clone(&self.port),
            sni: self.sni.clone(),
            worker: self.worker.clone(),
            place: Rc::clone(&self.place),
            announced: self.local,
        })
    }
}

/// The streams of a connection that are being answered.
struct Streams {
    open: Cell<usize>,
    /// Whether there ever was one.
    any: Cell<bool>,
    /// Since when there is none.
    idle_since: Cell<Tick>,
    driver: RefCell<Option<Waker>>,
}

/// Counts a stream as long as it is being answered.
struct Open(Rc<Streams>);

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        streams.any.set(true);
        Self(Rc::clone(streams))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.idle_since.set(deadlines::now());
        if let Some(driver) = self.0.driver.borrow().as_ref() {
            driver.wake_by_ref();
        }
    }
}

/// What comes of driving a connection.
#[expect(clippy::large_enum_variant, reason = "it is returned and taken apart at once")]
enum Next {
    Stream(Request<RecvStream>, SendResponse<Bytes>),
    /// It has ended, and our last words are to be read.
    Ended,
    /// It is cut.
    Cut,
}

impl Client {
    /// Whether the client speaks HTTP/2. What it sent to say so is still there to be read.
    pub(super) async fn speaks_http2(&mut self) -> bool {
        if self.port.planned.is_secure() {
            return self.stream.protocol() == Some(b"h2");
        }
        let (served, head_timeout) = {
            let active = self.worker.active();
            let plan = &active.served.snapshot.plan;
            (plan.listen.h2c, plan.limits.head_timeout)
        };
        if !served {
            return false;
        }
        let due = deadlines::now().after(head_timeout);
        poll_fn(|context| {
            loop {
                let received = self.stream.received();
                let count = received.len().min(PREFACE.len());
                if received[..count] != PREFACE[..count] || count == PREFACE.len() {
                    return Poll::Ready(count == PREFACE.len() && received[..count] == PREFACE[..]);
                }
                match self.stream.poll_fill(context, false) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(false),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending if self.is_over(due) => return Poll::Ready(false),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Serves a connection of HTTP/2 to its end.
    pub(super) async fn serve_http2<F>(self: Box<Self>, pool: Rc<Pool<F>>)
    where
        F: Future<Output = (Box<Self>, After)> + 'static,
    {
        let Self { stream, deadline, port, sni, worker, place, announced } = *self;
        let ClientStream::Socket(socket) = stream else { return };
        let local = announced.or_else(|| socket.socket().local_addr().ok());
        let tls_version = socket.tls_version();
        let limits = worker.active().served.snapshot.plan.limits.clone();
        let origin = Origin { port, sni, worker, place, local, tls_version };
        let wire = Wire::new(socket, &limits);
        let due = deadlines::now().after(limits.head_timeout);
        let mut starting = std::pin::pin!(handshake(wire.clone(), &limits));
        let started = poll_fn(|context| match starting.as_mut().poll(context) {
            Poll::Pending => {
                deadline.set_at(due.min(origin.worker.idle_end()));
                if deadline.is_due() {
                    return Poll::Ready(None);
                }
                // A socket that failed is found to have failed by the next read.
                let _ = wire.poll_flush_all(context);
                Poll::Pending
            }
            Poll::Ready(started) => Poll::Ready(started.ok()),
        });
        let Some(connection) = started.await else { return };
        let streams = Streams {
            open: Cell::new(0),
            any: Cell::new(false),
            idle_since: Cell::new(deadlines::now()),
            driver: RefCell::default(),
        };
        let times = (limits.head_timeout, limits.idle_timeout);
        let driver = Driver {
            connection,
            wire,
            streams: Rc::new(streams),
            deadline,
            times,
            closing: None,
            told: false,
            noted: false,
        };
        driver.run(origin, pool).await;
    }

    /// Answers the one request of a stream.
    async fn serve_stream<F>(mut self: Box<Self>, pool: Rc<Pool<F>>, wire: Wire, _open: Open)
    where
        F: Future<Output = (Box<Self>, After)>,
    {
        self.wake_when_due().await;
        let (mut client, after) = pool.run(self, None).await;
        let Some(stream) = client.stream.as_http2() else { return };
        if stream.is_answered() && after != After::Abort {
            wire.answered();
            client.take_rest().await;
        } else {
            stream.abort();
        }
    }

    /// Takes what a client still sends of a request that is answered already, for a while: clients that are told to stop
    /// in the same breath as they get the answer may lose it (curl 7.88 does).
    async fn take_rest(&mut self) {
        self.deadline.set(LINGER);
        poll_fn(|context| {
            loop {
                let count = self.stream.received().len();
                self.stream.consume(count);
                match self.stream.poll_fill(context, false) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(_)) if !self.deadline.is_due() => {}
                    Poll::Pending if !self.deadline.is_due() => return Poll::Pending,
                    _ => return Poll::Ready(()),
                }
            }
        })
        .await;
    }
}

/// Drives a connection.
struct Driver {
    connection: Connection<Wire, Bytes>,
    wire: Wire,
    streams: Rc<Streams>,
    deadline: Deadline,
    /// For the first request, and between two.
    times: (Duration, Duration),
    /// When a connection that is ending is cut.
    closing: Option<Tick>,
    /// Whether the client was told that the gate is ending.
    told: bool,
    /// Whether it is counted among those that were cut.
    noted: bool,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    GoesOn,
    /// Nobody needs it any more.
    Over,
    /// The client does not keep to the rules.
    Cut(Cut),
}

impl Driver {
    async fn run<F>(mut self, origin: Origin, pool: Rc<Pool<F>>)
    where
        F: Future<Output = (Box<Client>, After)> + 'static,
    {
        let ended = loop {
            match poll_fn(|context| self.poll(context, &origin)).await {
                Next::Stream(request, respond) => {
                    let stream = Http2Stream::new(request, respond, &self.wire, origin.tls_version);
                    let client = origin.client(ClientStream::Http2(Box::new(stream)));
                    let open = Open::new(&self.streams);
                    let wire = self.wire.clone();
                    tokio::task::spawn_local(client.serve_stream(Rc::clone(&pool), wire, open));
                }
                Next::Ended => break true,
                Next::Cut => break false,
            }
        };
        let Self { connection, wire, .. } = self;
        drop(connection);
        if let Some(stream) = wire.into_stream().filter(|_| ended) {
            let mut client = origin.client(ClientStream::Socket(stream));
            drop(origin);
            client.wake_when_due().await;
            client.close().await;
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, origin: &Origin) -> Poll<Next> {
        *self.streams.driver.borrow_mut() = Some(context.waker().clone());
        self.wire.begin_turn();
        if origin.worker.is_draining() && !std::mem::replace(&mut self.told, true) {
            self.connection.graceful_shutdown();
        }
        loop {
            match self.connection.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    return Poll::Ready(Next::Stream(request, respond));
                }
                Poll::Ready(ended) => {
                    let cut = ended.and_then(Result::err).as_ref().and_then(Cut::of);
                    self.note(cut, origin);
                    // What the library says about the end leaves as far as the socket takes it.
                    let _ = self.wire.poll_flush_all(context);
                    return Poll::Ready(Next::Ended);
                }
                Poll::Pending => {}
            }
            if let Poll::Ready(Err(_)) = self.wire.poll_flush_all(context) {
                return Poll::Ready(Next::Cut);
            }
            match self.judge() {
                Verdict::GoesOn => return Poll::Pending,
                _ if self.closing.is_some() => return Poll::Ready(Next::Cut),
                verdict => self.end(verdict, origin),
            }
        }
    }

    /// Tells the client that the connection ends, and why.
    fn end(&mut self, verdict: Verdict, origin: &Origin) {
        self.closing = Some(deadlines::now().after(LINGER));
        let (cut, reason) = match verdict {
            Verdict::Cut(cut) => (Some(cut), Reason::ENHANCE_YOUR_CALM),
            Verdict::GoesOn | Verdict::Over => (None, Reason::NO_ERROR),
        };
        self.note(cut, origin);
        self.connection.abrupt_shutdown(reason);
    }

    /// Notes why the connection was cut. What ends one that is cut already is no news.
    fn note(&mut self, cut: Option<Cut>, origin: &Origin) {
        let Some(cut) = cut.filter(|_| !std::mem::replace(&mut self.noted, true)) else { return };
        let shared = &origin.worker.shared;
        let client = origin.place.peer().ip().to_canonical();
        if let Some(line) = shared.metrics.cuts.note(cut, client, Instant::now()) {
            shared.notices.tell(line);
        }
    }

    /// Sets the deadline, and says whether the connection goes on.
    fn judge(&self) -> Verdict {
        if let Some(closing) = self.closing {
            self.deadline.set_at(closing);
            return if self.deadline.is_due() { Verdict::Over } else { Verdict::GoesOn };
        }
        if let Some(cut) = self.wire.exceeded() {
            return Verdict::Cut(cut);
        }
        let (wire, cut) = self.wire.due();
        let idle = self.idle_due();
        self.deadline.set_at(wire.min(idle));
        match self.deadline.is_due() {
            false => Verdict::GoesOn,
            true if wire < Tick::NEVER => Verdict::Cut(cut),
            true => Verdict::Over,
        }
    }

    fn idle_due(&self) -> Tick {
        let (head_timeout, idle_timeout) = self.times;
        match (self.streams.open.get(), self.streams.any.get()) {
            (0, false) => self.streams.idle_since.get().after(head_timeout),
            (0, true) => self.streams.idle_since.get().after(idle_timeout),
            _ => Tick::NEVER,
        }
    }
}
