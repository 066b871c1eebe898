//! Live connections: what sockets tell, completed by what connection tracking knows. Servers of UDP without a connected
//! socket, containers and hosts behind this one are in its table alone.

use super::answer::Finding;
use super::machine::Live;
use super::request::Refused;
use super::{Keeper, policy};
use firewall::compiled::Compiled;
use firewall::connections::{Connection, Opener};
use firewall::observed::{Interface, Listener, Observed};
use host::conntrack::Flow;
use std::collections::HashMap;
use std::net::SocketAddr;

const TCP: u8 = 6;
/// Answers to single questions: nothing that could be cut.
const ICMP: [u8; 2] = [1, 58];
/// It begins with the first rules that ask it.
const UNTRACKED: &str =
    "the kernel tracks no connections yet, so flows of UDP and of containers are not listed";

/// The live connections, as a plan needs them.
#[derive(Default)]
pub(super) struct Known {
    /// Every one.
    pub(super) live: Vec<Live>,
    /// Those that the new packets forbid.
    pub(super) forbidden: Vec<Live>,
    /// What should be known about those that are not seen.
    pub(super) unseen: Option<Finding>,
}

impl Keeper {
    /// The live connections, and what a new policy does with them.
    pub(super) fn known(
        &mut self,
        observed: &Observed,
        old: Option<&Compiled>,
        new: &Compiled,
    ) -> Result<Known, Refused> {
        let sockets = self.machine.connections(observed)?;
        let interfaces = policy::interfaces(&observed.interfaces, new);
        let (live, unseen) = match self.machine.flows() {
            Ok(flows) => {
                let live = united(sockets, &flows, &interfaces, &observed.listeners);
                let untracked = old.is_none() && flows.is_empty();
                (live, untracked.then(|| Finding::note(UNTRACKED)))
            }
            Err(refused) => (sockets, Some(unreadable(&refused))),
        };
        Ok(Known { forbidden: self.forbidden(old, new, &live), live, unseen })
    }

    /// Those that a policy forbids; what a grant admits goes on.
    pub(super) fn forbidden(&self, before: Option<&Compiled>, after: &Compiled, live: &[Live]) -> Vec<Live> {
        let now = self.machine.now();
        let is_granted = |one: &Connection| {
            let asked = (one.protocol, one.local.port(), one.peer.ip().to_canonical());
            let mut grants = self.grants.list(now).map(|grant| grant.granted);
            one.opened_by == Opener::Peer
                && grants.any(|granted| (granted.protocol, granted.port, granted.address) == asked)
        };
        let mut forbidden = policy::forbidden(before, after, live);
        forbidden.retain(|live| !is_granted(&live.connection));
        forbidden
    }
}

/// What sockets and connection tracking know together, each connection once.
pub(super) fn united(
    mut sockets: Vec<Live>,
    flows: &[Flow],
    interfaces: &[Interface],
    listeners: &[Listener],
) -> Vec<Live> {
    let ends = |live: &Live| (live.connection.protocol, live.ends);
    let known: HashMap<_, usize> = sockets.iter().enumerate().map(|(at, live)| (ends(live), at)).collect();
    for flow in flows.iter().filter(|flow| !flow.ended && !ICMP.contains(&flow.protocol)) {
        let Some(connection) = flow.connection(interfaces) else { continue };
        let ends = flow.ends(connection.opened_by);
        match known.get(&(flow.protocol, ends)) {
            // A socket does not tell the port that was asked for, nor who began once its listener is gone.
            Some(&at) if connection.opened_by == Opener::Peer => sockets[at].connection = connection,
            Some(_) => {}
            // The sockets of this machine tell all of its TCP.
            None if flow.protocol == TCP && !flow.redirected && connection.opened_by != Opener::Behind => {}
            None => {
                let program = server(&connection, ends.0, listeners);
                sockets.push(Live { socket: None, connection, ends, program });
            }
        }
    }
    sockets
}

/// The program that serves a flow without a socket of its own.
fn server(connection: &Connection, own: SocketAddr, listeners: &[Listener]) -> Option<String> {
    let serves = |listener: &&Listener| {
        let at = listener.local;
        listener.protocol == connection.protocol
            && at.port() == own.port()
            && at.is_ipv4() == own.is_ipv4()
            && (at.ip().is_unspecified() || at.ip() == own.ip())
    };
    let found = (connection.opened_by != Opener::Behind).then(|| listeners.iter().find(serves))?;
    found.and_then(|listener| listener.program.clone())
}

fn unreadable(refused: &Refused) -> Finding {
    let text = format!(
        "connection tracking cannot be read, so flows of UDP and of containers are not listed: {}",
        refused.reason
    );
    Finding::warning(text, "it needs root and the kernel's module nf_conntrack_netlink")
}

#[cfg(test)]
mod tests {
    use super::*;
    use firewall::observed::InterfaceKind;
    use host::conntrack::Tuple;
    use model::plan::InterfaceName;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn flow(protocol: u8, original: [&str; 2], reply: [&str; 2]) -> Flow {
        let tuple = |ends: [&str; 2]| Tuple { source: at(ends[0]), destination: at(ends[1]) };
        Flow {
            protocol,
            original: tuple(original),
            reply: tuple(reply),
            answered: true,
            redirected: original[1] != reply[0],
            masqueraded: original[0] != reply[1],
            ended: false,
        }
    }

    fn interfaces() -> Vec<Interface> {
        let interface = |(name, net, kind): (&str, &str, InterfaceKind)| Interface {
            name: InterfaceName(name.to_owned()),
            addresses: vec![net.parse().expect("a prefix")],
            kind,
        };
        [
            ("eth0", "192.0.2.1/24", InterfaceKind::Other),
            ("docker0", "172.17.0.1/16", InterfaceKind::Containers),
        ]
        .map(interface)
        .to_vec()
    }

    fn listener(protocol: u8, local: &str, program: &str) -> Listener {
        Listener { protocol, local: at(local), user: 0, program: Some(program.to_owned()), process: None }
    }

    #[test]
    fn each_connection_is_told_once_by_whom_knows_it() {
        let (client, server) = ("203.0.113.9:5000", "192.0.2.1:53");
        let socket = |protocol, local, peer| Live {
            socket: Some(0),
            connection: Connection {
                protocol,
                local: at(local),
                peer: at(peer),
                opened_by: Opener::ThisHost,
                interface: None,
            },
            ends: (at(local), at(peer)),
            program: None,
        };
        let flows = [
            flow(17, [client, server], [server, client]),
            flow(6, ["203.0.113.9:6000", "192.0.2.1:80"], ["192.0.2.1:8080", "203.0.113.9:6000"]),
            flow(6, ["203.0.113.9:7000", "192.0.2.1:80"], ["192.0.2.1:80", "203.0.113.9:7000"]),
            flow(6, ["203.0.113.9:8000", "192.0.2.1:81"], ["172.17.0.2:80", "203.0.113.9:8000"]),
            flow(17, ["172.17.0.2:9000", "203.0.113.9:53"], ["203.0.113.9:53", "192.0.2.1:9000"]),
            flow(1, ["203.0.113.9:0", "192.0.2.1:0"], ["192.0.2.1:0", "203.0.113.9:0"]),
        ];
        let sockets = vec![socket(6, "192.0.2.1:8080", "203.0.113.9:6000")];
        let listeners = [listener(6, "0.0.0.0:53", "tcp"), listener(17, "0.0.0.0:53", "named")];
        let told: Vec<String> = united(sockets, &flows, &interfaces(), &listeners)
            .into_iter()
            .map(|live| {
                let Connection { protocol, local, peer, opened_by, .. } = live.connection;
                let program = live.program.unwrap_or_default();
                format!("{protocol} {local} {peer} {opened_by:?} {} {program}", live.ends.0)
            })
            .collect();
        assert_eq!(
            told,
            [
                "6 192.0.2.1:80 203.0.113.9:6000 Peer 192.0.2.1:8080 ",
                "17 192.0.2.1:53 203.0.113.9:5000 Peer 192.0.2.1:53 named",
                "6 192.0.2.1:81 203.0.113.9:8000 Peer 172.17.0.2:80 ",
                "17 172.17.0.2:9000 203.0.113.9:53 Behind 172.17.0.2:9000 ",
            ]
        );
    }

    #[test]
    fn flows_over_are_told_by_nobody() {
        let ended = Flow {
            ended: true,
            ..flow(6, ["203.0.113.9:8000", "192.0.2.1:81"], ["172.17.0.2:80", "203.0.113.9:8000"])
        };
        assert_eq!(united(Vec::new(), &[ended], &interfaces(), &[]), []);
    }
}
