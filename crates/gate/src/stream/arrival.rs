//! A connection that was accepted: who it is from, and which stream it is for.

use super::serve::{Served, log_refused};
use super::{Heard, StreamRuntime, hear};
use crate::connection::{Admitted, proxied};
use crate::listener::PortFacts;
use crate::shared::Place;
use crate::snapshot::{Destination, StreamPort};
use crate::stream::end::Ended;
use crate::transport::alert::UNRECOGNIZED_NAME;
use crate::worker::buffers::Buffer;
use crate::worker::deadlines::{self, Deadline, Tick};
use crate::worker::{Counted, Worker};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use tokio::net::TcpStream;
use wire::proxy::Header;

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) socket: TcpStream,
    pub(super) place: Rc<Place>,
    pub(super) deadline: Deadline,
    pub(super) worker: Counted,
    /// The address that the client connected to.
    pub(super) local: SocketAddr,
    /// What was received already.
    pub(super) received: Option<Buffer>,
    /// The name that was asked for.
    pub(super) host: Option<String>,
}

/// What serves the connections of a listener, each in a task of its own.
pub(crate) fn server(port: PortFacts, worker: Rc<Worker>) -> impl Fn(TcpStream, Admitted) {
    move |socket, Admitted { place, announced }| {
        // A socket that is gone already needs nobody to serve it.
        if socket.set_nodelay(true).is_ok() {
            let local = socket.local_addr().unwrap_or(port.local);
            let arrival = Arrival::new(socket, Rc::new(place), Deadline::new(), Counted::new(&worker), local);
            tokio::task::spawn_local(arrival.run(port, announced));
        }
    }
}

impl Arrival {
    pub(crate) fn new(
        socket: TcpStream,
        place: Rc<Place>,
        deadline: Deadline,
        worker: Counted,
        local: SocketAddr,
    ) -> Self {
        Self { socket, place, deadline, worker, local, received: None, host: None }
    }

    /// Notes what was received before the stream was known.
    pub(crate) fn heard(&mut self, received: Buffer, host: Option<String>) {
        self.received = Some(received);
        self.host = host;
    }

    /// Who the client is.
    pub(super) fn client(&self) -> SocketAddr {
        self.place.peer()
    }

    async fn run(mut self, port: PortFacts, announced: bool) {
        let since = deadlines::now();
        poll_fn(|context| {
            self.deadline.wake(context.waker());
            Poll::Ready(())
        })
        .await;
        if announced && !self.take_header().await {
            return;
        }
        let active = self.worker.active();
        let found = active.served.snapshot.streams.of(port.planned);
        let index = match found {
            Some(StreamPort::Whole(index)) => Some(*index),
            Some(named) => {
                let timeout = active.served.snapshot.plan.limits.handshake_timeout;
                self.deadline.set_at(since.after(timeout));
                let Ok(Heard { received, hello }) = hear(&self.socket, &self.deadline).await else {
                    return self.worker.shared.metrics.failed_handshake();
                };
                match hello {
                    Ok(hello) => {
                        let found = named.find(hello.server_name.as_deref());
                        self.heard(received, hello.server_name);
                        match found {
                            Some(Destination::Stream(index)) => Some(index),
                            _ => return self.refused(&Ended::Name),
                        }
                    }
                    Err(malformed) => return self.refused(&Ended::Hello(malformed)),
                }
            }
            // A reload took the stream away just now.
            None => None,
        };
        let Some(stream) = index.and_then(|index| active.streams.get(index).cloned()) else { return };
        drop(active);
        self.serve(stream, since).await;
    }

    /// Takes the header of the PROXY protocol and the client that it names; whether it is served.
    async fn take_header(&mut self) -> bool {
        let metrics = &self.worker.shared.metrics;
        self.deadline.set(self.worker.active().served.snapshot.plan.limits.handshake_timeout);
        match proxied::header(&self.socket, &self.deadline).await {
            Ok(Header::Proxied { source, destination }) => {
                let Some(place) = self.worker.shared.connections.admit(source) else {
                    metrics.refused_connection();
                    return false;
                };
                self.place = Rc::new(place);
                self.local = destination;
                true
            }
            Ok(Header::Own) => true,
            Err(_) => {
                metrics.failed_proxy_header();
                false
            }
        }
    }

    /// Serves the connection for a stream until its end. Its handshakes began at `since`.
    pub(crate) async fn serve(self, stream: Rc<StreamRuntime>, since: Tick) {
        Served::new(stream, &self).run(self, since).await;
    }

    /// Ends a connection that belongs to no stream. Who spoke TLS hears why; an empty socket takes so few bytes at once.
    fn refused(&self, ended: &Ended) {
        if matches!(ended, Ended::Name) {
            let _ = self.socket.try_write(&UNRECOGNIZED_NAME);
        }
        self.worker.shared.metrics.failed_handshake();
        log_refused(&self.worker, self.client(), self.host.as_deref(), ended);
    }
}
