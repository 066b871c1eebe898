//! Live connections that a policy forbids.

use crate::compiled::Compiled;
use crate::packet::{Packet, Reason, Refusal, Verdict, Way};
use model::plan::{InterfaceName, RuleId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A live connection of this host, or a flow of a protocol without connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// 6 (TCP), 17 (UDP) or another protocol with ports.
    pub protocol: u8,
    /// This end. For a port that leads to a container it is the one that the client used; what a container opened has
    /// the container's.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Who opened it.
    pub opened_by: Opener,
    /// The interface that its packets come in or go out by, where it is known.
    pub interface: Option<InterfaceName>,
}

/// Who opened a connection, and so where its first packet was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opener {
    /// The other end: to this host, or to what it publishes for others behind it.
    Peer,
    /// This host.
    ThisHost,
    /// A container or a host of the private side, which this one forwards for.
    Behind,
}

/// A connection that a new policy forbids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The connection.
    pub connection: Connection,
    /// The rules that admitted it before; empty where no rule was asked.
    pub rules: Vec<RuleId>,
    /// Why it is refused now.
    pub refusal: Refusal,
}

/// The connections that the new policy forbids, with the rules of the old one that admitted them. Connections within
/// this host are left out: which user holds the other end is not known here.
#[must_use]
pub fn connections_cut(old: Option<&Compiled>, new: &Compiled, connections: &[Connection]) -> Vec<Cut> {
    let cut = |connection: &Connection| {
        let packet = connection.packet()?;
        let (Verdict::Drop(refusal) | Verdict::Reject(refusal)) = new.judge(&packet) else { return None };
        let rules = match old.map(|old| old.judge(&packet)) {
            Some(Verdict::Accept(Reason::Rule(rule))) => vec![rule],
            Some(Verdict::Accept(Reason::Guarded(rules))) => rules,
            _ => Vec::new(),
        };
        Some(Cut { connection: connection.clone(), rules, refusal })
    };
    connections.iter().filter_map(cut).collect()
}

impl Connection {
    /// A packet of it in its original direction; `None` within this host.
    fn packet(&self) -> Option<Packet> {
        let (peer, local) = (self.peer.ip().to_canonical(), self.local.ip().to_canonical());
        if peer.is_loopback() || peer == local || self.interface.as_ref().is_some_and(|name| name.0 == "lo") {
            return None;
        }
        let (peer, local) = ((peer, self.peer.port()), (local, self.local.port()));
        let (way, from, to) = match self.opened_by {
            Opener::Peer => (Way::In, peer, local),
            Opener::ThisHost => (Way::Out, local, peer),
            Opener::Behind => (Way::Through, local, peer),
        };
        Some(Packet {
            way,
            interface: self.interface.clone().unwrap_or_else(|| InterfaceName(String::new())),
            source: from.0,
            destination: to.0,
            protocol: self.protocol,
            key: to.1,
            source_port: from.1,
            opens: false,
            user: None,
        })
    }
}
