//! How a connection of a stream came to its end.

use crate::service::ConnectError;
use std::fmt;
use std::io;
use wire::tls_hello::Malformed;

/// How a connection or session came to its end, where that was not the end that both sides meant.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client's side was broken.
    Client(io::Error),
    /// The instance's side was broken.
    Instance(io::Error),
    /// No connection to an instance could be opened.
    Connect(ConnectError),
    /// The names of the stream have no address yet.
    Unresolved,
    /// There is no instance left to try.
    NoInstance,
    /// The stream has as many as it may.
    Connections,
    /// The client's address has as many as it may.
    Address,
    /// Nothing moved for too long.
    Idle,
    /// The stream or the instance is not in the configuration any more.
    Removed,
    /// It was silent while there was no room for others.
    Evicted,
    /// The first bytes were no message of TLS.
    Hello(Malformed),
    /// The first bytes were no message of TLS, as a session says that was to read them.
    NoHello(io::Error),
    /// No name that is served here was asked for.
    Name,
    /// The TLS handshake failed.
    Handshake(io::Error),
}

impl Ended {
    /// The rule, for what the gate decided.
    pub(crate) fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Connections => Some("connections"),
            Self::Address => Some("connections-per-address"),
            Self::Idle => Some("idle-timeout"),
            Self::Removed => Some("removed"),
            Self::Evicted => Some("evicted"),
            Self::Hello(_) | Self::NoHello(_) => Some("client-hello"),
            Self::Name => Some("server-name"),
            Self::Handshake(_) => Some("tls-handshake"),
            Self::Client(_) | Self::Instance(_) | Self::Connect(_) | Self::Unresolved | Self::NoInstance => {
                None
            }
        }
    }

    /// Whether nothing was served.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Connections
                | Self::Address
                | Self::Hello(_)
                | Self::NoHello(_)
                | Self::Name
                | Self::Handshake(_)
        )
    }

    /// Whether the operator should hear of it.
    pub(super) fn is_of_instances(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Unresolved | Self::NoInstance)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => write!(f, "client: {error}"),
            Self::Instance(error) => write!(f, "instance: {error}"),
            Self::Connect(error) => error.fmt(f),
            Self::Unresolved => f.write_str("resolve: the name of the instance has no address yet"),
            Self::NoInstance => f.write_str("choose: no instance is left to try"),
            Self::Connections => f.write_str("the stream has as many connections as it may"),
            Self::Address => f.write_str("the client's address has as many connections as it may"),
            Self::Idle => f.write_str("nothing moved for too long"),
            Self::Removed => f.write_str("a reload removed the stream or the instance"),
            Self::Evicted => f.write_str("it was silent, and another one needed its place"),
            Self::Hello(malformed) => malformed.fmt(f),
            Self::Name => f.write_str("no name that is served here was asked for"),
            Self::NoHello(error) | Self::Handshake(error) => write!(f, "TLS handshake: {error}"),
        }
    }
}
