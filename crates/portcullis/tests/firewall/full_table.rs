//! A table of connections without room: the administrator gets in all the same, and it is told.
//!
//! How many fit is a setting of the whole machine, which a test does not touch; each namespace has a count of its own.
//! The table is filled with connections in both directions, since the kernel throws out others to make room.

use crate::pair::{CLIENT, Pair, SERVER, at, both};
use crate::sshd::Sshd;
use std::ops::RangeInclusive;
use testkit::eventually;
use testkit::lab::{Content, Packet, Reach, Sender, Service};

const FILE: &str =
    "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\", \"5000-5999/tcp\"]\n[log]\naccess = \"off\"\n";
/// Where connections are opened that nobody answers but the test.
const OPENED: RangeInclusive<u16> = 5000..=5999;
/// Connections between two looks at the count.
const CHUNK: usize = 8192;

/// Kernels say that they know of no such connection, which would end it.
const MUTE: &str = "table inet mute {
chain c {
type filter hook output priority -400
tcp sport 5000-5999 tcp flags & rst == rst drop
tcp dport 5000-5999 tcp flags & rst == rst drop
}
}
";

fn segment(source: &str, destination: &str) -> Packet {
    let content = Content::Tcp { source: 0, destination: 0, flags: testkit::lab::ACK };
    Packet { source: source.parse().unwrap(), destination: destination.parse().unwrap(), content }
}

/// A number of the server's own namespace.
fn number(pair: &Pair, name: &str) -> usize {
    let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
    pair.server.host.run(|| std::fs::read_to_string(&path)).unwrap().trim().parse().unwrap()
}

/// Opens connections until no other one fits. Of each there is a segment, its answer and one more: from then on the kernel
/// does not throw it out to make room for others.
fn fill(pair: &Pair) {
    let (client, server) = (Sender::new(&pair.client), Sender::new(&pair.server.host));
    let (asked, answer) = (segment(CLIENT[0], SERVER[0]), segment(SERVER[0], CLIENT[0]));
    let room = number(pair, "max");
    let mut flows = OPENED.flat_map(|to| (1024..=u16::MAX).map(move |from| (from, to)));
    while number(pair, "count") < room {
        let chunk: Vec<(u16, u16)> = flows.by_ref().take(CHUNK).collect();
        assert!(!chunk.is_empty(), "{} of {room} connections are tracked", number(pair, "count"));
        client.send_with_ports(&asked, chunk.iter().copied());
        server.send_with_ports(&answer, chunk.iter().map(|&(from, to)| (to, from)));
        client.send_with_ports(&asked, chunk);
    }
}

#[test]
fn a_full_table_of_connections_locks_nobody_out_and_is_told() {
    let pair = Pair::new(FILE);
    let _service = Service::on_ports(&pair.server.host, &[81]);
    let sshd = Sshd::at(&pair.server.host, SERVER[0]);
    pair.server.apply(FILE);
    let mut gate = pair.server.up();
    for host in [&pair.client, &pair.server.host] {
        host.nft(MUTE);
    }
    assert_eq!(pair.client.tcp(at(SERVER[0], 81)), Reach::Open);

    fill(&pair);
    eventually("no room", || (pair.client.tcp_all(&both(81)) == [Reach::Filtered; 2]).then_some(()));
    assert_eq!(pair.client.tcp_all(&both(22)), [Reach::Open; 2]);
    sshd.wait_for_login(&pair.client);
    gate.wait_for_stderr("the kernel's table of connections is ");
    let status = pair.server.ask(&["status"]).stdout;
    assert!(status.contains("100 % full"), "{status}");
    assert!(status.contains("nf_conntrack_max="), "{status}");
    assert_eq!(pair.server.status()["enforced"], true);
}
