//! One connection of a stream, from its admission to its line in the log.

use super::StreamRuntime;
use super::arrival::Arrival;
use super::end::Ended;
use super::relay::Relay;
use crate::log::StreamRecord;
use crate::service::{Ends, InFlight, Lease};
use crate::shared::{Full, Place};
use crate::transport::socket::SocketStream;
use crate::worker::clock;
use crate::worker::deadlines::Tick;
use crate::worker::{Counted, Worker};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// Connections that are opened for one client at most, each to another instance.
const MAX_CONNECTS: usize = 3;

/// A connection that is served, and what the log says of it.
#[derive(Debug)]
pub(super) struct Served {
    stream: Rc<StreamRuntime>,
    client: SocketAddr,
    host: Option<String>,
    started: Instant,
    instance: Option<String>,
    bytes_in: u64,
    bytes_out: u64,
}

impl Served {
    pub(super) fn new(stream: Rc<StreamRuntime>, arrival: &Arrival) -> Self {
        Self {
            stream,
            client: arrival.client(),
            host: arrival.host.clone(),
            started: Instant::now(),
            instance: None,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Serves the connection, then counts and logs it.
    pub(super) async fn run(mut self, arrival: Arrival, since: Tick) {
        let Arrival { socket, place, deadline, worker, local, received, host: _ } = arrival;
        let ended = match self.stream.connections.admit_below(self.client) {
            Ok(own) => {
                let installs = worker.installs.get();
                let mut connection = Connection { deadline, worker: &worker, local, since, installs };
                let client = ClientParts { socket, received };
                let ended = connection.run(&mut self, client).await.err();
                // Both hold the connection's place until it is over.
                drop::<(Rc<Place>, Place)>((place, own));
                ended
            }
            Err(Full::Total) => Some(Ended::Connections),
            Err(Full::Address) => Some(Ended::Address),
        };
        self.finish(&worker, ended.as_ref());
    }

    fn finish(&self, worker: &Worker, ended: Option<&Ended>) {
        let counters = &self.stream.counters;
        if ended.is_some_and(Ended::is_refusal) {
            counters.refused();
        } else {
            counters.ended(self.bytes_in, self.bytes_out, ended.is_some());
        }
        if let Some(failure) = ended.filter(|ended| ended.is_of_instances()) {
            let instance = self.instance.as_deref().unwrap_or("no instance");
            let name = &self.stream.plan.name;
            worker
                .shared
                .notices
                .tell(format!("the stream {name} could not be served by {instance}: {failure}"));
        }
        let error = ended.map(ToString::to_string);
        worker.log.borrow_mut().write_stream(&StreamRecord {
            time: clock::now(),
            stream: &self.stream.plan.name,
            transport: "tcp",
            client: self.client.ip().to_canonical(),
            host: self.host.as_deref().unwrap_or_default(),
            instance: self.instance.as_deref().unwrap_or_default(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration: self.started.elapsed(),
            rule: ended.and_then(Ended::rule),
            error: error.as_deref(),
        });
    }
}

/// Logs a connection that was refused before it was known what it is for.
pub(crate) fn log_refused(worker: &Worker, client: SocketAddr, host: Option<&str>, ended: &Ended) {
    worker.log.borrow_mut().write_stream(&StreamRecord {
        time: clock::now(),
        stream: "",
        transport: "tcp",
        client: client.ip().to_canonical(),
        host: host.unwrap_or_default(),
        instance: "",
        bytes_in: 0,
        bytes_out: 0,
        duration: std::time::Duration::ZERO,
        rule: ended.rule(),
        error: Some(&ended.to_string()),
    });
}

/// The client's end before it is known how it is spoken to.
struct ClientParts {
    socket: tokio::net::TcpStream,
    received: Option<crate::worker::buffers::Buffer>,
}

/// What a connection needs while it lives.
struct Connection<'a> {
    deadline: crate::worker::deadlines::Deadline,
    worker: &'a Counted,
    local: SocketAddr,
    since: Tick,
    /// What was installed when the stream was found: what comes while an instance is connected is seen afterwards.
    installs: u64,
}

impl Connection<'_> {
    async fn run(&mut self, served: &mut Served, client: ClientParts) -> Result<(), Ended> {
        let client = self.handshake(&served.stream, client).await?;
        let (lease, in_flight) = self.instance(served).await?;
        let mut relay = Relay::new(client, lease.stream);
        let ended =
            relay.run(&self.deadline, self.worker, &mut served.stream, &in_flight, self.installs).await;
        (served.bytes_in, served.bytes_out) = relay.moved();
        match &ended {
            Ok(()) => {}
            Err(_) if relay.is_over() => relay.linger(&self.deadline).await,
            Err(_) => relay.abort(),
        }
        ended
    }

    /// Speaks TLS with the client, where the stream has the gate do so.
    async fn handshake(&self, stream: &StreamRuntime, client: ClientParts) -> Result<SocketStream, Ended> {
        let ClientParts { socket, received } = client;
        let Some(config) = stream.tls.clone() else {
            return Ok(match received {
                Some(received) => SocketStream::plain_after(socket, received),
                None => SocketStream::plain(socket),
            });
        };
        let timeout = self.worker.active().served.snapshot.plan.limits.handshake_timeout;
        self.deadline.set_at(self.since.after(timeout));
        let mut client = match received {
            Some(received) => SocketStream::tls_after(socket, config, received),
            None => SocketStream::tls(socket, config),
        }
        .map_err(Ended::Handshake)?;
        poll_fn(|context| match client.poll_handshake(context) {
            Poll::Pending if self.deadline.is_due() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            shaken => shaken,
        })
        .await
        .map_err(Ended::Handshake)?;
        Ok(client)
    }

    /// Opens a connection to one instance after the other until one answers.
    async fn instance(&self, served: &mut Served) -> Result<(Lease, InFlight), Ended> {
        let (service, counters) = (&served.stream.service, &served.stream.counters);
        let ends = Ends { client: served.client, local: self.local };
        let mut tried = Vec::new();
        let mut failed = None;
        while tried.len() < MAX_CONNECTS {
            let Some(instance) = service.choose_for(Some(served.client.ip()), &tried) else { break };
            served.instance = Some(instance.label.clone());
            tried.push(Rc::clone(&instance));
            let in_flight = InFlight::new(&instance);
            // In a box, for the task of a connection would keep the room of all that connecting may need.
            match Box::pin(service.connect(&instance, Some(ends))).await {
                Ok(lease) => {
                    instance.succeeded();
                    return Ok((lease, in_flight));
                }
                Err(error) => {
                    instance.failed(service.plan.ejection);
                    counters.connect_failed();
                    failed = Some(error);
                }
            }
        }
        Err(match failed {
            Some(error) => Ended::Connect(error),
            None if service.is_unresolved() => Ended::Unresolved,
            None => Ended::NoInstance,
        })
    }
}
