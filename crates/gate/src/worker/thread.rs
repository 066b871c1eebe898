//! The life of a thread: it takes orders, keeps the time, and ends when its connections have.

use super::active::{Active, Served};
use super::{Worker, accept, deadlines};
use crate::listener::Listener;
use crate::log::{AccessLog, LogBuffer};
use crate::shared::Shared;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
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
    /// No new connections; end when the open ones have, at most after this time.
    Drain(Duration),
}

/// What a thread starts with.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) number: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) served: Served,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) log: Option<AccessLog>,
}

/// Runs a thread until it is drained, and answers how many connections were cut then.
pub(crate) fn run(start: Start, orders: UnboundedReceiver<Order>) -> io::Result<usize> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_io()
        .enable_time()
        .event_interval(61)
        .max_blocking_threads(READERS)
        .build_local(Default::default())?;
    Ok(runtime.block_on(serve(start, orders)))
}

/// The listeners that a thread serves, by the address of their socket.
type Accepting = HashMap<(std::net::SocketAddr, u16), JoinHandle<()>>;

async fn serve(start: Start, mut orders: UnboundedReceiver<Order>) -> usize {
    let active = Active::new(start.served, &start.shared.metrics, start.number, None);
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
                Some(Order::Drain(timeout)) => {
                    drain(&mut accepting, &worker);
                    end = Some(Instant::now() + timeout);
                }
                None => break,
            },
        }
    }
    worker.log.borrow_mut().flush();
    worker.connections.get()
}

fn install(served: Served, number: usize, worker: &Rc<Worker>) {
    let active = Active::new(served, &worker.shared.metrics, number, Some(&worker.active()));
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
        let key = (listener.facts.local, listener.facts.planned.port);
        let task = accepting.remove(&key).or_else(|| {
            let socket = listener.socket_of(number).try_clone().and_then(TcpListener::from_std).ok()?;
            Some(tokio::task::spawn_local(accept::accept(socket, listener.facts, Rc::clone(worker))))
        });
        if let Some(task) = task {
            wanted.insert(key, task);
        }
    }
    for (_, task) in std::mem::replace(accepting, wanted) {
        task.abort();
    }
}

fn drain(accepting: &mut Accepting, worker: &Worker) {
    for (_, task) in accepting.drain() {
        task.abort();
    }
    worker.draining.set(true);
    deadlines::wake_all();
}
