//! The serving half of the admin socket: a thread of its own, so that it answers whatever the gate is busy with.

use super::folder::{self, FolderError};
use super::message::{self, Answer, Asked};
use super::operators::{GROUP, Operators};
use super::peer::{self, Peer, Presence};
use super::{
    Control, FIREWALL, METRICS, Message, RELOAD, ReloadRequest, STATUS, STOP, UPGRADE, UpgradeRequest,
};
use crate::report;
use crate::socket_file::{self, BindError};
use rustix::fs::Mode;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Connections that are served at the same time; others wait in the kernel's queue.
const AT_ONCE: u32 = 16;
/// To receive a request, and again to send its answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Between two signs of life for a client whose answer takes long.
const BETWEEN_SIGNS: Duration = Duration::from_secs(2);
/// A sign of life: the request was taken and is worked on (RFC 2518, section 10.1).
const SIGN: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";
/// For answers under way when the server ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who may ask, for who may not.
const NOT_ALLOWED: &str =
    "only root, the keeper's own user and the group portcullis-admin may ask, and the gate never";

/// A running admin server. The value's end ends it and removes the socket.
#[derive(Debug)]
pub(crate) struct Server {
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no admin socket.
#[derive(Debug)]
pub(crate) enum ServerError {
    /// The folder is not good enough.
    Folder(FolderError),
    /// There is no socket.
    Bind(PathBuf, BindError),
    /// The machine gives no thread or no runtime.
    Io(io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(error) => error.fmt(f),
            Self::Bind(path, error) => write!(f, "cannot make the admin socket {}: {error}", path.display()),
            Self::Io(error) => write!(f, "cannot serve the admin socket: {error}"),
        }
    }
}

impl From<ServerError> for crate::failure::Failure {
    fn from(error: ServerError) -> Self {
        let failure = Self::refused(error.to_string());
        match &error {
            ServerError::Folder(folder) => failure.with_hint(folder.hint()),
            ServerError::Bind(_, BindError::InUse(_)) => {
                failure.with_hint("`portcullis stop` ends a running gate; --state names another folder")
            }
            ServerError::Bind(..) | ServerError::Io(_) => failure,
        }
    }
}

impl Server {
    /// Listens at `socket` and serves operators what `control` offers. A folder that is ours is opened to them; any other
    /// stays as it is.
    pub(crate) fn start(
        socket: &Path,
        ours: &Path,
        operators: Operators,
        control: Arc<dyn Control>,
    ) -> Result<Self, ServerError> {
        folder::prepare(socket).map_err(ServerError::Folder)?;
        let failed = |error| ServerError::Bind(socket.to_owned(), error);
        let listener = socket_file::bind(socket, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        let opened = operators.open_socket(socket).and_then(|()| match socket.parent() {
            Some(folder) if folder == ours => operators.open_folder(folder),
            _ => Ok(()),
        });
        if let Err(error) = opened {
            report::warning(format_args!(
                "only root can use the admin socket: it cannot be given to the group {GROUP}: {error}"
            ));
        }
        listener.set_nonblocking(true).map_err(ServerError::Io)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Io)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            let served = runtime.block_on(serve(listener, operators, control, stopped));
            if let Err(error) = served {
                report::error(format_args!("the admin socket is not served any more: {error}"));
            }
            // What still blocks in a call of `Control` must not keep the process.
            runtime.shutdown_background();
        });
        let thread = Some(thread.map_err(ServerError::Io)?);
        Ok(Self { socket: socket.to_owned(), stop: Some(stop), thread })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody can connect from here on; answers under way are still sent.
        let _ = fs::remove_file(&self.socket);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::os::unix::net::UnixListener,
    operators: Operators,
    control: Arc<dyn Control>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(AT_ONCE as usize));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let control = Arc::clone(&control);
                tokio::spawn(async move {
                    // A client that breaks off has nobody to be told.
                    let _ = converse(stream, operators, control).await;
                    drop(place);
                });
            }
            Err(error) => {
                report::warning(format_args!("the admin socket cannot accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    let _ = timeout(FAREWELL, places.acquire_many(AT_ONCE)).await;
    Ok(())
}

async fn converse(mut stream: UnixStream, operators: Operators, control: Arc<dyn Control>) -> io::Result<()> {
    let peer = Peer::of(&stream)?;
    let answer = if operators.may_ask(&peer) {
        let suspect = operators.may_be_the_gate(&peer).then(|| (peer, peer.presence(&stream)));
        match timeout(DEADLINE, message::read(&mut stream)).await {
            Ok(Ok(Ok(asked))) => match operators.is_member(&peer) && names_a_program(&asked) {
                true => Answer::text(403, "only root names another program"),
                false => match answer(&mut stream, asked, suspect, control).await? {
                    Some(answer) => answer,
                    None => return Ok(()),
                },
            },
            Ok(Ok(Err(refused))) => refused,
            Ok(Err(error)) => return Err(error),
            Err(_) => Answer::text(408, "the request took too long"),
        }
    } else {
        report::warning(format_args!("the admin socket refused the user with id {}", peer.user));
        Answer::text(403, NOT_ALLOWED)
    };
    timeout(DEADLINE, send(&mut stream, &answer)).await.unwrap_or(Ok(()))
}

/// Sends an answer, then takes what was not read of the request, up to a bound: closing with unread bytes would take
/// the answer away from the client.
async fn send(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    const UNREAD: u64 = 64 << 10;
    stream.write_all(&answer.to_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(UNREAD);
    tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.map(drop)
}

/// Whether the keeper is to become a program that is named, which then has all its rights.
fn names_a_program(asked: &Asked) -> bool {
    let request = serde_json::from_slice::<UpgradeRequest>(&asked.body);
    asked.path == UPGRADE && request.is_ok_and(|request| request.program.is_some())
}

/// Answers, unless it is the gate that asks; it may be where a process is suspected. Nothing is done for a client that has
/// gone before it is begun: it may have given up long ago.
async fn answer(
    stream: &mut UnixStream,
    asked: Asked,
    suspect: Option<(Peer, Presence)>,
    control: Arc<dyn Control>,
) -> io::Result<Option<Answer>> {
    let client = stream.as_fd().try_clone_to_owned()?;
    let decide = move || {
        let refusal = suspect.and_then(|(peer, presence)| refusal(peer, &presence, control.as_ref()));
        if refusal.is_none() && peer::has_gone(&client) {
            let (method, path) = (&asked.method, &asked.path);
            report::warning(format_args!("{method} {path} is not done: who asked for it has gone"));
            return None;
        }
        Some(refusal.unwrap_or_else(|| decide(&asked, control.as_ref())))
    };
    // A reload reads files and compiles; a status must not wait for it.
    let mut answered = tokio::task::spawn_blocking(decide);
    loop {
        match timeout(BETWEEN_SIGNS, &mut answered).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(_)) => {
                return Ok(Some(Answer::text(500, "a bug in portcullis; the gate's log has more")));
            }
            // One that is gone by now changes nothing: it is done to its end.
            Err(_) => drop(stream.try_write(SIGN)),
        }
    }
}

/// Why a process is not obeyed that may be a gate. One that has ended may have been a gate that nobody knows any more, so
/// that whether it is there is asked after whether it is known: a gate that is there is.
fn refusal(peer: Peer, presence: &Presence, control: &dyn Control) -> Option<Answer> {
    if peer.process.is_some_and(|process| control.is_gate(process.cast_unsigned())) {
        report::warning("the admin socket refused the gate");
        return Some(Answer::text(403, NOT_ALLOWED));
    }
    presence.is_over().then(|| {
        report::warning("the admin socket refused a process that has ended: it may have been the gate");
        Answer::text(403, "only a process that waits for its answer may ask")
    })
}

/// What a request is answered with.
pub(super) fn decide(asked: &Asked, control: &dyn Control) -> Answer {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", STATUS) => Answer::json(200, &control.status()),
        ("GET", METRICS) => Answer {
            status: 200,
            content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
            body: control.metrics().into_bytes(),
        },
        ("POST", RELOAD) => reload(&asked.body, control),
        ("POST", FIREWALL) => firewall(&asked.body, control),
        ("POST", UPGRADE) => upgrade(&asked.body, control),
        ("POST", STOP) => {
            control.stop();
            Answer::json(202, &Message::new("the gate finishes its requests and ends"))
        }
        (_, STATUS | METRICS | RELOAD | STOP | FIREWALL | UPGRADE) => {
            Answer::text(405, "this wants another method")
        }
        _ => Answer::text(404, "there are /status, /metrics, /reload, /firewall, /upgrade and /stop"),
    }
}

fn firewall(body: &[u8], control: &dyn Control) -> Answer {
    match serde_json::from_slice(body) {
        Err(error) => Answer::text(400, &format!("the body is not understood: {error}")),
        Ok(asked) => match control.firewall(&asked) {
            Ok(value) => Answer::json(200, &value),
            Err(refused) => Answer::json(422, &refused),
        },
    }
}

fn upgrade(body: &[u8], control: &dyn Control) -> Answer {
    let request = if body.is_empty() { Ok(UpgradeRequest::default()) } else { serde_json::from_slice(body) };
    match request {
        Err(error) => Answer::text(400, &format!("the body is not understood: {error}")),
        Ok(UpgradeRequest { program }) => match control.upgrade(program.as_deref()) {
            Ok(message) => Answer::json(202, &message),
            Err(refused) => Answer::json(422, &refused),
        },
    }
}

fn reload(body: &[u8], control: &dyn Control) -> Answer {
    let request = if body.is_empty() { Ok(ReloadRequest::default()) } else { serde_json::from_slice(body) };
    match request {
        Err(error) => Answer::text(400, &format!("the body is not understood: {error}")),
        Ok(request) => match control.reload(&request) {
            Ok(message) => Answer::json(200, &message),
            Err(refused) => Answer::json(422, &refused),
        },
    }
}
