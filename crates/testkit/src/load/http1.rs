//! Clients of HTTP/1.1, and the connection that those of WebSockets and long answers share with them.

use super::Door;
use super::outcome::{Client, Outcome};
use super::scene::{ANSWER_WITHIN, Ask, Fault, Scene};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Bytes of a head at most.
const LONGEST_HEAD: usize = 16 << 10;

/// A stream of bytes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Opens a connection, with the handshake where there is one. A failure is one of a new connection.
pub(super) async fn open(door: &Door, protocol: &str) -> Result<Box<dyn Stream>, Fault> {
    let opened = timeout(ANSWER_WITHIN, try_open(door, protocol)).await;
    opened.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "no connection")))
}

async fn try_open(door: &Door, protocol: &str) -> Result<Box<dyn Stream>, Fault> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::new(Outcome::Refused, error.to_string()),
        _ => Fault::new(Outcome::Unanswered, format!("connecting: {error}")),
    };
    let socket = TcpStream::connect(door.address).await.map_err(failed)?;
    socket.set_nodelay(true).map_err(failed)?;
    let Some(tls) = &door.tls else { return Ok(Box::new(socket)) };
    let name = ServerName::try_from(door.host.clone()).expect("a host of a test is a name");
    let connector = TlsConnector::from(Arc::new(tls.clone().offering(&[protocol]).into_config()));
    let failed = |error| Fault::new(Outcome::Unanswered, format!("handshake: {error}"));
    Ok(Box::new(connector.connect(name, socket).await.map_err(failed)?))
}

/// A connection of HTTP/1.1.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    host: String,
    /// When it was opened.
    pub(super) opened: Duration,
    /// Whether there was an answer.
    used: bool,
}

/// What a pause ended with.
pub(super) enum Idle {
    /// The time was up.
    GoesOn,
    /// The server ended the connection.
    Closed(String),
    /// It said something that nobody had asked for.
    Byte(u8),
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Head {
    /// The value of a field, in lower case.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let mut lines = self.text.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim().to_ascii_lowercase())
    }

    fn closes(&self) -> bool {
        self.value("connection").is_some_and(|value| value.contains("close"))
    }
}

impl Connection {
    pub(super) async fn open(scene: &Scene, client: Client, door: &Door) -> Option<Self> {
        let opened = scene.now();
        match open(door, "http/1.1").await {
            Ok(stream) => {
                let opened = scene.now();
                Some(Self { stream, received: Vec::new(), host: door.host.clone(), opened, used: false })
            }
            Err(fault) => {
                scene.note(client, opened, fault.outcome, &fault.text);
                None
            }
        }
    }

    /// Sends a request head with its body. That nobody takes it is seen when the answer is read.
    pub(super) async fn send(&mut self, method: &str, target: &str, fields: &str, body: &[u8]) {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n", self.host);
        let _ = self.write(&[head.as_bytes(), body].concat()).await;
    }

    /// Sends bytes.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a request, and reads and judges its answer; whether the server announced the end of the connection.
    async fn exchange(&mut self, ask: &Ask, fields: &str) -> Result<bool, Fault> {
        let exchanged = timeout(ANSWER_WITHIN, async {
            let length = if ask.body.is_empty() {
                String::new()
            } else {
                format!("Content-Length: {}\r\n", ask.body.len())
            };
            self.send(ask.method, &ask.target, &(length + fields), ask.body).await;
            let head = self.head().await?;
            let length = head.value("content-length").and_then(|text| text.parse().ok());
            let length =
                length.ok_or_else(|| Fault::new(Outcome::WrongBody, format!("no length: {}", head.text)))?;
            let body = self.body(length).await?;
            ask.judge(head.status, &body)?;
            Ok(head.closes())
        });
        let exchanged = exchanged.await;
        exchanged.unwrap_or_else(|_| Err(Fault::new(Outcome::TimedOut, "no answer")))
    }

    /// Reads the head of an answer.
    pub(super) async fn head(&mut self) -> Result<Head, Fault> {
        loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                self.used = true;
                let text = String::from_utf8_lossy(&head).into_owned();
                let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
                let wrong = || Fault::new(Outcome::WrongBody, format!("no head: {text}"));
                return status.ok_or_else(wrong).map(|status| Head { status, text: text.clone() });
            }
            if self.received.len() > LONGEST_HEAD {
                return Err(Fault::new(Outcome::WrongBody, "a head without an end"));
            }
            self.more().await?;
        }
    }

    /// Reads so many bytes.
    pub(super) async fn body(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        while self.received.len() < length {
            self.more().await.map_err(|fault| Fault { outcome: Outcome::Cut, ..fault })?;
        }
        Ok(self.received.drain(..length).collect())
    }

    /// Takes what was received, at least one byte.
    pub(super) async fn piece(&mut self) -> Result<Vec<u8>, Fault> {
        if self.received.is_empty() {
            self.more().await.map_err(|fault| Fault { outcome: Outcome::Cut, ..fault })?;
        }
        Ok(std::mem::take(&mut self.received))
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let outcome = match (self.received.is_empty(), self.used) {
            (false, _) => Outcome::Cut,
            (true, true) => Outcome::Dropped,
            (true, false) => Outcome::Unanswered,
        };
        self.received.reserve(16 << 10);
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) => Err(Fault::new(outcome, "the connection ended")),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::new(outcome, error.to_string())),
        }
    }

    /// Waits, and sees at once when the server ends the connection meanwhile.
    pub(super) async fn idle(&mut self, pause: Duration) -> Idle {
        let mut byte = [0];
        match timeout(pause, self.stream.read(&mut byte)).await {
            Err(_) => Idle::GoesOn,
            Ok(Ok(0)) => Idle::Closed("the connection ended".to_owned()),
            Ok(Ok(_)) => Idle::Byte(byte[0]),
            Ok(Err(error)) => Idle::Closed(error.to_string()),
        }
    }
}

/// Sends one request after the other on a connection that stays.
pub(super) async fn keep_alive(scene: Rc<Scene>, number: usize) {
    let door = &scene.target.http1[number % scene.target.http1.len()];
    scene.stagger(number, scene.shape.keep_alive, scene.shape.pause).await;
    let (mut first, mut asked) = (true, number);
    while !scene.is_over() {
        match Connection::open(&scene, Client::KeepAlive, door).await {
            Some(connection) => one_after_the_other(&scene, connection, &mut first, &mut asked).await,
            None => tokio::time::sleep(scene.shape.pause).await,
        }
    }
}

async fn one_after_the_other(scene: &Scene, mut connection: Connection, first: &mut bool, asked: &mut usize) {
    let note = |opened, outcome, text: &str| scene.note(Client::KeepAlive, opened, outcome, text);
    while !scene.is_over() {
        let since = Instant::now();
        match connection.exchange(scene.ask(*asked), "").await {
            Ok(closes) => {
                scene.answered(Client::KeepAlive, since.elapsed(), first);
                if closes {
                    return note(connection.opened, Outcome::Ended, "Connection: close");
                }
            }
            Err(fault) => return note(connection.opened, fault.outcome, &fault.text),
        }
        *asked += 1;
        match connection.idle(scene.shape.pause).await {
            Idle::GoesOn => {}
            Idle::Closed(text) => return note(connection.opened, Outcome::Closed, &text),
            Idle::Byte(_) => return note(connection.opened, Outcome::WrongBody, "more bytes than announced"),
        }
    }
}

/// Connects for each request.
pub(super) async fn fresh(scene: Rc<Scene>, number: usize) {
    scene.stagger(number, scene.shape.fresh, scene.shape.pause).await;
    let (mut first, mut asked) = (true, number);
    while !scene.is_over() {
        let door = &scene.target.http1[asked % scene.target.http1.len()];
        let since = Instant::now();
        if let Some(mut connection) = Connection::open(&scene, Client::Fresh, door).await {
            match connection.exchange(scene.ask(asked), "Connection: close\r\n").await {
                Ok(_) => scene.answered(Client::Fresh, since.elapsed(), &mut first),
                Err(fault) => scene.note(Client::Fresh, connection.opened, fault.outcome, &fault.text),
            }
        }
        asked += 1;
        tokio::time::sleep(scene.shape.pause).await;
    }
}
