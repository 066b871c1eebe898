//! Constant load with a judge: many clients of several kinds on one thread, each outcome classified and counted, while
//! something is done to the server.
//!
//! The clients ask at a bounded rate and cost little, so that the server has the processor. What the right bodies are
//! is learned from the first answers.

pub mod disturb;
mod http1;
mod http2;
mod long;
pub mod outcome;
pub mod report;
mod scene;
mod websocket;

pub use disturb::{Moment, kill, replaced};
pub use outcome::{Client, Event, Latencies, Outcome, Tally};
pub use report::Report;

use crate::patience::{PATIENCE, patiently};
use crate::tls::Tls;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use scene::Scene;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A way to the server.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where it listens.
    pub address: SocketAddr,
    /// The host of every request, and the name for TLS.
    pub host: String,
    /// How TLS is spoken there, if it is.
    pub tls: Option<Tls>,
}

/// What is asked, and where. Every answer must be 200 and have a length, but for the stream of events.
#[derive(Clone, Debug)]
pub struct Target {
    /// Doors of HTTP/1.1; connections take them in turns.
    pub http1: Vec<Door>,
    /// Doors of HTTP/2, by ALPN or by prior knowledge.
    pub http2: Vec<Door>,
    /// What is fetched; the same answer every time.
    pub get: String,
    /// What takes a body; the same answer to the same body.
    pub post: String,
    /// Where WebSocket messages come back.
    pub websocket: String,
    /// A long answer.
    pub download: String,
    /// Server-sent events `data: 1`, `data: 2` and so on, without end.
    pub events: String,
}

/// How many clients there are, and how busy.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Connections of HTTP/1.1 that stay.
    pub keep_alive: usize,
    /// Clients that connect for each request.
    pub fresh: usize,
    /// Connections of HTTP/2.
    pub http2: usize,
    /// Requests at once on each of them.
    pub streams: usize,
    /// WebSockets.
    pub websockets: usize,
    /// Whether there is a long download, and a stream of events.
    pub long: bool,
    /// Between two requests of one client.
    pub pause: Duration,
    /// Between two messages of one WebSocket.
    pub echo_pause: Duration,
}

impl Default for Shape {
    /// About 350 requests and 100 messages in a second.
    fn default() -> Self {
        Self {
            keep_alive: 8,
            fresh: 4,
            http2: 4,
            streams: 3,
            websockets: 100,
            long: true,
            pause: Duration::from_millis(60),
            echo_pause: Duration::from_secs(1),
        }
    }
}

impl Shape {
    /// How many have to be served before the load is whole.
    fn clients(&self) -> usize {
        self.keep_alive
            + self.fresh
            + self.http2 * self.streams
            + self.websockets
            + 2 * usize::from(self.long)
    }
}

/// A load that runs until the value goes away.
#[derive(Debug)]
pub struct Load {
    watch: Arc<scene::Watch>,
    thread: Option<JoinHandle<()>>,
    moments: Vec<Moment>,
}

impl Load {
    /// Starts the clients, and returns when each was served once.
    ///
    /// # Panics
    /// When one of them is not served within [`PATIENCE`].
    #[must_use]
    pub fn start(target: Target, shape: Shape) -> Self {
        Self::try_start(target, shape).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// The same of a server that may be unable to serve so many.
    ///
    /// # Errors
    /// Why the load is not whole: a sentence.
    pub fn try_start(target: Target, shape: Shape) -> Result<Self, String> {
        raise_descriptor_limit();
        let clients = shape.clients();
        let watch = Arc::new(scene::Watch::new());
        let seen = Arc::clone(&watch);
        let thread = std::thread::Builder::new().name("load".to_owned());
        let thread = thread.spawn(move || run(target, shape, seen)).expect("a thread of a test");
        let load = Self { watch, thread: Some(thread), moments: Vec::new() };
        let _ = patiently(|| (load.watch.warm() >= clients || load.has_ended()).then_some(()));
        match (load.has_ended(), load.watch.warm()) {
            (true, _) => Err("the load ended".to_owned()),
            (false, warm) if warm < clients => {
                Err(format!("served {warm} of {clients} clients within {PATIENCE:?}"))
            }
            _ => Ok(load),
        }
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How long it has been running.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.started.elapsed()
    }

    /// What was counted until now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.watch.tally().clone()
    }

    /// How long the answers took since this was asked the last time.
    #[must_use]
    pub fn take_latencies(&self) -> Latencies {
        std::mem::take(&mut self.watch.tally().latencies)
    }

    /// Lets every client finish what it is doing.
    ///
    /// # Panics
    /// When a client panicked.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.watch.end();
        let thread = self.thread.take().expect("it is finished once");
        thread.join().unwrap_or_else(|_| panic!("the load panicked"));
        let (tally, took) = (self.tally(), self.elapsed());
        Report { tally, took, moments: std::mem::take(&mut self.moments) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.watch.end();
        if let Some(thread) = self.thread.take() {
            // A test that fails already has its reason.
            let _ = thread.join();
        }
    }
}

fn run(target: Target, shape: Shape, watch: Arc<scene::Watch>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(Default::default()).expect("a runtime");
    let counts = (shape.keep_alive, shape.fresh, shape.http2, shape.websockets, usize::from(shape.long));
    let scene = Rc::new(Scene::new(target, shape, watch));
    runtime.block_on(async move {
        let mut tasks = Vec::new();
        tasks.extend((0..counts.0).map(|number| spawn(http1::keep_alive(Rc::clone(&scene), number))));
        tasks.extend((0..counts.1).map(|number| spawn(http1::fresh(Rc::clone(&scene), number))));
        tasks.extend((0..counts.2).map(|number| spawn(http2::connections(Rc::clone(&scene), number))));
        tasks.extend((0..counts.3).map(|number| spawn(websocket::echoes(Rc::clone(&scene), number))));
        tasks.extend((0..counts.4).map(|_| spawn(long::download(Rc::clone(&scene)))));
        tasks.extend((0..counts.4).map(|_| spawn(long::events(Rc::clone(&scene)))));
        for task in tasks {
            task.await.expect("a client does not panic");
        }
    });
}

fn spawn(client: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(client)
}

/// A descriptor for each client; what is started later inherits the limit.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the load fails to connect and says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
