//! The loop of the load generator: which connection does what next, and how many answers were good.

use super::answer::{Answer, Progress};
use super::connection::{Buffers, Connection, Tls};
use super::{Generator, Mode, Options};
use crate::bench::poll::Poll;
use std::io;
use std::time::Duration;

/// How long nothing may happen while answers are missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) good: u64,
    pub(super) bad: u64,
    /// What was wrong with the first bad one.
    pub(super) fault: Option<String>,
}

impl Tally {
    pub(super) fn fail(&mut self, fault: String) {
        self.bad += 1;
        self.fault.get_or_insert(fault);
    }
}

/// A connection and the answer that it waits for.
struct Slot {
    connection: Connection,
    answer: Answer,
    state: State,
}

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its handshake is not over; the request follows it.
    Opening,
    /// A request is in flight.
    Waiting,
    /// Open, and nothing to do.
    Quiet,
    /// Failed; the next exchange needs a new one.
    Broken,
}

/// All connections.
pub(super) struct Load {
    options: Options,
    request: Vec<u8>,
    tls: Option<Tls>,
    poll: Poll,
    slots: Vec<Slot>,
    buffers: Buffers,
    /// Keys of connections that have something to read; kept for its space.
    ready: Vec<usize>,
}

impl Load {
    pub(super) fn new(options: &Options) -> Result<Self, Box<dyn std::error::Error>> {
        let tls = options.trust.as_ref().map(|trust| Tls::new(trust, &options.host)).transpose()?;
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", options.path, options.host).into_bytes();
        let (poll, buffers) = (Poll::new()?, Buffers::new());
        Ok(Self {
            options: options.clone(),
            request,
            tls,
            poll,
            slots: Vec::new(),
            buffers,
            ready: Vec::new(),
        })
    }

    /// Begins an exchange: on the connection that is there, or on a new one.
    fn start(&mut self, key: usize) -> io::Result<()> {
        let reusable = self.options.mode != Mode::Handshakes;
        let reused = reusable && self.slots.get(key).is_some_and(|slot| slot.state == State::Quiet);
        if !reused {
            self.open(key)?;
        }
        let slot = &mut self.slots[key];
        if slot.connection.is_open() {
            slot.connection.send(&self.request)?;
            slot.state = State::Waiting;
        }
        Ok(())
    }

    fn open(&mut self, key: usize) -> io::Result<()> {
        let connection = Connection::open(self.options.address, self.tls.as_ref())?;
        self.poll.add(&connection.stream, key)?;
        let slot = Slot { connection, answer: Answer::default(), state: State::Opening };
        if key < self.slots.len() {
            self.slots[key] = slot;
        } else {
            self.slots.push(slot);
        }
        Ok(())
    }

    /// Waits once and serves what is ready; returns how many exchanges ended without a next one.
    fn turn(&mut self, tally: &mut Tally, enough: &dyn Fn(&Tally) -> bool) -> io::Result<usize> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poll.wait(Some(PATIENCE), &mut ready)?;
        if ready.is_empty() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "an answer did not come"));
        }
        let mut ended = 0;
        for &key in &ready {
            if !self.serve(key, tally) {
                continue;
            }
            if enough(tally) {
                ended += 1;
            } else {
                self.start(key)?;
            }
        }
        self.ready = ready;
        Ok(ended)
    }

    /// Reads what came on a connection; true when its exchange is over.
    fn serve(&mut self, key: usize, tally: &mut Tally) -> bool {
        let slot = &mut self.slots[key];
        match slot.receive(&mut self.buffers, &self.request, self.options.length) {
            Ok(Progress::More) => return false,
            Ok(Progress::Done) if slot.connection.was_full() => {
                tally.good += 1;
                slot.state = State::Quiet;
                return true;
            }
            Ok(Progress::Done) => tally.fail("a resumed handshake".to_owned()),
            Ok(Progress::Bad(fault)) => tally.fail(fault),
            Err(error) => tally.fail(error.to_string()),
        }
        let expected = slot.state != State::Quiet;
        slot.state = State::Broken;
        self.poll.remove(&slot.connection.stream);
        expected
    }
}

impl Generator for Load {
    fn work(&mut self, enough: &dyn Fn(&Tally) -> bool) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut missing = 0;
        for key in 0..self.options.connections {
            missing += 1;
            self.start(key)?;
            // Thousands of handshakes at once would overflow the listener's queue.
            while self.options.mode == Mode::Idle && missing > 0 {
                missing -= self.turn(&mut tally, &|_| true)?;
            }
        }
        while missing > 0 {
            missing -= self.turn(&mut tally, enough)?;
        }
        Ok(tally)
    }
}

impl Slot {
    /// Takes what came, and sends the request as soon as the handshake is over.
    fn receive(&mut self, buffers: &mut Buffers, request: &[u8], length: usize) -> io::Result<Progress> {
        let mut progress = Progress::More;
        let answer = &mut self.answer;
        self.connection.receive(buffers, &mut |bytes| {
            progress = match progress {
                Progress::More => answer.take(bytes, length),
                _ => Progress::Bad("bytes after the answer".to_owned()),
            };
        })?;
        if self.state == State::Opening && self.connection.is_open() {
            self.connection.send(request)?;
            self.state = State::Waiting;
        }
        Ok(progress)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::bench::backend::{self, LARGE, SMALL};
    use std::net::{SocketAddr, TcpListener};

    fn backend() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || backend::serve(&listener));
        address
    }

    fn tally(mode: Mode, path: &str, length: usize) -> Tally {
        let options = Options {
            address: backend(),
            host: "plain.test".to_owned(),
            path: path.to_owned(),
            length,
            trust: None,
            streams: 1,
            call: None,
            mode,
            connections: 4,
            seconds: 0.0,
            requests: None,
            warm: 0,
        };
        Load::new(&options).unwrap().work(&|tally| tally.good + tally.bad >= 20).unwrap()
    }

    #[test]
    fn every_answer_of_the_backend_is_good() {
        for mode in [Mode::KeepAlive, Mode::Handshakes] {
            for (path, length) in [("/", SMALL), ("/api/1m", LARGE)] {
                let tally = tally(mode, path, length);
                assert_eq!((tally.bad, tally.fault.as_deref()), (0, None), "{path}");
                assert!((20..=24).contains(&tally.good), "{}", tally.good);
            }
        }
    }

    #[test]
    fn an_idle_client_asks_once_on_each_connection() {
        assert_eq!(tally(Mode::Idle, "/", SMALL).good, 4);
    }

    #[test]
    fn an_answer_of_another_length_is_bad() {
        let tally = tally(Mode::KeepAlive, "/", SMALL + 1);
        assert_eq!(tally.good, 0);
        assert!(tally.bad >= 20 && tally.fault.is_some());
    }
}
