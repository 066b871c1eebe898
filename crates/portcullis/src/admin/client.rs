//! The asking half of the admin socket, for commands. It blocks, with deadlines.

use super::exchange::{self, Broken};
use super::remedy::remedy;
use super::{
    FIREWALL, METRICS, Message, RELOAD, ReloadRefused, ReloadRequest, STATUS, STOP, UPGRADE, UpgradeRequest,
};
use crate::failure::Failure;
use crate::keeper::{Asked, Refused};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Asks a running gate.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Nobody answers at the socket.
    NotRunning(PathBuf),
    /// Its keeper does not let this caller ask, and says why.
    NotAllowed(PathBuf, String),
    /// The socket cannot be reached without rights; whether a gate is there is not known.
    NoRights(PathBuf, io::Error),
    /// The gate kept its old configuration.
    ReloadRefused(ReloadRefused),
    /// The keeper did not do it.
    FirewallRefused(Refused),
    /// Its keeper gives no sign of life; which process that is, where it is known.
    Silent(PathBuf, Option<u32>),
    /// Its keeper lives and has not come to an end within this time.
    Late(Duration),
    /// The connection failed.
    Io(PathBuf, io::Error),
    /// The answer is not one of ours, or an error that the gate names.
    Answer(String),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning(path) => write!(f, "no gate answers at {}", path.display()),
            Self::NotAllowed(path, reason) => {
                write!(f, "the gate at {} refuses: {reason}", path.display())
            }
            Self::NoRights(path, _) => write!(f, "no right to ask a gate at {}", path.display()),
            Self::Silent(path, keeper) => {
                let process = keeper.map(|keeper| format!(" (process {keeper})")).unwrap_or_default();
                let (path, seconds) = (path.display(), exchange::SILENCE.as_secs());
                write!(f, "the keeper{process} at {path} has not answered for {seconds} s")
            }
            Self::Late(time) => write!(f, "the keeper has worked on it for {} s and goes on", time.as_secs()),
            Self::ReloadRefused(refused) => f.write_str(&refused.reason),
            Self::FirewallRefused(refused) => refused.fmt(f),
            Self::Io(path, error) => write!(f, "cannot ask the gate at {}: {error}", path.display()),
            Self::Answer(reason) => write!(f, "the gate answered: {reason}"),
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let reason = error.to_string();
        match error {
            AskError::NotRunning(_) => Self::no(reason)
                .with_hint("`portcullis up` starts one; --config or --state says which is meant"),
            AskError::NoRights(path, error) => Self::refused(reason).with_hint(remedy(&path, &error)),
            AskError::NotAllowed(..) => Self::refused(reason).with_hint("ask as root"),
            AskError::ReloadRefused(refused) => Self { hint: refused.hint, ..Self::no(reason) },
            AskError::FirewallRefused(refused) => refused.into(),
            AskError::Silent(..) => Self::refused(reason).with_hint(
                "its gate serves clients all the same; what was asked is dropped unless the keeper had begun; a keeper that \
                 is stuck for good is ended with `kill -9`, and `portcullis up` starts another one that takes the gate over",
            ),
            AskError::Late(_) => Self::refused(reason).with_hint("`portcullis logs --messages` says what came of it"),
            AskError::Io(..) | AskError::Answer(_) => Self::refused(reason),
        }
    }
}

impl Client {
    /// A client of the gate with this socket.
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// What the gate does.
    pub(crate) fn status(&self) -> Result<serde_json::Value, AskError> {
        parse(&self.ask("GET", STATUS, b"")?)
    }

    /// Its metrics, as text.
    pub(crate) fn metrics(&self) -> Result<Vec<u8>, AskError> {
        self.ask("GET", METRICS, b"")
    }

    /// Has it take a changed configuration.
    pub(crate) fn reload(&self, request: &ReloadRequest) -> Result<Message, AskError> {
        let body = serde_json::to_vec(request).map_err(|error| AskError::Answer(error.to_string()))?;
        parse(&self.ask("POST", RELOAD, &body)?)
    }

    /// Asks its keeper about packets.
    pub(crate) fn firewall(&self, asked: &Asked) -> Result<serde_json::Value, AskError> {
        let body = serde_json::to_vec(asked).map_err(|error| AskError::Answer(error.to_string()))?;
        match self.exchange_with("POST", FIREWALL, &body)? {
            (422, body) => Err(AskError::FirewallRefused(parse(&body)?)),
            (status, body) => parse(&self.accept(status, body)?),
        }
    }

    /// Has another program take over; the answer is a line for people.
    pub(crate) fn upgrade(&self, program: Option<&Path>) -> Result<String, AskError> {
        let request = UpgradeRequest { program: program.map(Path::to_owned) };
        let body = serde_json::to_vec(&request).map_err(|error| AskError::Answer(error.to_string()))?;
        parse::<Message>(&self.ask("POST", UPGRADE, &body)?).map(|answer| answer.message)
    }

    /// Has it end; the answer is a line for people.
    pub(crate) fn stop(&self) -> Result<String, AskError> {
        parse::<Message>(&self.ask("POST", STOP, b"")?).map(|answer| answer.message)
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, AskError> {
        match self.exchange_with(method, path, body)? {
            (422, body) => Err(AskError::ReloadRefused(parse(&body)?)),
            (status, body) => self.accept(status, body),
        }
    }

    /// The body of an answer that is neither an error nor a refusal.
    fn accept(&self, status: u16, body: Vec<u8>) -> Result<Vec<u8>, AskError> {
        let text = || String::from_utf8_lossy(&body).trim().to_owned();
        match status {
            200..=299 => Ok(body),
            403 => Err(AskError::NotAllowed(self.socket.clone(), text())),
            _ => Err(AskError::Answer(format!("{status} {}", text()))),
        }
    }

    fn exchange_with(&self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), AskError> {
        let socket = || self.socket.clone();
        exchange::exchange(&self.socket, method, path, body).map_err(|broken| match broken {
            Broken::Silent(keeper) => AskError::Silent(socket(), keeper),
            Broken::Late(time) => AskError::Late(time),
            Broken::Odd => AskError::Answer("something that is not understood".to_owned()),
            Broken::Io(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                    AskError::NotRunning(socket())
                }
                io::ErrorKind::PermissionDenied => AskError::NoRights(socket(), error),
                _ => AskError::Io(socket(), error),
            },
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body)
        .map_err(|error| AskError::Answer(format!("something else than expected: {error}")))
}
