//! Streams of UDP: one task for each socket receives from clients; each session has a socket of its own towards its
//! instance, so that answers find their client.
//!
//! The kernel gives all datagrams of a client to one socket, so a session belongs to one thread. Nothing is sent that
//! was not received: the gate adds no byte in either direction and keeps no datagram.

mod socket;
mod table;

use super::StreamRuntime;
use super::end::Ended;
use crate::listener::PortFacts;
use crate::service::InFlight;
use crate::shared::Full;
use crate::snapshot::StreamPort;
use crate::worker::deadlines::{self, Deadline, Tick};
use crate::worker::{Counted, Worker};
use rustix::io::Errno;
use rustix::net::SendFlags;
pub(crate) use socket::tell_destinations;
use socket::{Socket, Way};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use table::{Parts, QUIET, Session, Table};
use tokio::net::UdpSocket;

/// Datagrams of clients, or of one instance, that are passed on before others get their turn.
const AT_ONCE: usize = 32;
/// The longest datagram.
const LONGEST: usize = 65_535;
/// Silence after which a session ends while the gate is ending.
const ENDING: Duration = Duration::from_secs(1);

thread_local! {
    /// Where a datagram stands while it is passed on.
    static DATAGRAM: RefCell<Vec<u8>> = RefCell::new(vec![0; LONGEST]);
}

/// Receives from clients until the task is aborted.
pub(crate) async fn serve(socket: UdpSocket, port: PortFacts, worker: Rc<Worker>) {
    let installs = worker.installs.get();
    let table = Rc::new(Table::new(Socket::new(socket, port.local.ip())));
    let mut listener = Datagrams { table, port, worker, installs, stream: None, deadline: Deadline::new() };
    listener.find_stream();
    poll_fn(|context| listener.poll(context)).await;
}

/// A socket and its sessions.
struct Datagrams {
    table: Rc<Table>,
    port: PortFacts,
    worker: Rc<Worker>,
    installs: u64,
    stream: Option<Rc<StreamRuntime>>,
    deadline: Deadline,
}

impl Datagrams {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.deadline.wake(context.waker());
        if self.installs != self.worker.installs.get() {
            self.installs = self.worker.installs.get();
            self.find_stream();
        }
        let mut received = 0;
        // Two gates that receive from one socket would each get a part of what a client says.
        while !self.worker.is_succeeded() && received < AT_ONCE && self.poll_one(context).is_ready() {
            received += 1;
        }
        if received == AT_ONCE {
            context.waker().wake_by_ref();
        }
        if let Some(stream) = &self.stream {
            self.table.give_up_for(&stream.connections);
        }
        let idle = self.stream.as_ref().map_or(ENDING, |stream| stream.plan.idle_timeout);
        let is_alone = self.worker.is_draining() && !self.worker.is_succeeded();
        let idle = if is_alone { idle.min(ENDING) } else { idle };
        let due = self.table.end_idle(idle);
        // A thread whose clients say nothing still looks whether another one needs room.
        self.deadline.set_at(if due == Tick::NEVER { due } else { due.min(deadlines::now().after(QUIET)) });
        Poll::Pending
    }

    /// The stream as it is now; sessions whose instance is not there any more end.
    fn find_stream(&mut self) {
        let active = self.worker.active();
        let index = match active.served.snapshot.streams.of(self.port.planned) {
            Some(StreamPort::Whole(index)) => Some(*index),
            _ => None,
        };
        self.stream = index.and_then(|index| active.streams.get(index).cloned());
        let stream = self.stream.as_ref();
        self.table.end_where(&Ended::Removed, |session| {
            stream.is_none_or(|stream| {
                stream.plan != session.stream.plan && !stream.service.has(session.in_flight.instance())
            })
        });
    }

    /// Receives and passes on one datagram of a client.
    fn poll_one(&self, context: &mut Context<'_>) -> Poll<()> {
        DATAGRAM.with_borrow_mut(|datagram| {
            let (length, way) = match self.table.socket.poll_receive(context, datagram) {
                Poll::Ready(Ok(received)) => received,
                // What an earlier answer met on its way; the next datagram is another matter.
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            };
            if let Some(session) = self.table.find(way).or_else(|| self.begin(way)) {
                self.pass_on(&session, &datagram[..length]);
            }
            Poll::Ready(())
        })
    }

    fn pass_on(&self, session: &Session, datagram: &[u8]) {
        self.table.touch(session);
        // The runtime does not know yet whether a new socket has room; the kernel does.
        match rustix::net::send(&session.socket, datagram, SendFlags::empty()) {
            Ok(_) => session.bytes_in.set(session.bytes_in.get() + datagram.len() as u64),
            // No room, or longer than the way to the instance takes: lost, as on any other part of the way.
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::MSGSIZE) => {}
            Err(error) => failed(&self.table, session, error.into()),
        }
    }

    /// Begins a session, where the limits have room for one.
    fn begin(&self, way: Way) -> Option<Rc<Session>> {
        let client = way.client;
        let stream = self.stream.as_ref()?;
        let connections = &self.worker.shared.connections;
        if self.worker.is_draining() {
            return None;
        }
        let admit = || {
            if connections.is_full() {
                return Err(Full::Total);
            }
            let own = stream.connections.admit_below(client)?;
            Ok((connections.admit_proxy(client), own))
        };
        let places = match admit() {
            Err(Full::Total) if self.table.make_room() => admit(),
            admitted => admitted,
        };
        let places = match places {
            Ok(places) => places,
            Err(full) => {
                stream.counters.refused();
                if full == Full::Total {
                    stream.connections.want();
                }
                return None;
            }
        };
        let (socket, in_flight) = self.instance(stream, client)?;
        let worker = Counted::new(&self.worker);
        let parts = Parts { way, stream: Rc::clone(stream), in_flight, socket, worker, places };
        let table = Rc::clone(&self.table);
        Some(
            self.table.add(parts, |session| tokio::task::spawn_local(answers(table, session)).abort_handle()),
        )
    }

    /// A socket that is connected to an instance.
    fn instance(&self, stream: &StreamRuntime, client: SocketAddr) -> Option<(UdpSocket, InFlight)> {
        let mut tried = Vec::new();
        while let Some(instance) = stream.service.choose_for(Some(client.ip()), &tried) {
            match instance.open_datagrams() {
                Ok(socket) => return Some((socket, InFlight::new(&instance))),
                Err(_) => {
                    instance.failed(stream.service.plan.ejection);
                    stream.counters.connect_failed();
                    tried.push(instance);
                }
            }
        }
        None
    }
}

impl Drop for Datagrams {
    /// Without its listener no session has a client.
    fn drop(&mut self) {
        self.table.end_where(&Ended::Removed, |_| true);
    }
}

/// Passes on what an instance answers, until the session ends.
async fn answers(table: Rc<Table>, session: Rc<Session>) {
    let error = poll_fn(|context| {
        for _ in 0..AT_ONCE {
            match poll_answer(&table, &session, context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    failed(&table, &session, error);
}

fn poll_answer(table: &Table, session: &Session, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    DATAGRAM.with_borrow_mut(|datagram| {
        let mut read = tokio::io::ReadBuf::new(datagram);
        match session.socket.poll_recv(context, &mut read) {
            Poll::Ready(Ok(())) => {}
            // A router on the way has no room for what was sent, and so for less from now on.
            Poll::Ready(Err(error)) if Errno::from_io_error(&error) == Some(Errno::MSGSIZE) => {
                return Poll::Ready(Ok(()));
            }
            other => return other,
        }
        session.in_flight.instance().succeeded();
        table.touch(session);
        // What cannot leave now is lost, as on any other part of the way.
        if table.socket.send(read.filled(), session.way).is_ok() {
            session.bytes_out.set(session.bytes_out.get() + read.filled().len() as u64);
        }
        Poll::Ready(Ok(()))
    })
}

/// Ends a session whose instance is not there: the host it should be on said so.
fn failed(table: &Table, session: &Session, error: io::Error) {
    session.in_flight.instance().refused_datagrams(session.stream.service.plan.ejection);
    session.stream.counters.connect_failed();
    table.end(session, Some(&Ended::Instance(error)));
}
