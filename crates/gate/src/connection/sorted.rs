//! A port that sites share with streams: the name in the first message of TLS decides whose the connection is.

use super::Client;
use crate::snapshot::{Destination, Speaks};
use crate::stream::{Arrival, Heard, hear};
use crate::transport::client::ClientStream;
use crate::worker::deadlines::Tick;

impl Client {
    /// Whether streams are served by their names on the port of this site.
    pub(super) fn shares_its_port(&self) -> bool {
        let planned = self.port.planned;
        planned.speaks == Speaks::Https && self.worker.active().served.snapshot.streams.of(planned).is_some()
    }

    /// Reads the first message, and gives the connection back where it is for a site. Otherwise it was one of a stream,
    /// and is over.
    ///
    /// Whatever cannot be read is for the sites too: their TLS says what is wrong with it.
    pub(super) async fn sort(mut self: Box<Self>, since: Tick) -> Option<Box<Self>> {
        let active = self.worker.active();
        let limits = &active.served.snapshot.plan.limits;
        self.deadline.set_at(since.after(limits.handshake_timeout));
        let socket = self.stream.as_socket()?;
        let Ok(Heard { received, hello }) = hear(socket.socket(), &self.deadline).await else {
            self.worker.shared.metrics.failed_handshake();
            return None;
        };
        let hello = hello.unwrap_or_default();
        let found = active.served.snapshot.streams.of(self.port.planned);
        let found = found.and_then(|port| port.find(hello.server_name.as_deref()));
        let Some(Destination::Stream(index)) = found else {
            socket.begin_with(received);
            return Some(self);
        };
        let stream = active.streams.get(index)?.clone();
        drop(active);
        let Self { stream: client, deadline, port, worker, place, announced, .. } = *self;
        let ClientStream::Socket(client) = client else { return None };
        let socket = client.into_socket();
        let local = announced.or_else(|| socket.local_addr().ok()).unwrap_or(port.local);
        let mut arrival = Arrival::new(socket, place, deadline, worker, local);
        arrival.heard(received, hello.server_name);
        arrival.serve(stream, since).await;
        None
    }
}
