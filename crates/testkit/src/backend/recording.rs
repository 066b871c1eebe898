//! An instance that records every request byte for byte and judges it: what reaches it must be strict.

use super::server::{Server, Socket};
use crate::patience::eventually;
use crate::strict::{Broken, Request, Source};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A recording instance.
#[derive(Debug)]
pub struct Recording {
    server: Server,
    record: Record,
}

/// What a recording instance answers.
#[derive(Clone, Debug)]
pub struct Answer {
    bytes: Vec<u8>,
    close: bool,
}

impl Answer {
    /// These bytes, as they are; the connection stays open.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), close: false }
    }

    /// 200 with this text.
    #[must_use]
    pub fn text(body: &str) -> Self {
        let length = body.len();
        Self::raw(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The same, and the connection ends after it.
    #[must_use]
    pub fn then_close(self) -> Self {
        Self { close: true, ..self }
    }
}

#[derive(Clone, Debug, Default)]
struct Record(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    requests: Vec<Request>,
    problems: Vec<String>,
    cut: Vec<Vec<u8>>,
}

impl Record {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// Starts one on the loopback that answers everything with 200 and `ok`.
    #[must_use]
    pub fn start() -> Self {
        Self::answering(|_| Answer::text("ok"))
    }

    /// Starts one on the loopback with answers of the test's own.
    pub fn answering(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let record = Record::default();
        let of_server = record.clone();
        Self { server: Server::tcp(move |socket, _| converse(socket, &of_server, &answer)), record }
    }

    /// Starts one on a Unix socket.
    pub fn unix(path: &Path, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let record = Record::default();
        let of_server = record.clone();
        Self { server: Server::unix(path, move |socket, _| converse(socket, &of_server, &answer)), record }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When it listens on a Unix socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.accepted()
    }

    /// Every whole request until now, in the order in which they ended.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.record.lists().requests.clone()
    }

    /// Waits until there are so many whole requests.
    ///
    /// # Panics
    /// When there are not within [`PATIENCE`](crate::PATIENCE).
    #[must_use]
    pub fn wait_for_requests(&self, count: usize) -> Vec<Request> {
        eventually(&format!("{count} requests at the instance"), || {
            Some(self.requests()).filter(|requests| requests.len() >= count)
        })
    }

    /// What was not strict in what it received. A test of the gate ends with `assert_eq!(problems(), [""; 0])`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.record.lists().problems.clone()
    }

    /// The bytes of messages that a connection's end cut short, which a receiver must not take for whole.
    #[must_use]
    pub fn cut(&self) -> Vec<Vec<u8>> {
        self.record.lists().cut.clone()
    }

    /// Ends every open connection, as a restarted application does.
    pub fn cut_connections(&self) {
        self.server.cut_connections();
    }
}

fn converse(socket: &mut Socket, record: &Record, answer: &dyn Fn(&Request) -> Answer) {
    let mut source = Source::new(socket);
    loop {
        match receive(&mut source) {
            Ok(Some(request)) => {
                let answer = answer(&request);
                record.lists().requests.push(request);
                let sent = source.connection().write_all(&answer.bytes);
                if sent.is_err() || answer.close {
                    return;
                }
            }
            Ok(None) => return,
            Err(Broken::Connection(_)) => {
                let mut bytes = source.take_record();
                bytes.extend_from_slice(source.unread());
                if !bytes.is_empty() {
                    record.lists().cut.push(bytes);
                }
                return;
            }
            Err(Broken::Grammar(reason)) => {
                let bytes = source.take_record();
                record.lists().problems.push(format!("{reason}; read: {}", bytes.escape_ascii()));
                return;
            }
        }
    }
}

fn receive(source: &mut Source<&mut Socket>) -> Result<Option<Request>, Broken> {
    if source.at_end()? {
        return Ok(None);
    }
    let mut request = Request::read_head(source)?;
    if request.value("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        source.connection().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.read_body(source)?;
    Ok(Some(request))
}
