//! The asking half of the admin socket, for commands. It blocks, with deadlines.

use super::remedy::remedy;
use super::{
    FIREWALL, METRICS, Message, RELOAD, ReloadRefused, ReloadRequest, STATUS, STOP, UPGRADE, UpgradeRequest,
};
use crate::failure::Failure;
use crate::keeper::{Asked, Refused};
use http1::{BodyReader, HeadLimits, HeadScanner, Response, write};
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A reload compiles and loads certificates, which is the longest that a gate takes to answer.
const DEADLINE: Duration = Duration::from_secs(150);
const MAX_ANSWER: u64 = 64 << 20;

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
                .with_hint("`portcullis up` starts one; --config or --state says which is meant; one that is stopping answers no more"),
            AskError::NoRights(path, error) => Self::refused(reason).with_hint(remedy(&path, &error)),
            AskError::NotAllowed(..) => Self::refused(reason).with_hint("ask as root"),
            AskError::ReloadRefused(refused) => Self { hint: refused.hint, ..Self::no(reason) },
            AskError::FirewallRefused(refused) => refused.into(),
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
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                AskError::NotRunning(self.socket.clone())
            }
            io::ErrorKind::PermissionDenied => AskError::NoRights(self.socket.clone(), error),
            _ => AskError::Io(self.socket.clone(), error),
        };
        let bytes = self.exchange(&request(method, path, body)).map_err(failed)?;
        read_response(&bytes)
    }

    fn exchange(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.write_all(request)?;
        let mut bytes = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::request_line(&mut out, method.as_bytes(), &[path.as_bytes()]);
    write::field(&mut out, b"Host", b"portcullis");
    if method == "POST" {
        write::number_field(&mut out, b"Content-Length", body.len() as u64);
    }
    write::end(&mut out);
    out.extend_from_slice(body);
    out
}

fn read_response(bytes: &[u8]) -> Result<(u16, Vec<u8>), AskError> {
    let broken = || AskError::Answer("something that is not understood".to_owned());
    let limits = HeadLimits::default();
    let end = HeadScanner::default().scan(bytes, &limits).ok().flatten().ok_or_else(broken)?;
    let mut response = Response::default();
    response.parse(&bytes[..end], false, &limits).map_err(|_| broken())?;
    let (mut reader, mut rest, mut body) = (BodyReader::new(response.body), &bytes[end..], Vec::new());
    while !reader.is_done() && !rest.is_empty() {
        let decoded = reader.decode(rest).map_err(|_| broken())?;
        body.extend_from_slice(&rest[decoded.start..decoded.end]);
        rest = &rest[decoded.consumed..];
    }
    reader.end().map_err(|_| broken())?;
    Ok((response.status, body))
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, AskError> {
    serde_json::from_slice(body)
        .map_err(|error| AskError::Answer(format!("something else than expected: {error}")))
}
