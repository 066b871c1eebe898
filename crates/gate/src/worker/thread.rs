//! The life of a thread: it takes orders, keeps the time, and ends when its connections have.

use super::active::{Active, Served};
use super::{Worker, accept, deadlines};
use crate::connection;
use crate::listener::Listener;
use crate::log::{AccessLog, LogBuffer};
use crate::patience::Patience;
use crate::pulse::Beating;
use crate::shared::Shared;
use crate::snapshot::{PlannedPort, Speaks};
use crate::stream;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// Ticks between two sweeps of what is idle and two flushes of the log.
const SWEEP: u32 = 5;

/// Threads that read pieces of files for a serving thread, and wait for the disk in its place.
const READERS: usize = 8;

/// What a thread can be told.
#[derive(Debug)]
pub(crate) enum Order {
    /// New requests are answered with this, and taken from these listeners.
    Install(Served, Vec<Listener>),
    /// A name has these addresses now.
    Resolved(Arc<str>, Arc<[IpAddr]>),
    /// No new connections; end when the open ones have, or when patience has.
    Drain(Patience),
}

/// What a thread starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) number: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) served: Served,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) log: Option<AccessLog>,
    pub(crate) beating: Beating,
}

/// Runs a thread until it is drained, and answers how many connections were cut then.
pub(crate) fn run(start: Start, orders: UnboundedReceiver<Order>) -> io::Result<usize> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_io()
        .enable_time()
        .event_interval(61)
        .max_blocking_threads(READERS)
        .build_local(Default::default())
        .inspect_err(|_| start.beating.lose())?;
    Ok(runtime.block_on(serve(start, orders)))
}

/// The listeners that a thread serves, by the address of their socket and what it is for.
type Accepting = HashMap<(std::net::SocketAddr, PlannedPort), JoinHandle<()>>;

async fn serve(start: Start, mut orders: UnboundedReceiver<Order>) -> usize {
    let active = Active::new(start.served, &start.shared, start.number, None);
    let log = LogBuffer::new(start.log, active.served.snapshot.plan.log.format);
    let worker = Rc::new(Worker::new(start.shared, active, log));
    let mut accepting = Accepting::new();
    listen(&mut accepting, start.listeners, start.number, &worker);
    let mut interval = tokio::time::interval(deadlines::TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut ticks = 0_u32;
    let mut end: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = interval.tick() => {
                start.beating.tick();
                last += tick(&mut ticks, last, &worker);
                if end.is_some_and(|end| worker.connections.get() == 0 || Instant::now() >= end) {
                    break;
                }
            }
            order = orders.recv() => match order {
                Some(Order::Install(served, listeners)) => {
                    install(served, start.number, &worker);
                    listen(&mut accepting, listeners, start.number, &worker);
                }
                Some(Order::Resolved(name, addresses)) => worker.active().resolved(&name, &addresses),
                Some(Order::Drain(patience)) => {
                    drain(&mut accepting, &worker, patience);
                    end = Some(Instant::now() + patience.total);
                }
                None => break,
            },
        }
    }
    worker.log.borrow_mut().flush();
    worker.connections.get()
}

fn install(served: Served, number: usize, worker: &Rc<Worker>) {
    let active = Active::new(served, &worker.shared, number, Some(&worker.active()));
    worker.log.borrow_mut().set_format(active.served.snapshot.plan.log.format);
    worker.install(active);
}

/// Lets the time pass that has passed, and answers how much of it was counted.
fn tick(ticks: &mut u32, last: Instant, worker: &Worker) -> Duration {
    let passed = u32::try_from(last.elapsed().as_millis() / deadlines::TICK.as_millis()).unwrap_or(1);
    if passed > 0 {
        deadlines::advance(passed);
    }
    *ticks += 1;
    if ticks.is_multiple_of(SWEEP) {
        worker.active().sweep();
        worker.log.borrow_mut().flush();
    }
    deadlines::TICK * passed
}

fn listen(accepting: &mut Accepting, listeners: Vec<Listener>, number: usize, worker: &Rc<Worker>) {
    let mut wanted = Accepting::new();
    for listener in listeners {
        let key = (listener.facts.local, listener.facts.planned);
        let task = accepting.remove(&key).or_else(|| serve_listener(&listener, number, worker));
        if let Some(task) = task {
            wanted.insert(key, task);
        }
    }
    for (_, task) in std::mem::replace(accepting, wanted) {
        task.abort();
    }
}

/// Begins to take what comes to a listener.
fn serve_listener(listener: &Listener, number: usize, worker: &Rc<Worker>) -> Option<JoinHandle<()>> {
    let (facts, worker) = (listener.facts, Rc::clone(worker));
    if facts.planned.speaks == Speaks::Udp {
        let socket = listener.udp_of(number)?.try_clone().and_then(UdpSocket::from_std).ok()?;
        return Some(tokio::task::spawn_local(stream::udp::serve(socket, facts, worker)));
    }
    let socket = listener.tcp_of(number)?.try_clone().and_then(TcpListener::from_std).ok()?;
    Some(match facts.planned.speaks {
        Speaks::Tcp => {
            let serve = stream::server(facts, Rc::clone(&worker));
            tokio::task::spawn_local(accept::accept(socket, worker, serve))
        }
        _ => {
            let serve = connection::server(facts, Rc::clone(&worker));
            tokio::task::spawn_local(accept::accept(socket, worker, serve))
        }
    })
}

fn drain(accepting: &mut Accepting, worker: &Worker, patience: Patience) {
    // A socket of UDP serves its open sessions too; it begins no others while the gate is ending.
    accepting.retain(|(_, planned), task| {
        let stays = planned.speaks == Speaks::Udp;
        if !stays {
            task.abort();
        }
        stays
    });
    worker.drain(patience);
    deadlines::wake_all();
}
