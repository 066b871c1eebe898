//! The sessions of one socket: by client and address that it sent to, in the order of their last datagram.

use super::socket::{Socket, Way};
use crate::log::StreamRecord;
use crate::service::InFlight;
use crate::shared::{Connections, Place};
use crate::stream::StreamRuntime;
use crate::stream::end::Ended;
use crate::worker::deadlines::{self, Tick};
use crate::worker::{Counted, clock};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

/// A session that was silent for so long may have to make room for another one. Who says more is not driven out by a
/// flood of invented clients.
pub(super) const QUIET: Duration = Duration::from_secs(1);

/// The sessions of one socket.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) socket: Socket,
    sessions: RefCell<HashMap<Way, Rc<Session>>>,
    /// By the tick of the last datagram, then by age.
    order: RefCell<BTreeMap<(Tick, u64), Way>>,
    numbers: Cell<u64>,
}

/// The datagrams of one client to and from one instance.
#[derive(Debug)]
pub(super) struct Session {
    number: u64,
    pub(super) way: Way,
    pub(super) stream: Rc<StreamRuntime>,
    pub(super) in_flight: InFlight,
    /// Connected to the instance.
    pub(super) socket: UdpSocket,
    pub(super) bytes_in: Cell<u64>,
    pub(super) bytes_out: Cell<u64>,
    last: Cell<Tick>,
    started: Instant,
    receiving: RefCell<Option<AbortHandle>>,
    worker: Counted,
    _places: (Place, Place),
}

/// What a session is made of.
pub(super) struct Parts {
    pub(super) way: Way,
    pub(super) stream: Rc<StreamRuntime>,
    pub(super) in_flight: InFlight,
    pub(super) socket: UdpSocket,
    pub(super) worker: Counted,
    pub(super) places: (Place, Place),
}

impl Table {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, sessions: RefCell::default(), order: RefCell::default(), numbers: Cell::new(0) }
    }

    pub(super) fn find(&self, way: Way) -> Option<Rc<Session>> {
        self.sessions.borrow().get(&way).cloned()
    }

    /// Adds a session; `receive` begins to take what the instance answers.
    pub(super) fn add(&self, parts: Parts, receive: impl FnOnce(Rc<Session>) -> AbortHandle) -> Rc<Session> {
        let Parts { way, stream, in_flight, socket, worker, places } = parts;
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        let session = Rc::new(Session {
            number,
            way,
            stream,
            in_flight,
            socket,
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            last: Cell::new(deadlines::now()),
            started: Instant::now(),
            receiving: RefCell::new(None),
            worker,
            _places: places,
        });
        self.sessions.borrow_mut().insert(way, Rc::clone(&session));
        self.order.borrow_mut().insert((session.last.get(), number), way);
        *session.receiving.borrow_mut() = Some(receive(Rc::clone(&session)));
        session
    }

    /// Notes that a datagram passed.
    pub(super) fn touch(&self, session: &Session) {
        let now = deadlines::now();
        if now == session.last.get() {
            return;
        }
        let mut order = self.order.borrow_mut();
        if let Some(way) = order.remove(&(session.last.get(), session.number)) {
            session.last.set(now);
            order.insert((now, session.number), way);
        }
    }

    /// Ends a session, once: it is counted and logged, and its place is free.
    pub(super) fn end(&self, session: &Session, ended: Option<&Ended>) {
        if self.order.borrow_mut().remove(&(session.last.get(), session.number)).is_none() {
            return;
        }
        self.sessions.borrow_mut().remove(&session.way);
        session.report(ended);
        if let Some(receiving) = session.receiving.borrow_mut().take() {
            receiving.abort();
        }
    }

    /// Ends those that were silent for so long, and answers when the next one will have been.
    pub(super) fn end_idle(&self, idle: Duration) -> Tick {
        loop {
            let Some((last, session)) = self.oldest() else { return Tick::NEVER };
            let due = last.after(idle);
            if due > deadlines::now() {
                return due;
            }
            // A session of UDP has no other end: silence is how it is meant to end.
            self.end(&session, None);
        }
    }

    /// Ends the session that was silent for the longest time, where that was long enough; whether there was one.
    pub(super) fn make_room(&self) -> bool {
        let Some(session) = self.quiet() else { return false };
        self.end(&session, Some(&Ended::Evicted));
        true
    }

    /// Ends silent sessions in the place of those that other threads had no room for.
    pub(super) fn give_up_for(&self, others: &Connections) {
        while let Some(session) = self.quiet()
            && others.take_wanted()
        {
            self.end(&session, Some(&Ended::Evicted));
        }
    }

    /// The session that was silent for the longest time, where that was long enough.
    fn quiet(&self) -> Option<Rc<Session>> {
        let (last, session) = self.oldest()?;
        (last.after(QUIET) <= deadlines::now()).then_some(session)
    }

    /// Ends the sessions of which this says so.
    pub(super) fn end_where(&self, ended: &Ended, goes: impl Fn(&Session) -> bool) {
        let going: Vec<_> =
            self.sessions.borrow().values().filter(|session| goes(session)).cloned().collect();
        for session in going {
            self.end(&session, Some(ended));
        }
    }

    fn oldest(&self) -> Option<(Tick, Rc<Session>)> {
        let order = self.order.borrow();
        let ((last, _), way) = order.first_key_value()?;
        self.find(*way).map(|session| (*last, session))
    }
}

impl Session {
    fn report(&self, ended: Option<&Ended>) {
        let (bytes_in, bytes_out) = (self.bytes_in.get(), self.bytes_out.get());
        self.stream.counters.ended(bytes_in, bytes_out, ended.is_some());
        let error = ended.map(ToString::to_string);
        self.worker.log.borrow_mut().write_stream(&StreamRecord {
            time: clock::now(),
            stream: &self.stream.plan.name,
            transport: "udp",
            client: self.way.client.ip().to_canonical(),
            host: "",
            instance: &self.in_flight.instance().label,
            bytes_in,
            bytes_out,
            duration: self.started.elapsed(),
            rule: ended.and_then(Ended::rule),
            error: error.as_deref(),
        });
    }
}
