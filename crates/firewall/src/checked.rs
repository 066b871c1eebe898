//! The proof that a policy locks nobody out, as a type.
//!
//! Whatever changes packets asks for [`Checked`], and only [`Draft::check`] makes one of a policy that is new.

mod way_in;

pub use way_in::{ssh_opened, way_in_ends};

use crate::addresses::Family;
use crate::compiled::Compiled;
use crate::draft::Draft;
use crate::packet::{Packet, Reason, Refusal, Verdict, Way as PacketWay};
use model::plan::InterfaceName;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use way_in::{is_forwarded, reaching};

/// A policy that may be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked(Compiled);

impl Checked {
    /// A policy that was checked, applied and confirmed before, read back from where it was kept. It is never one
    /// that is new: that goes through [`Draft::check`].
    #[must_use]
    pub const fn confirmed_before(compiled: Compiled) -> Self {
        Self(compiled)
    }

    /// Essentials and the ports of sshd from anywhere, where no policy was ever confirmed.
    #[must_use]
    pub fn minimum(
        sshd_ports: impl IntoIterator<Item = u16>,
        containers: impl IntoIterator<Item = InterfaceName>,
    ) -> Self {
        Self(Compiled::minimum(sshd_ports, containers))
    }

    /// The policy.
    #[must_use]
    pub const fn compiled(&self) -> &Compiled {
        &self.0
    }
}

/// How the operator is connected, and what they accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Connections to this host.
    pub sessions: Vec<Session>,
    /// How the operator is here.
    pub way: Way,
    /// What the operator accepts.
    pub accept: Risks,
}

/// A TCP connection to this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    /// The interface that its packets come in by, where it is known.
    pub interface: Option<InterfaceName>,
    /// Whether the operator who asks is connected through it.
    pub operators: bool,
}

/// How the operator is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On a console, which no packet can take away.
    Console,
    /// Through the sessions that are marked as theirs.
    Sessions,
    /// It could not be found out.
    Unknown,
}

/// Risks that the operator has named on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Risks {
    /// `--cut-my-session`: my own session may end.
    pub cut_my_session: bool,
    /// `--close-last-way-in`: nobody may be able to log in over the network.
    pub close_last_way_in: bool,
}

/// Why a policy is not applied: it would lock the operator out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lockout {
    /// It would cut the operator's own session.
    CutsSession {
        /// Where the operator is.
        peer: SocketAddr,
        /// The port of this host.
        port: u16,
        /// Why packets of the session would be refused.
        refusal: Refusal,
    },
    /// `[nat]` would lead the operator's own session to another host.
    LeadsSessionAway {
        /// The port of this host.
        port: u16,
        /// The other host.
        to: IpAddr,
    },
    /// Nobody could reach a port of sshd.
    LastWayIn {
        /// The ports where sshd was seen.
        ports: BTreeSet<u16>,
        /// Those that `[nat]` leads to other hosts.
        forwarded: BTreeSet<u16>,
    },
    /// Nobody could reach a port of sshd once the rules that name it have ended.
    WayInEnds {
        /// The ports where sshd was seen.
        ports: BTreeSet<u16>,
        /// When the last of them ends, in seconds since 1970-01-01 UTC.
        end: u64,
    },
    /// It is not known how the operator is connected.
    UnknownOperator,
}

impl Lockout {
    /// What to do about it, with the flag that names the risk.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::CutsSession { peer, refusal: Refusal::Denied, .. } => {
                format!("take {} off the deny list, or accept the end of your session: `--cut-my-session`", peer.ip())
            }
            Self::CutsSession { peer, port, .. } => format!(
                "open it with `portcullis allow {port}/tcp --from {}`, or accept the end of your session: `--cut-my-session`",
                peer.ip()
            ),
            Self::LeadsSessionAway { port, .. } => format!(
                "take port {port} out of the forwards of [nat], or accept the end of your session: `--cut-my-session`"
            ),
            Self::LastWayIn { forwarded, .. } if !forwarded.is_empty() => format!(
                "take port {} out of the forwards of [nat], let sshd listen at another port as well, or accept it: `--close-last-way-in` (`--console` says that you are on a console)",
                or(forwarded)
            ),
            Self::LastWayIn { ports, .. } => {
                let port = ports.first().copied().unwrap_or(22);
                format!(
                    "open one with `portcullis allow {port}/tcp --from ADDRESS`, or accept it: `--close-last-way-in` (`--console` says that you are on a console)"
                )
            }
            Self::WayInEnds { ports, .. } => {
                let port = ports.first().copied().unwrap_or(22);
                format!(
                    "add a rule without `expires`, `portcullis allow {port}/tcp --from ADDRESS`, or accept it: `--close-last-way-in`"
                )
            }
            Self::UnknownOperator => {
                "say `--console` if you are on a console, or accept the end of your session: `--cut-my-session`"
                    .to_owned()
            }
        }
    }
}

impl fmt::Display for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutsSession { peer, port, refusal: Refusal::Denied } => {
                write!(
                    f,
                    "your own session from {} to port {port} would be cut: a deny list has you",
                    peer.ip()
                )
            }
            Self::CutsSession { peer, port, .. } => {
                write!(f, "your own session would be cut: no rule admits {port}/tcp from {}", peer.ip())
            }
            Self::LeadsSessionAway { port, to } => {
                write!(f, "your own session would be cut: [nat] leads port {port} to {to}")
            }
            Self::LastWayIn { ports, .. } if ports.is_empty() => {
                f.write_str("no way in would be left: sshd was not seen, and no session of yours stays open")
            }
            Self::LastWayIn { ports, forwarded } => {
                write!(f, "no way in would be left: nobody may reach ssh on port {}", or(ports))?;
                if forwarded.is_empty() {
                    Ok(())
                } else {
                    write!(f, " ([nat] leads {} elsewhere)", or(forwarded))
                }
            }
            Self::WayInEnds { ports, .. } => {
                write!(
                    f,
                    "the last way in would close by itself: every rule for ssh on port {} ends",
                    or(ports)
                )
            }
            Self::UnknownOperator => f.write_str("it is not known how you are connected to this host"),
        }
    }
}

impl std::error::Error for Lockout {}

fn or(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

impl Draft {
    /// Proves that the operator stays connected and that a way in stays open, unless they accept otherwise.
    ///
    /// # Errors
    ///
    /// Says which of the two cannot be proved. Not knowing how the operator is connected is no proof.
    pub fn check(self, access: &Access) -> Result<Checked, Lockout> {
        let compiled = self.compiled();
        if access.way != Way::Console {
            check_session(compiled, access)?;
            check_way_in(compiled, access)?;
        }
        Ok(Checked(self.into_compiled()))
    }
}

fn operators(access: &Access) -> impl Iterator<Item = &Session> {
    access.sessions.iter().filter(|session| session.operators)
}

fn check_session(compiled: &Compiled, access: &Access) -> Result<(), Lockout> {
    if access.accept.cut_my_session {
        return Ok(());
    }
    if access.way == Way::Unknown || operators(access).next().is_none() {
        return Err(Lockout::UnknownOperator);
    }
    operators(access).try_for_each(|session| match leads_away(compiled, session) {
        Some(to) => Err(Lockout::LeadsSessionAway { port: session.local.port(), to }),
        None => stays(compiled, session),
    })
}

/// Where `[nat]` leads packets of a session. The connections of sshd's ports are not tracked where no forward needs it,
/// so a forward that is new is about a connection that is there as well.
fn leads_away(compiled: &Compiled, session: &Session) -> Option<IpAddr> {
    let packet = packet(session);
    let nat = compiled.canonical.nat.as_ref().filter(|_| packet.way == PacketWay::In)?;
    nat.forwarded(packet.protocol, packet.key, Family::of(packet.source)).map(|target| target.address)
}

fn stays(compiled: &Compiled, session: &Session) -> Result<(), Lockout> {
    match compiled.judge(&packet(session)) {
        Verdict::Accept(_) => Ok(()),
        Verdict::Drop(refusal) | Verdict::Reject(refusal) => {
            let peer = SocketAddr::new(session.peer.ip().to_canonical(), session.peer.port());
            Err(Lockout::CutsSession { peer, port: session.local.port(), refusal })
        }
    }
}

fn check_way_in(compiled: &Compiled, access: &Access) -> Result<(), Lockout> {
    let ports = &compiled.canonical.administration;
    let is_open = ports.iter().any(|&port| !reaching(compiled, port).is_empty());
    // Where sshd is not seen, the operator came in another way, which stays a way in as long as it is open.
    let stays = || {
        let stays = |session| lasts(compiled, &compiled.judge(&packet(session)));
        operators(access).any(|session| leads_away(compiled, session).is_none() && stays(session))
    };
    if is_open || access.accept.close_last_way_in || (ports.is_empty() && stays()) {
        return Ok(());
    }
    let forwards = |port: &u16| Family::BOTH.iter().any(|&family| is_forwarded(compiled, *port, family));
    let forwarded = ports.iter().copied().filter(forwards).collect();
    let ports = ports.clone();
    Err(match way_in_ends(compiled) {
        Some(end) => Lockout::WayInEnds { ports, end },
        None => Lockout::LastWayIn { ports, forwarded },
    })
}

/// Whether a packet passes, and will go on to: a rule that ends is no way in, because nobody is left to prolong it.
fn lasts(compiled: &Compiled, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Accept(Reason::Guarded(rules)) => {
            rules.iter().filter_map(|rule| compiled.rule(rule)).any(|rule| rule.expires.is_none())
        }
        verdict => verdict.passes(),
    }
}

impl Compiled {
    /// Whether the packets of a session pass.
    #[must_use]
    pub fn admits(&self, session: &Session) -> bool {
        self.judge(&packet(session)).passes()
    }
}

/// A packet of a session. Where the interface is not known, only rules for any interface count: those are the ones
/// that hold for sure.
fn packet(session: &Session) -> Packet {
    let (source, destination) = (session.peer.ip().to_canonical(), session.local.ip().to_canonical());
    let within = source.is_loopback() || source == destination;
    Packet {
        way: if within { PacketWay::Loopback } else { PacketWay::In },
        interface: session.interface.clone().unwrap_or_else(|| InterfaceName(String::new())),
        source,
        destination,
        protocol: 6,
        key: session.local.port(),
        source_port: session.peer.port(),
        opens: false,
        user: None,
    }
}

#[cfg(test)]
mod tests;
