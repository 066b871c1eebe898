//! The table of connections, filled by rules of the test's own namespace.

use crate::namespace::{HERE, THERE, at, here, in_namespace, run, two_ends, udp};
use firewall::connections::Opener;
use host::conntrack::{Flow, Load, Losses, flows};
use std::net::UdpSocket;
use std::path::Path;

/// Connection tracking begins with the first rule that asks it.
fn track() {
    run("nft add table ip test");
    run("nft add chain ip test out { type nat hook output priority -100 ; }");
    run("nft add rule ip test out udp dport 53 redirect to :5353");
}

fn only() -> Flow {
    let found = flows().expect("flows, which need CAP_NET_ADMIN");
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

#[test]
fn a_redirected_flow_shows_both_its_ends() {
    in_namespace("conntrack::a_redirected_flow_shows_both_its_ends", || {
        two_ends();
        track();
        assert_eq!(flows().expect("flows"), []);
        // What is sent from here is redirected to loopback's first address, which must answer.
        let server = UdpSocket::bind("127.0.0.1:5353").expect("a socket");
        let client = udp(at(&format!("{THERE}:0")), at(&format!("{HERE}:53")));
        client.send(b"question").expect("sent");
        let (_, from) = server.recv_from(&mut [0; 16]).expect("the question");
        let flow = only();
        assert_eq!(flow.protocol, 17);
        assert_eq!(flow.original.source, client.local_addr().expect("an address"));
        assert_eq!(flow.original.destination, at(&format!("{HERE}:53")));
        assert_eq!(flow.reply.source.port(), 5353);
        assert!(flow.redirected && !flow.masqueraded && !flow.answered, "{flow:?}");
        server.send_to(b"answer", from).expect("sent");
        client.recv(&mut [0; 16]).expect("the answer");
        assert!(only().answered);
        let connection = flow.connection(&here()).expect("one end is here");
        assert_eq!(connection.local, at(&format!("{HERE}:53")), "the port that the client used");
        assert_eq!(connection.opened_by, Opener::Peer);
    });
}

#[test]
fn the_table_tells_how_full_it_is_and_what_it_lost() {
    in_namespace("conntrack::the_table_tells_how_full_it_is_and_what_it_lost", || {
        two_ends();
        track();
        let root = Path::new("/");
        let client = udp(at(&format!("{THERE}:0")), at(&format!("{HERE}:9")));
        client.send(b"x").expect("sent");
        let load = Load::read(root).expect("a table");
        assert_eq!(load.count, 1);
        assert!(load.max > 1, "{load:?}");
        assert_eq!(Losses::read(root), Some(Losses::default()));
        assert!(host::settings::picks_up_connections(root).is_some());
    });
}
