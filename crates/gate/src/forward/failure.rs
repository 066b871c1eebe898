//! Why a request could not be forwarded, sorted by whose fault it is.

use crate::fastcgi::Refused;
use crate::service::ConnectError;
use http1::Refusal;
use std::fmt;
use std::io;
use wire::grpc_web::NotBase64;

/// The part of an exchange in which an instance failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// From sending the request to the head of the response.
    Exchange,
    /// The body of the response.
    Body,
}

/// Why a request could not be forwarded.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client went away or was cut.
    Client(io::Error),
    /// The client did not go on sending its request.
    ClientSilent,
    /// The client takes nothing of the response.
    ClientSlow,
    /// The request's body is not what its head announced.
    Request(Refusal),
    /// The request's body is no text of gRPC-Web.
    NotBase64,
    /// The request's body is larger than it may be.
    TooLarge,
    /// The names of the service have no address yet.
    Unresolved,
    /// There is no instance left to try.
    NoInstance,
    /// No connection could be opened.
    Connect(ConnectError),
    /// The instance speaks HTTP/2 and takes no WebSockets over it.
    NoWebSocket,
    /// A call of gRPC for a service whose instances speak no HTTP/2.
    NoCalls,
    /// The instance broke its connection.
    Broken(Step, io::Error),
    /// A request is not what FastCGI can carry, or the application has no room for it.
    FastCgi(Refused),
    /// The instance did not answer in time.
    Silent(Step),
    /// The instance's response is not strict.
    Response(Refusal),
}

impl Failure {
    /// What broke an exchange before its answer began.
    pub(super) fn of_exchange(error: io::Error) -> Self {
        if let Some(refused) = Refused::of(&error) {
            return Self::FastCgi(refused);
        }
        match error.downcast() {
            // A head that was refused before it could be written as one of HTTP/1.1.
            Ok(refusal) => Self::Response(refusal),
            Err(error) => Self::Broken(Step::Exchange, error),
        }
    }

    /// What a client's body failed with: one that is translated is judged where it is read.
    pub(super) fn of_client(error: io::Error) -> Self {
        match error.downcast::<Refusal>() {
            Ok(Refusal::Truncated) => Self::Client(io::ErrorKind::UnexpectedEof.into()),
            Ok(refusal) => Self::Request(refusal),
            Err(error) if error.get_ref().is_some_and(|reason| reason.is::<NotBase64>()) => Self::NotBase64,
            Err(error) => Self::Client(error),
        }
    }

    /// The status that the client is answered with, when nothing of a response was sent; 499 is for the log alone.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Client(_) | Self::ClientSlow => 499,
            Self::ClientSilent => 408,
            Self::Request(refusal) => refusal.status(),
            Self::FastCgi(refused) => refused.status(),
            Self::NotBase64 => 400,
            Self::TooLarge => 413,
            Self::Unresolved | Self::NoInstance => 503,
            Self::Connect(error) if error.is_full() => 503,
            Self::Connect(_) | Self::NoWebSocket | Self::Broken(..) | Self::Response(_) => 502,
            Self::NoCalls => 501,
            Self::Silent(_) => 504,
        }
    }

    /// The rule, for those failures that are refusals.
    pub(crate) fn rule(&self) -> Option<&'static str> {
        match self {
            Self::ClientSilent => Some("read-timeout"),
            Self::ClientSlow => Some("write-timeout"),
            Self::Request(refusal) | Self::Response(refusal) => Some(refusal.rule()),
            Self::NotBase64 => Some("grpc-web-text"),
            Self::TooLarge => Some("body-limit"),
            Self::NoCalls => Some("grpc-needs-http2"),
            Self::FastCgi(refused) => Some(refused.rule()),
            _ => None,
        }
    }

    /// Whether somebody else than the client is to blame, so that the operator has to know more.
    pub(crate) fn is_of_instance(&self) -> bool {
        self.status() >= 502 || matches!(self, Self::NoCalls)
    }

    /// Whether the instance should be left alone for a while.
    pub(super) fn speaks_against_instance(&self) -> bool {
        matches!(self, Self::Broken(Step::Exchange, _))
    }

    /// The step at which the instance broke its connection.
    pub(super) fn step(&self) -> Option<Step> {
        match self {
            Self::Broken(step, _) => Some(*step),
            // Another instance may have room.
            Self::FastCgi(Refused::Overloaded) => Some(Step::Exchange),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "the client went away: {error}"),
            Self::ClientSilent => f.write_str("the client did not go on sending its request"),
            Self::ClientSlow => f.write_str("the client takes nothing of the response"),
            Self::Request(refusal) => write!(f, "the request's body is refused: {refusal}"),
            Self::NotBase64 => write!(f, "the request's body is refused: {NotBase64}"),
            Self::TooLarge => f.write_str("the request's body is larger than the route allows"),
            Self::Unresolved => f.write_str("resolve: the name of the instance has no address yet"),
            Self::NoInstance => f.write_str("choose: no instance is left to try"),
            Self::Connect(error) => write!(f, "{error}"),
            Self::NoWebSocket => {
                f.write_str("request: the instance takes no WebSockets over HTTP/2 (RFC 8441)")
            }
            Self::NoCalls => f.write_str(
                "choose: a call of gRPC needs an instance that speaks HTTP/2; if it does, write h2c:// before its \
                 address, or http = \"2\"",
            ),
            Self::Broken(Step::Exchange, error) => write!(f, "request: {error}"),
            Self::Broken(Step::Body, error) => write!(f, "response body: {error}"),
            Self::FastCgi(refused) => write!(f, "request: {refused}"),
            Self::Silent(Step::Exchange) => f.write_str("response head: no answer in time"),
            Self::Silent(Step::Body) => f.write_str("response body: silence for too long"),
            Self::Response(refusal) => write!(f, "response: {refusal}"),
        }
    }
}
