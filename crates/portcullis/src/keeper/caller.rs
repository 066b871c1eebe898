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

    /// Where who asks is logged in from, as far as their connections or what the ssh server said about them tell.
    pub(crate) fn seen_from(&self) -> Option<IpAddr> {
        self.who.from.or_else(|| said_by_ssh(&std::env::var("SSH_CONNECTION").ok()?))
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

/// The peer in the content of `SSH_CONNECTION`: `PEER PORT LOCAL PORT`.
fn said_by_ssh(value: &str) -> Option<IpAddr> {
    // A link-local address has its interface behind it.
    let address = value.split([' ', '%']).next()?;
    Some(address.parse::<IpAddr>().ok()?.to_canonical())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ssh_server_says_where_somebody_came_from() {
        for (value, from) in [
            ("192.0.2.7 50000 192.0.2.1 22", Some("192.0.2.7")),
            ("::ffff:192.0.2.7 50000 ::ffff:192.0.2.1 22", Some("192.0.2.7")),
            ("fe80::1%eth0 5 fe80::2%eth0 22", Some("fe80::1")),
            ("", None),
            ("UNKNOWN 65535 UNKNOWN 65535", None),
        ] {
            assert_eq!(said_by_ssh(value).map(|from| from.to_string()).as_deref(), from, "{value}");
        }
    }
}
