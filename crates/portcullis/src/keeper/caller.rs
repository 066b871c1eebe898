//! Who asks the keeper: a person with a user id and, where they came over the network, connections.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Who asks, as the command that asks has found out about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// The person.
    pub(crate) who: Who,
    /// Connections that may be the way in, those that carry the person first.
    pub(crate) sessions: Vec<Session>,
    /// Whether the person says, or the terminal shows, that they sit at the machine.
    pub(crate) console: bool,
}

/// A person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    /// The user id; of a person who became root with sudo, their own.
    pub(crate) user: u32,
    /// The address that they came from, where they came over the network.
    pub(crate) from: Option<IpAddr>,
}

/// A connection over which a person is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Where the person is.
    pub(crate) peer: SocketAddr,
    /// The address and port of this machine.
    pub(crate) local: SocketAddr,
    /// Whether it carries who asks; where that cannot be known, no session does.
    pub(crate) own: bool,
}

impl Caller {
    /// Who runs this process. Where the machine does not tell the connections, there are none, and what needs one is
    /// refused.
    pub(crate) fn find(console: bool) -> Self {
        let operator = host::operator::operator(std::process::id()).unwrap_or_default();
        let session = |session: &host::operator::Session| Session {
            peer: session.peer,
            local: session.local,
            own: session.own,
        };
        let sessions: Vec<Session> =
            operator.sessions.iter().filter(|session| session.opened_by_peer).map(session).collect();
        let from =
            sessions.iter().find(|session| session.own).map(|session| session.peer.ip().to_canonical());
        let who = Who { user: user(std::env::var("SUDO_UID").ok().as_deref()), from };
        Self { who, sessions, console: console || operator.console }
    }

    /// The connections that carry who asks.
    pub(crate) fn own_sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|session| session.own)
    }

    /// Whether a connection may be the way in of who asks.
    pub(crate) fn has_session_from(&self, peer: SocketAddr) -> bool {
        self.sessions.iter().any(|session| session.peer == peer)
    }
}

/// The person behind a process: root may have been somebody else before.
fn user(sudo: Option<&str>) -> u32 {
    let own = rustix::process::getuid().as_raw();
    if own == 0 { sudo.and_then(|id| id.parse().ok()).unwrap_or(0) } else { own }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user {
            0 => f.write_str("root")?,
            user => write!(f, "uid {user}")?,
        }
        match self.from {
            Some(address) => write!(f, " from {address}"),
            None => Ok(()),
        }
    }
}
